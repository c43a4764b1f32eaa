"""Real Prefect, in an environment of its own: the flow in pipelines/, on a server for the test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

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
NAMES = ["growth", "client A"]
LATER = {"retry-after": "100000"}
"""Longer than a call is tried again: three such answers end the sync of a workspace at once."""


@pytest.fixture
def database(default_postgres: Postgres) -> Postgres:
    """The flow loads into the default dataset."""
    return default_postgres


@pytest.fixture
def harness(make_harness: MakeHarness) -> Harness:
    return make_harness(4, workspaces=2)


@pytest.fixture
def prefect(harness: Harness, tmp_path: Path) -> Iterator[Runner]:
    shutil.copy(ROOT / "pipelines" / "prefect_flow.py", tmp_path)
    runner = Runner(
        str(ROOT / "tests" / "support" / "prefect_run.py"),
        folder=tmp_path,
        environment={
            "PREFECT_HOME": str(tmp_path / "prefect"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PYTHONPATH": str(tmp_path),
            "DLT_DATA_DIR": str(tmp_path / "dlt"),
            "SOURCES__CAPTAINDATA__BASE_URL": harness.sandbox.base_url,
            "SOURCES__CAPTAINDATA__DEEP_LISTING_HOURS": "0",
            "SOURCES__CAPTAINDATA__MAX_PARALLEL_REQUESTS": "1",
            "SOURCES__CAPTAINDATA__PACKAGE_MAX_RESULTS": "60",
        },
        name="prefect",
    )
    yield runner
    runner.close()


def test_prefect_loads_side_by_side_and_retries(
    harness: Harness, prefect: Runner, database: Postgres
) -> None:
    growth, client = harness.world.workspaces
    secrets = {
        "captaindata-warehouse": database.uri,
        "captaindata-growth": {"api_key": growth.api_key, "project_uid": growth.uid},
        "captaindata-client-a": {"api_key": client.api_key, "project_uid": client.uid},
    }
    parameters = {"workspaces": NAMES}
    oracle = Oracle(harness.world)
    oracle.look()
    done = prefect(secrets=secrets, parameters=parameters, delay=[0])
    assert (done["type"], done["name"]) == ("COMPLETED", "Completed"), prefect.log
    assert complaints(harness, []) == [], "two first loads into a fresh dataset"
    assert_equal(harness, oracle)
    said, rows = done["artifacts"]["captaindata-growth"]
    assert said.startswith("growth: loaded, ")
    assert " API calls, " in said
    (jobs,) = [each["rows written"] for each in rows if each["table"] == "jobs"]
    assert jobs == len(harness.rows("jobs", where=f"workspace_uid = '{growth.uid}'"))

    for table in ("job_results", "job_results_ledger"):
        harness.database.execute(f"delete from {table} where workspace_uid = %s", [client.uid])
    fault = partial(Fault, match="/results$", kind="status", workspace=client.uid)
    harness.sandbox.faults.add(fault(headers=LATER, skip=25, times=3))
    wrong = {"captaindata-growth": {"api_key": "of-another", "project_uid": growth.uid}}
    done = prefect(secrets=wrong, parameters=parameters)
    harness.sandbox.faults.clear()
    assert (done["type"], done["message"]) == ("FAILED", "not loaded: growth"), prefect.log
    assert done["tasks"] == {"growth": ["Failed", 1], "client A": ["Completed", 2]}
    failed, loaded = harness.database.execute(
        "select outcome, load_packages, results_skipped from sync_runs "
        "where workspace_uid = %s order by started_at desc limit 2",
        [client.uid],
    )[::-1]
    assert (failed["outcome"], loaded["outcome"]) == ("failed", "loaded")
    assert failed["load_packages"] > 1
    assert loaded["results_skipped"] > 0, "the retry goes on where it stopped"
    assert_equal(harness, oracle)

    harness.world.advance(days=1)
    harness.sandbox.faults.add(fault(status=404, times=1))
    done = prefect(secrets=secrets, parameters=parameters)
    assert (done["type"], done["name"]) == ("COMPLETED", "Partly"), done
    assert done["message"] == "partly loaded: client A"
    assert done["tasks"] == {"growth": ["Completed", 1], "client A": ["Partly", 1]}
    assert not [key for key in (growth.api_key, client.api_key) if key in prefect.log]
