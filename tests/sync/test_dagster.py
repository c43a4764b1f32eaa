"""Real Dagster, in an environment of its own: the example in pipelines/ and the component that the
README shows, each in a process, into one Postgres dataset."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeHarness
from tests.support.databases import Postgres
from tests.support.faults import Fault
from tests.support.harness import Harness
from tests.support.oracle import Oracle, assert_equal
from tests.support.runners import Runner
from tests.support.side_by_side import complaints

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
PIPELINES = ROOT / "pipelines"
NAMES = ("growth", "sales")
ALL_CHECKS = ("nothing_is_set_aside", "results_are_as_loaded", "results_reconciliation", "is_fresh")
PASSED = dict.fromkeys(ALL_CHECKS, "passed")
PROJECT = """
[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "analytics"
"""
LATER = {"retry-after": "100000"}
"""Longer than a call is tried again: three such answers end the sync of a workspace at once."""


@dataclass
class Dagster:
    """Two code locations of one instance, and what their runs are told.

    Args:
        example: Runs `pipelines/dagster_definitions.py`, with dbt models.
        component: Runs the `defs.yaml` of the README.
        secrets: Variables that runs need, and loading does not.
    """

    example: Runner
    component: Runner
    secrets: dict[str, str] = field(repr=False)

    def side_by_side(self) -> list[dict[str, Any]]:
        """A run of each workspace, begun together."""
        both = (self.example, self.component)
        for runner, name in zip(both, NAMES, strict=True):
            runner.begin(do="run", partition=name, environment=self.secrets)
        return [runner.end() for runner in both]


@pytest.fixture
def database(default_postgres: Postgres) -> Postgres:
    """The example and the component load into the default dataset."""
    return default_postgres


@pytest.fixture
def harness(make_harness: MakeHarness) -> Harness:
    return make_harness(4, workspaces=2)


@pytest.fixture
def dagster(harness: Harness, database: Postgres, tmp_path: Path) -> Iterator[Dagster]:
    project = shutil.copytree(ROOT / "tests" / "dbt_project", tmp_path / "dbt")
    defs = tmp_path / "project" / "analytics" / "defs" / "captaindata"
    defs.mkdir(parents=True)
    (tmp_path / "project" / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    readme = (PIPELINES / "README.md").read_text(encoding="utf-8")
    (yaml,) = re.findall(r"```yaml\n(type: captaindata_source.dagster.*?)```", readme, re.DOTALL)
    text = f"{yaml}  retry_seconds: 0\n"
    (defs / "defs.yaml").write_text(text, encoding="utf-8")
    shutil.copy(PIPELINES / "dagster_definitions.py", tmp_path)
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    environment = {
        "DAGSTER_HOME": str(tmp_path),
        "DLT_DATA_DIR": str(tmp_path / "dlt"),
        "SOURCES__CAPTAINDATA__BASE_URL": harness.sandbox.base_url,
        "SOURCES__CAPTAINDATA__DEEP_LISTING_HOURS": "0",
        "SOURCES__CAPTAINDATA__MAX_PARALLEL_REQUESTS": "1",
        "SOURCES__CAPTAINDATA__PACKAGE_MAX_RESULTS": "60",
    }
    dbt = {
        "DBT_PROJECT_DIR": str(project),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "CAPTAINDATA_PACKAGE": str(ROOT / "sql" / "dbt"),
        "CAPTAINDATA_SCHEMA": database.dataset,
        "WAREHOUSE": "postgres",
        "WAREHOUSE_PATH": str(database.socket_folder),
    }
    secrets = {"WAREHOUSE_URL": database.uri}
    for name, workspace in zip(NAMES, harness.world.workspaces, strict=True):
        secrets[f"{name.upper()}_API_KEY"] = workspace.api_key
        secrets[f"{name.upper()}_PROJECT_UID"] = workspace.uid
    script = str(ROOT / "tests" / "support" / "dagster_run.py")
    example, component = (
        Runner(script, str(tmp_path / name), folder=tmp_path, environment=given, name=name)
        for name, given in (
            ("dagster_definitions.py", environment | dbt),
            ("project", environment),
        )
    )
    yield Dagster(example, component, secrets)
    for runner in (example, component):
        runner.close()


def test_dagster_loads_checks_retries_and_feeds_dbt(harness: Harness, dagster: Dagster) -> None:
    definitions_load_without_secrets(dagster)
    two_partitions_side_by_side(harness, dagster)
    views_alone_send_nothing(harness, dagster)
    dynamic_partitions_follow_what_is_configured(dagster)
    models_of_dbt_follow(harness, dagster)
    a_failed_run_goes_on_where_it_stopped(harness, dagster)
    some_jobs_are_set_aside(harness, dagster)
    a_refused_key_is_not_tried_again(harness, dagster)
    checks_see_broken_rows(harness, dagster)
    keys = [workspace.api_key for workspace in harness.world.workspaces]
    assert not [key for key in keys if key in dagster.example.log + dagster.component.log]


def definitions_load_without_secrets(dagster: Dagster) -> None:
    parents = dagster.example(do="show")
    ours = dagster.component(do="show")
    assert ours.items() <= parents.items(), "the example has the component's assets and dbt's"
    models = parents.keys() - ours.keys()
    assert models
    for model in models:
        assert set(parents[model]) <= parents.keys(), "each source of dbt is an asset of ours"
    assert parents["stg_jobs"] == ["captaindata_views/jobs"]
    assert "captaindata/jobs" in parents["captaindata_views/jobs"]


def two_partitions_side_by_side(harness: Harness, dagster: Dagster) -> None:
    oracle = Oracle(harness.world)
    for days in (0, 1):
        harness.world.advance(days=days)
        oracle.look()
        done = dagster.side_by_side()
        assert [each["is_success"] for each in done] == [True, True], done
        assert complaints(harness, []) == []
        assert_equal(harness, oracle)
    for each in done:
        jobs = each["materialized"]["captaindata/jobs"]
        assert jobs["outcome"] == "loaded"
        assert jobs["dagster/table_name"] == "captaindata.jobs"
        assert jobs["rows_written"] > 0 < jobs["api_calls"]
        assert each["materialized"]["captaindata_views/jobs"] == {"state": "unchanged"}
    assert done[-1]["checks"].keys() == PASSED.keys()
    fresh = dagster.component(do="run", job="captaindata_freshness")
    assert fresh["checks"] == {"is_fresh": "passed"}
    assert dagster.component(do="tick") == list(NAMES)


def views_alone_send_nothing(harness: Harness, dagster: Dagster) -> None:
    harness.sandbox.log.clear()
    select = 'key:"captaindata_views/workspaces"'
    done = dagster.component(do="run", select=select, partition="sales")
    assert done["materialized"] == {"captaindata_views/workspaces": {"state": "unchanged"}}
    assert not harness.sandbox.log.entries


def dynamic_partitions_follow_what_is_configured(dagster: Dagster) -> None:
    tables = [{"name": name, "api_key": "k", "project_uid": name} for name in NAMES]
    for configured, asked in (
        (tables, {"AddDynamicPartitionsRequest": {"captaindata_workspaces": [*NAMES]}}),
        (tables[1:], {"DeleteDynamicPartitionsRequest": {"captaindata_workspaces": ["growth"]}}),
    ):
        environment = {"SOURCES__CAPTAINDATA__WORKSPACES": json.dumps(configured)}
        assert dagster.component(do="sense", environment=environment) == asked


def models_of_dbt_follow(harness: Harness, dagster: Dagster) -> None:
    built = dagster.example(do="run", select='key:"stg_jobs"+')
    assert built["is_success"], built
    assert "stg_jobs" in built["materialized"]
    count = "select count(*) as rows from"
    (model,) = harness.database.execute(f"{count} captaindata_analytics.stg_jobs")
    (view,) = harness.database.execute(f"{count} captaindata_views.jobs where not is_sub_job")
    assert model == view != {"rows": 0}


def a_failed_run_goes_on_where_it_stopped(harness: Harness, dagster: Dagster) -> None:
    sales = harness.world.workspaces[1]
    for table in ("job_results", "job_results_ledger"):
        harness.database.execute(f"delete from {table} where workspace_uid = %s", [sales.uid])
    harness.sandbox.faults.add(
        Fault(
            match="/results$", kind="status", headers=LATER, skip=25, times=3, workspace=sales.uid
        )
    )
    done = dagster.component(do="run", partition="sales")
    harness.sandbox.faults.clear()
    assert done["is_success"], done
    assert done["retries"] == 1
    assert "503" in done["failures"][0]
    failed, loaded = harness.database.execute(
        "select outcome, load_packages, results_fetched, results_skipped from sync_runs "
        "where workspace_uid = %s order by started_at desc limit 2",
        [sales.uid],
    )[::-1]
    assert (failed["outcome"], loaded["outcome"]) == ("failed", "loaded")
    assert failed["load_packages"] > 1
    assert loaded["results_skipped"] > 0 < loaded["results_fetched"]
    assert done["checks"]["nothing_is_set_aside"] == "passed"
    assert done["materialized"]["captaindata/job_results"]["rows_written"] > 0


def some_jobs_are_set_aside(harness: Harness, dagster: Dagster) -> None:
    sales = harness.world.workspaces[1]
    row, *_ = harness.rows("job_results", where=f"workspace_uid = '{sales.uid}'")
    job = row["job_uid"]
    harness.database.execute("delete from job_results_ledger where job_uid = %s", [job])
    harness.sandbox.faults.add(Fault(match=f"{job}/results", kind="status", status=404))
    partly = dagster.component(do="run", partition="sales")
    harness.sandbox.faults.clear()
    assert partly["is_success"], partly
    assert partly["materialized"]["captaindata/jobs"]["outcome"] == "partly_loaded"
    assert partly["checks"] == {**PASSED, "nothing_is_set_aside": "WARN"}


def a_refused_key_is_not_tried_again(harness: Harness, dagster: Dagster) -> None:
    wrong = {"SALES_API_KEY": "of-another"}
    done = dagster.component(do="run", partition="sales", environment=wrong)
    assert (done["is_success"], done["retries"], done["materialized"]) == (False, 0, {})
    assert "401" in done["failures"][0]
    done = dagster.component(do="run", job="captaindata_checks")
    assert done["checks"] == {**PASSED, "nothing_is_set_aside": "ERROR"}
    again = dagster.component(do="run", partition="sales", environment=dagster.secrets)
    assert again["checks"] == PASSED


def checks_see_broken_rows(harness: Harness, dagster: Dagster) -> None:
    lost, kept, *_ = harness.rows("job_results", where="position = 0")
    execute = harness.database.execute
    execute("delete from job_results where job_uid = %s and position = 0", [lost["job_uid"]])
    checked = dagster.example(do="run", job="captaindata_checks", environment=dagster.secrets)
    assert checked["checks"] == {
        **PASSED,
        "results_are_as_loaded": "ERROR",
        "results_reconciliation": "WARN",
    }
    assert checked["materialized"] == {}
    execute(
        "insert into job_results select * from job_results where job_uid = %s and position = 0",
        [kept["job_uid"]],
    )
    execute("update sync_runs set finished_at = finished_at - interval '3 days'")
    checked = dagster.example(do="run", job="captaindata_checks")
    assert checked["checks"]["results_are_as_loaded"] == "ERROR"
    assert checked["checks"]["is_fresh"] == "ERROR"
