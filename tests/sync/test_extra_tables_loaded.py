"""Inputs, schedules, deliveries and consumption in a database, and their secrets nowhere."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from captaindata_source.sandbox import SECRET_MARKER
from tests.conftest import MakeHarness
from tests.support import leaks, processes
from tests.support.harness import Harness, Synced
from tests.support.marks import ON_DUCKDB, ON_POSTGRES

pytestmark = pytest.mark.integration

TABLES = ("job_inputs", "schedules", "callbacks", "credit_consumption")
VIEWS = ("failed_inputs", "upcoming_schedules", "delivery_failures", "credits_by_action")
Json = dict[str, Any]


@pytest.fixture
def harness(make_harness: MakeHarness) -> Harness:
    """Two workspaces, one of each version, and one list of extra tables for both."""
    harness = make_harness(2, workspaces=2, workflows=3, days=12, jobs_per_day=0.5)
    harness.versions[harness.world.workspaces[1].uid] = "v4"
    harness.extra |= {
        "RUNTIME__LOG_LEVEL": "DEBUG",
        processes.LOG_LEVEL: "DEBUG",
        "SOURCES__CAPTAINDATA__CREATE_VIEWS": "true",
        "SOURCES__CAPTAINDATA__EXTRA_TABLES": str([*TABLES, "flows"]).replace("'", '"'),
        "SOURCES__CAPTAINDATA__EXCLUDE_FIELDS": '["email"]',
    }
    return harness


def asked(synced: Synced) -> list[str]:
    return sorted(path.split("/")[3] for path in synced.paths("/inputs"))


def assert_equal(harness: Harness) -> None:
    world = harness.world
    v3, v4 = world.workspaces
    rows = harness.rows("job_inputs")
    read = {(row["workspace_uid"], row["job_uid"]) for row in harness.rows("job_inputs_ledger")}
    assert {owner for owner, _ in read} == {v3.uid, v4.uid}
    for owner, uid in read:
        found = [row for row in rows if (row["workspace_uid"], row["job_uid"]) == (owner, uid)]
        expected = (
            world.extras.job_inputs(v3, uid)
            if owner == v3.uid
            else world.extras.run_inputs(v4, uid)
        )
        assert sorted((row["position"], row["uid"], row["status"]) for row in found) == [
            (place, each["uid"], each["status"]) for place, each in enumerate(expected)
        ]
    statuses = "('warning', 'shutdown', 'FAILED', 'INVALID')"
    failed = harness.rows("jobs", where=f"status in {statuses} and left(uid, 5) <> 'flow:'")
    assert {(row["workspace_uid"], row["uid"]) for row in failed if row["has_results"]} <= read
    schedules = harness.rows("schedules", where="not is_deleted")
    assert sorted((row["kind"], row["uid"], row["status"]) for row in schedules) == sorted(
        (kind, each["uid"], each["status"])
        for kind in ("action", "flow")
        for each in world.extras.schedules(v4, kind)
    )
    assert sorted((row["uid"], row["status"]) for row in harness.rows("callbacks")) == sorted(
        (each["uid"], each["status"]) for each in world.extras.callbacks(v4)
    )
    assert_flows(harness)
    used = world.extras.consumption(v4)["consumptions"]
    assert {row["action_slug"] for row in harness.rows("credit_consumption")} >= {
        each["action_slug"] for each in used
    }


def assert_flows(harness: Harness) -> None:
    world, v4 = harness.world, harness.world.workspaces[1]
    there = {f"flow:{run['uid']}": run for run in world.flows.runs(v4)}
    jobs = {row["uid"]: row for row in harness.rows("jobs")}
    flow_runs = {uid: row for uid, row in jobs.items() if uid.startswith("flow:")}
    assert {uid: row["status"] for uid, row in flow_runs.items()} == {
        uid: run["status"] for uid, run in there.items()
    }
    outputs = {
        uid: len(world.flows.outputs(v4, uid.removeprefix("flow:")))
        for uid, run in there.items()
        if "SUCCEEDED" in run["status"]
    }
    counts = Counter(row["job_uid"] for row in harness.rows("job_results"))
    assert {uid: counts[uid] for uid in flow_runs} == {uid: outputs.get(uid, 0) for uid in there}
    for table in ("jobs", "successful_jobs"):
        for row in harness.rows(table, where="flow_run_id is not null"):
            main = f"flow:{row['flow_run_id']}"
            assert row["is_sub_job"] == (main in there)
            assert row["main_job_uid"] == (main if main in there else None)
    kinds = Counter(row["kind"] for row in harness.rows("workflows"))
    assert kinds.keys() == {"workflow", "action", "flow"}
    assert kinds["flow"] == len({run["workflow"]["uid"] for run in there.values()})


def assert_counted_once(harness: Harness) -> None:
    """The records of runs that flows made are those of their flow runs, and of nobody else."""
    v4 = harness.world.workspaces[1]
    views = f"{harness.database.dataset}_views"
    (counted,) = harness.database.execute(
        f"select sum(records_processed) as records from {views}.jobs "
        f"where not is_sub_job and workspace_id = '{v4.uid}'"
    )
    rows = harness.rows("jobs", where=f"workspace_uid = '{v4.uid}'")
    assert counted["records"] == sum(row["row_count"] or 0 for row in rows) > 0
    (wrong,) = harness.database.execute(
        f"select count(*) as jobs from {views}.results_reconciliation "
        "where left(job_id, 5) = 'flow:' and state not in ('unknown', 'not_loaded')"
    )
    assert wrong["jobs"] == 0


@ON_POSTGRES
def test_equal_to_the_sandbox_and_without_its_secrets(harness: Harness) -> None:
    kept = str(harness.folder / "kept")
    first = harness.sync(data_dir=kept)
    assert asked(first)
    assert_equal(harness)
    for view in VIEWS:
        assert harness.database.execute(f"select * from {harness.database.dataset}_views.{view}"), (
            view
        )
    assert_counted_once(harness)
    harness.world.advance(days=3)
    later = harness.sync(data_dir=kept)
    assert asked(later)
    assert_equal(harness)
    assert {row["is_deleted"] for row in harness.rows("schedules")} == {True, False}
    texts = str([row["input_data"] or row["data"] for row in harness.rows("job_inputs")])
    assert "linkedin.com" in texts
    assert "@example.com" not in texts
    secrets = harness.world.secrets()
    assert len(secrets) > 50
    assert leaks.in_files(harness.folder, SECRET_MARKER) == []
    assert leaks.in_tables(harness.database, SECRET_MARKER, "hooks.example.com") == []


@ON_DUCKDB
def test_inputs_are_fetched_again_only_where_they_were_emptied_or_dropped(
    harness: Harness,
) -> None:
    harness.extra["SOURCES__CAPTAINDATA__CREATE_VIEWS"] = "false"
    first = asked(harness.sync())
    again = harness.sync()
    assert asked(again) == []
    assert not [table for table in TABLES if again.total[table]]
    harness.database.execute("delete from job_inputs")
    assert asked(harness.sync()) == first
    assert_equal(harness)
    harness.database.execute("drop table job_inputs; drop table job_inputs_ledger")
    assert asked(harness.sync()) == first
    assert_equal(harness)
