"""Real Airflow runs `pipelines/airflow_dag.py`: two workspaces side by side, and what can fail."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from tests.conftest import MakeHarness
from tests.support.airflow_servers import Airflow, only
from tests.support.databases import DuckDb, Postgres
from tests.support.faults import Fault
from tests.support.harness import Harness
from tests.support.oracle import Oracle, assert_equal
from tests.support.side_by_side import complaints

pytestmark = pytest.mark.integration

FILE = Path(__file__).parents[2] / "pipelines" / "airflow_dag.py"
FOLLOWERS = """
from airflow.sdk import Asset, dag, task

def follower(name: str, asset: str) -> None:
    @dag(dag_id=name, schedule=[Asset(asset)])
    def follow():
        @task
        def read(): ...
        read()
    follow()

follower("after_all", "captaindata")
follower("after_acme", "captaindata/acme")
"""
NO_DATABASE = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg2://x@127.0.0.1:1/none"}
PARSED = """
import sys
import airflow_dag
assert [*airflow_dag.captaindata().task_ids], "no tasks"
slow = {"dlt", "duckdb", "pyarrow"} & {*sys.modules}
print("slow imports:", sorted(slow))
"""


@pytest.fixture
def metadata(postgres: Postgres) -> Iterator[str]:
    """The address of a database of Airflow's own: in SQLite its servers lock each other out."""
    name = f"airflow_{uuid.uuid4().hex[:8]}"
    connection = psycopg2.connect(postgres.uri)
    connection.autocommit = True
    with closing(connection), connection.cursor() as cursor:
        cursor.execute(f"create database {name}")
        yield f"postgresql+psycopg2://postgres:x@/{name}?host={postgres.socket_folder}"
        cursor.execute(f"drop database {name} with (force)")


@pytest.fixture
def database(postgres: Postgres) -> Postgres:
    """One that takes several writers."""
    return postgres


def install(airflow: Airflow) -> None:
    """The DAG without its schedule, whose retries do not wait, and two that follow its assets."""
    text = FILE.read_text(encoding="utf-8")
    for old, new in (
        ('schedule="15 * * * *"', "schedule=None"),
        ("retry_delay=timedelta(minutes=2)", "retry_delay=timedelta(seconds=1)"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    (airflow.dags / "airflow_dag.py").write_text(text, encoding="utf-8")
    (airflow.dags / "followers.py").write_text(FOLLOWERS, encoding="utf-8")


def connect(airflow: Airflow, harness: Harness) -> None:
    """What the README says to make: connections, a variable, a pool."""
    assert isinstance(harness.database, Postgres)
    warehouse = {
        "connection_id": "captaindata_warehouse",
        "conn_type": "postgres",
        "host": "localhost",
        "login": "postgres",
        "password": "x",
        "schema": "postgres",
        "extra": json.dumps({"host": str(harness.database.socket_folder)}),
    }
    airflow.call("/api/v2/connections", warehouse)
    for workspace in harness.world.workspaces:
        options = harness.config(workspace, max_parallel_requests=1)
        name = options.pop("name")
        connection = {
            "connection_id": f"captaindata_{name}",
            "conn_type": "generic",
            "login": options.pop("project_uid"),
            "password": options.pop("api_key"),
            "extra": json.dumps(options),
        }
        airflow.call("/api/v2/connections", connection)
    names = {"key": "captaindata_workspaces", "value": json.dumps(["acme", "northwind"])}
    airflow.call("/api/v2/variables", names)
    airflow.call("/api/v2/pools", {"name": "captaindata", "slots": 2, "description": "two"})


def asked_for(harness: Harness, workspace: str) -> list[str]:
    """Paths of requests for results of a workspace."""
    jobs = {job["uid"] for job in harness.rows("jobs") if job["workspace_uid"] == workspace}
    paths = [each.path for each in harness.sandbox.log.entries if each.path.endswith("/results")]
    return [path for path in paths if path.split("/")[-2] in jobs]


def test_the_dag_in_a_scheduler(
    make_harness: MakeHarness, postgres: Postgres, metadata: str, tmp_path: Path
) -> None:
    harness = make_harness(4, workspaces=2, jobs_per_day=0.3)
    acme, northwind = harness.world.workspaces
    oracle = Oracle(harness.world)
    oracle.look()
    airflow = Airflow(
        tmp_path,
        {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata,
            "SOURCES__CAPTAINDATA__PACKAGE_MAX_RESULTS": "50",
        },
    )
    airflow.command("db", "migrate")
    install(airflow)
    parsed = airflow.command("-c", PARSED, program="python", PYTHONPATH="dags", **NO_DATABASE)
    assert parsed.endswith("slow imports: []\n")
    with airflow:
        connect(airflow, harness)
        airflow.begin("captaindata", "after_all", "after_acme")
        # the first loads; after some packages acme fails and is tried again
        later = {"Retry-After": "100000"}
        harness.sandbox.faults.add(
            Fault(match="/results", kind="status", status=503, headers=later, skip=20, times=3,
                  workspace=acme.uid)
        )  # fmt: skip
        state, tasks = airflow.run("captaindata", dataset=postgres.dataset)
        first, second = only(tasks, "sync")
        assert state == "success", tasks
        assert (first["try_number"], second["try_number"]) == (2, 1)
        assert {each["pool"] for each in (first, second)} == {"captaindata"}
        assert first["rendered_map_index"] == "acme"
        assert complaints(harness, []) == []
        assert_equal(harness, oracle)
        asked = asked_for(harness, acme.uid)
        assert len(asked) - len({*asked}) < 20, "the second try goes on"
        runs = harness.rows("sync_runs", where=f"workspace_uid = '{acme.uid}'")
        assert sorted(each["outcome"] for each in runs) == ["failed", "loaded"]

        # a key that is refused is not tried again; what was set aside is told
        harness.world.advance(days=2)
        harness.sandbox.faults.clear()
        harness.sandbox.faults.add(
            Fault(match=".", kind="status", status=401, workspace=acme.uid),
            Fault(match="/results", kind="status", status=404, times=1, workspace=northwind.uid),
        )
        state, tasks = airflow.run("captaindata", dataset=postgres.dataset)
        first, second = only(tasks, "sync")
        assert state == "failed"
        assert (first["state"], first["try_number"]) == ("failed", 1)
        assert second["state"] == "success"
        states = {each["task_id"]: each["state"] for each in tasks if each["map_index"] < 0}
        assert states == {"workspace_names": "success", "loaded": "success", "check": "failed"}

        # the next run brings what is missing
        harness.sandbox.faults.clear()
        oracle.look()
        state, tasks = airflow.run("captaindata", dataset=postgres.dataset)
        assert state == "success"
        assert_equal(harness, oracle)
        assert airflow.events("captaindata") == [
            {"acme": "loaded", "northwind": "loaded"},
            {"northwind": "partly_loaded"},
            {"acme": "loaded", "northwind": "loaded"},
        ]
        outcomes = [each["outcome"] for each in airflow.events("captaindata/northwind")]
        assert outcomes == ["loaded", "partly_loaded", "loaded"]
        assert len(airflow.states("after_all")) == 3
        assert len(airflow.states("after_acme")) == 2
    written = airflow.written()
    assert "not loaded: acme; partly: northwind" in written
    for workspace in harness.world.workspaces:
        assert workspace.api_key not in written


def test_the_dag_without_a_scheduler(make_harness: MakeHarness, tmp_path: Path) -> None:
    harness = make_harness(workspaces=2, workflows=3)
    harness.database = warehouse = DuckDb(tmp_path)
    oracle = Oracle(harness.world)
    oracle.look()
    environment = harness.environment()
    del environment["PATH"], environment["HOME"]
    airflow = Airflow(tmp_path, {})
    install(airflow)
    airflow.command("db", "migrate")
    conf: dict[str, Any] = {"destination": "duckdb", "dataset": warehouse.dataset}
    airflow.command("dags", "test", "captaindata", "-c", json.dumps(conf), **environment)
    assert_equal(harness, oracle)
