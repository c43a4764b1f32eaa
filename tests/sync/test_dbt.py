"""Real dbt on a warehouse that was really loaded: the package `sql/dbt` in a project that uses it.

dbt lives in another environment, `.venv/orchestrators`: it and mypy need different versions of
pathspec.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
import tomllib
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from captaindata_source.people_fields import PEOPLE_TABLES
from captaindata_source.tables import views_schema
from captaindata_source.views.shipped import load_views
from tests.conftest import MakeHarness
from tests.support import dbt_models, dbt_run, dbt_sources
from tests.support.databases import Database, DuckDb, Row
from tests.support.faults import Fault
from tests.support.harness import Harness

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "sql" / "dbt"
PYTHON = ROOT / ".venv" / "orchestrators" / "bin" / "python"
README = (PACKAGE / "README.md").read_text(encoding="utf-8")
LIMIT_SECONDS = 240
REPORT_TIMEZONE = "Pacific/Auckland"
OFF, TABLE = "top_error_messages", "credit_usage"
"""Marts that the project switches off, and makes a table of."""
EARLY = "1.5"
"""A load that began before all others."""
BOOKKEEPING = {
    "alerts",
    "alert_deliveries",
    "_dlt_version",
    "_dlt_pipeline_state",
    "exported_rows",
    "exports",
    "job_result_field_counts",
    "job_result_field_jobs",
    "job_result_view_labels",
    "view_definitions",
    *PEOPLE_TABLES,
}
"""Tables that are nobody's source."""


class Dbt:
    """dbt in a project of someone who uses the package.

    Args:
        database: Holds the warehouse; dbt's own schema is beside it.
        folder: For the project.
        warehouse: The DuckDB file, or the socket folder of PostgreSQL.
    """

    def __init__(self, database: Database, folder: Path, warehouse: Path) -> None:
        self.database = database
        self.folder = folder / "project"
        self._manifest = self.folder / "target" / "manifest.json"
        shutil.copytree(ROOT / "tests" / "dbt_project", self.folder)
        (model,) = re.findall(r"```sql\n(.*?)```", README, re.DOTALL)
        filtered = model.replace("where\n    _dlt", "where\n    position > 0\n    and _dlt", 1)
        assert filtered != model
        for name, text in (("results", model), ("filtered", filtered)):
            (self.folder / "models" / f"{name}.sql").write_text(text, encoding="utf-8")
        self._errors = (folder / "dbt.err").open("w+", encoding="utf-8")
        self._process = subprocess.Popen(
            [PYTHON, "-I", dbt_run.__file__],
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(folder),
                "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
                "DBT_QUIET": "true",
                "DBT_LOG_LEVEL_FILE": "none",
                "CAPTAINDATA_PACKAGE": str(PACKAGE),
                "CAPTAINDATA_SCHEMA": database.dataset,
                "WAREHOUSE": database.name,
                "WAREHOUSE_PATH": str(warehouse),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._limit = threading.Timer(LIMIT_SECONDS, self._process.kill)
        self._limit.start()

    def __call__(self, *arguments: str, is_success: bool = True) -> dict[str, str]:
        """Runs a command. Returns the status of each node, by its short name."""
        assert self._process.stdin
        assert self._process.stdout
        names = {
            "captaindata_schema": self.database.dataset,
            "captaindata_report_timezone": REPORT_TIMEZONE,
            "captaindata_unit_tests": True,
        }
        command = [*arguments, "--vars", json.dumps(names)]
        if self._manifest.exists():  # `sources` needs it once, and most of a command is to write it
            command.append("--no-write-json")
        print(json.dumps(command), file=self._process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._process.stdout.readline() or "{}")
        self._errors.seek(0)
        if answer.get("is_success") != is_success:
            pytest.fail(f"{command}: {answer.get('error')}\n{self._errors.read()}")
        assert answer["network"] == [], "dbt is to stay off the network"
        return {
            name.split(".")[3 if name.startswith(("source.", "unit_test.")) else 2]: status
            for name, status in answer["statuses"].items()
        }

    def build(self, *models: str) -> dict[str, str]:
        statuses = self("build", "--select", *models) if models else self("build")
        fine = ("success", "pass", "no-op")
        assert not {name: found for name, found in statuses.items() if found not in fine}
        return statuses

    def table(self, model: str) -> str:
        return f"{self.database.dataset}_analytics.{model}"

    def sources(self) -> dict[tuple[str, str], set[str]]:
        """Schema and table to the columns that `sources.yml` documents, as dbt read it."""
        text = self._manifest.read_text(encoding="utf-8")
        return {
            (source["schema"], source["identifier"]): set(source["columns"])
            for source in json.loads(text)["sources"].values()
        }

    def close(self) -> None:
        self._limit.cancel()
        self._process.communicate(timeout=30)
        self._errors.close()


@pytest.fixture
def dbt(database: Database, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Dbt]:
    assert PYTHON.exists(), "dbt is not there: run make .venv/.orchestrators-ready"
    if isinstance(database, DuckDb):
        found = Dbt(database, tmp_path, database.path)
    else:
        found = Dbt(database, tmp_path, request.getfixturevalue("postgres_folder"))
    yield found
    found.close()


def columns_in_warehouse(harness: Harness) -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    dataset = harness.database.dataset
    for row in harness.database.execute(
        "select table_schema, table_name, column_name from information_schema.columns"
        " where table_schema in (%s, %s)",
        (dataset, views_schema(dataset)),
    ):
        table = (row["table_schema"], row["table_name"])
        found.setdefault(table, set()).add(row["column_name"])
    workflows = harness.database.execute("select view_name from job_result_views")
    hidden = BOOKKEEPING | {row["view_name"] for row in workflows}
    return {table: columns for table, columns in found.items() if table[1] not in hidden}


def results(harness: Harness, table: str, where: str = "1 = 1") -> dict[str, Row]:
    """Result to its row, in `job_results` or a model on it."""
    columns = "job_uid, workflow_uid, result_uid, position, data, created_at, _dlt_load_id"
    rows = harness.database.execute(f"select {columns} from {table} where {where}")
    found = {row["result_uid"]: row for row in rows}
    assert len(found) == len(rows)
    return found


def assert_models_follow(harness: Harness, dbt: Dbt) -> None:
    assert results(harness, dbt.table("results")) == results(harness, "job_results")
    filtered = results(harness, "job_results", "position > 0")
    assert results(harness, dbt.table("filtered")) == filtered


def sizes(harness: Harness) -> Counter[str]:
    return Counter(row["job_uid"] for row in results(harness, "job_results").values())


def test_sources_and_models_are_those_of_tables_and_views() -> None:
    is_stale = dbt_sources.TARGET.read_text(encoding="utf-8") != dbt_sources.render()
    assert not is_stale, "run python -m tests.support.dbt_sources"
    wanted = dbt_models.files()
    there = {
        *wanted,
        *dbt_models.FOLDER.rglob("*.sql"),
        *dbt_models.FOLDER.rglob("*.yml"),
        *(dbt_models.MACROS / "on_spark").iterdir(),
    }
    stale = {
        path.name
        for path in there - {dbt_sources.TARGET}
        if not path.exists() or path.read_text(encoding="utf-8") != wanted.get(path)
    }
    assert not stale, "run python -m tests.support.dbt_models"


def test_the_environment_of_dbt_is_what_the_extra_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = {}
    for file in ("constraints.txt", "constraints-orchestrators.txt"):
        lines = (ROOT / file).read_text(encoding="utf-8").split()
        pins[file] = dict(line.split("==") for line in lines)
    for each in map(Requirement, project["optional-dependencies"]["dbt"]):
        assert each.specifier.contains(pins["constraints-orchestrators.txt"][each.name]), each
    for shared in ("duckdb", "psycopg2-binary"):
        assert pins["constraints.txt"][shared] == pins["constraints-orchestrators.txt"][shared], (
            shared
        )


def test_a_project_builds_on_the_package(make_harness: MakeHarness, dbt: Dbt) -> None:
    harness = make_harness(2)
    harness.extra["SOURCES__CAPTAINDATA__CREATE_VIEWS"] = "true"
    harness.extra["SOURCES__CAPTAINDATA__REPORT_TIMEZONE"] = REPORT_TIMEZONE
    harness.sync()
    dbt("deps")
    statuses = dbt.build()
    assert {each.name for each in load_views()} - {OFF} == {
        name.removeprefix("captaindata__")
        for name in statuses
        if re.fullmatch(r"captaindata__\w+(?<!__rows)", name)
    }
    marts_are_the_views(harness, dbt)
    optional = dbt_sources.OPTIONAL | dbt_sources.optional_views()
    found = columns_in_warehouse(harness)
    documented = dbt.sources()
    assert {name for _, name in documented.keys() - found.keys()} <= optional
    assert {key: documented.get(key) for key in found} == found
    freshness = dbt("source", "freshness")
    assert freshness.keys() == {name for _, name in documented}
    assert set(freshness.values()) == {"pass"}
    assert_models_follow(harness, dbt)
    days_are_those_of_the_views(harness, dbt)
    sync_below_a_view_of_dbt(harness, dbt)
    if harness.database.name == "duckdb":  # dbt's own doing, whatever the database
        a_job_that_moves(harness, dbt)
        load_that_is_committed_late(harness, dbt)
        break_rows(harness, dbt)


def marts_are_the_views(harness: Harness, dbt: Dbt, *, but: Collection[str] = ()) -> None:
    """Each mart has the rows of its view; where the view is not there, it has none."""
    database = harness.database
    views = views_schema(database.dataset)
    there = {name for schema, name in columns_in_warehouse(harness) if schema == views}
    assert len(there) > 20
    for view in load_views():
        if view.name in {OFF, *but}:
            continue
        columns = ", ".join(view.columns)
        tables = [dbt.table(f"captaindata__{view.name}"), f"{views}.{view.name}"]
        found, *expected = (
            Counter(repr(row) for row in database.execute(f"select {columns} from {table}"))
            for table in tables[: 1 + (view.name in there)]
        )
        assert [found] == (expected or [Counter()]), view.name


def days_are_those_of_the_views(harness: Harness, dbt: Dbt) -> None:
    columns = "workspace_id, workflow_id, day, runs"
    views = views_schema(harness.database.dataset)
    found, expected, in_utc = (
        Counter(tuple(row.values()) for row in harness.database.execute(query))
        for query in (
            f"select {columns} from {dbt.table('runs_by_day')}",
            f"select {columns} from {views}.daily_job_health where runs > 0",
            "select workspace_id, workflow_id, cast(run_at at time zone 'UTC' as date) as day, "
            f"count(*) as runs from {views}.jobs where not is_sub_job group by 1, 2, 3",
        )
    )
    assert found == expected != in_utc


def sync_below_a_view_of_dbt(harness: Harness, dbt: Dbt) -> None:
    before = sizes(harness)
    harness.world.advance(days=6)
    synced = harness.sync()
    assert "blocked" not in synced.summary["views"]
    after = sizes(harness)
    assert any(0 < after[job] < before[job] for job in before)
    assert any(after[job] == 0 for job in before)
    marts_are_the_views(harness, dbt, but={TABLE})
    dbt.build("results", "filtered", "stg_jobs", "runs_by_day", f"captaindata__{TABLE}")
    marts_are_the_views(harness, dbt)
    assert_models_follow(harness, dbt)


def a_job_that_moves(harness: Harness, dbt: Dbt) -> None:
    world, workspace = harness.world, harness.world.workspaces[0]
    flows = [flow["uid"] for flow in world.workflows(workspace)]
    listed = {flow: world.listed_jobs(workspace, flow) for flow in flows}
    loaded = sizes(harness)
    source, job = next(
        (flow, job) for flow in flows for job in listed[flow] if loaded[job["uid"]] > 1
    )
    target = next(flow for flow in flows if flow != source)
    left = [each for each in listed[source] if each is not job]
    moved = [{**job, "workflow_uid": target}, *listed[target]]
    faults = harness.sandbox.faults
    for flow, jobs in ((source, left), (target, moved)):
        faults.add(Fault(match=f"/{flow}/jobs", kind="replace", body=json.dumps(jobs)))
    harness.sync()
    faults.clear()
    (change,) = harness.database.execute(
        "select change, old_workflow_uid, workflow_uid, rows_after from results_changes"
        " where job_uid = %s order by _dlt_load_id desc limit 1",
        (job["uid"],),
    )
    assert tuple(change.values()) == ("moved", source, target, loaded[job["uid"]])
    dbt.build("results", "filtered")
    assert_models_follow(harness, dbt)
    found = results(harness, dbt.table("results"), f"job_uid = '{job['uid']}'").values()
    assert {row["workflow_uid"] for row in found} == {target}


def load_that_is_committed_late(harness: Harness, dbt: Dbt) -> None:
    execute = harness.database.execute
    model = dbt.table("results")
    job, untouched = (job for job, size in sizes(harness).most_common(2))
    was = results(harness, model)
    execute("delete from job_results where job_uid = %s and position > 0", (job,))
    execute(f"update job_results set _dlt_load_id = '{EARLY}' where job_uid = %s", (job,))
    (workspace,) = harness.world.workspaces
    execute(
        "insert into results_changes (workspace_uid, uid, job_uid, change, rows_before,"
        " rows_after, seen_at, _dlt_load_id, _dlt_id)"
        f" values (%s, 'late', %s, 'replaced', 2, 1, now(), '{EARLY}', 'late')",
        (workspace.uid, job),
    )
    dbt.build("results", "filtered")
    assert results(harness, model) == was
    execute(f"insert into _dlt_loads values ('{EARLY}', 'captaindata', 0, now(), '')")
    execute(f"update {model} set position = -1 where job_uid = %s", (untouched,))
    dbt.build("results", "filtered")
    kept = results(harness, model, f"job_uid = '{untouched}'").values()
    assert {row["position"] for row in kept} == {-1}, "jobs that did not change are not written"
    execute(f"update {model} set position = 0 where job_uid = %s", (untouched,))
    assert results(harness, model).keys() == results(harness, "job_results").keys()
    dbt("build", "--select", "results", "--full-refresh")
    assert_models_follow(harness, dbt)


def break_rows(harness: Harness, dbt: Dbt) -> None:
    execute = harness.database.execute
    (job, _), *_ = sizes(harness).most_common(1)
    execute("insert into jobs select * from jobs where uid = %s", (job,))
    execute("update sync_runs set outcome = 'lost', finished_at = finished_at - interval '3' day")
    execute("update job_results set job_uid = 'unknown' where job_uid = %s", (job,))
    statuses = dbt("build", "--select", "source:captaindata", is_success=False)
    jobs = "source_related_captaindata_job_results_workspace_uid__job_uid__source_captaindata"
    assert {name: status for name, status in statuses.items() if status != "pass"} == {
        "source_unique_combination_captaindata_jobs_workspace_uid__uid": "fail",
        "source_accepted_values_captaindata_sync_runs_outcome__"
        "loaded__stopped_early__partly_loaded__quota__failed": "fail",
        f"{jobs}_jobs___workspace_uid__uid": "warn",
        f"{jobs}_job_results_ledger___workspace_uid__job_uid": "warn",
    }
    assert set(dbt("source", "freshness", is_success=False).values()) == {"error"}
