"""In the warehouse: results that come late, jobs of two workflows, loads that were never committed.

What the plan decides is in test_late_results.py and test_plan_workflows.py.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from tests.conftest import MakeHarness
from tests.support import mishaps
from tests.support.databases import Row
from tests.support.faults import Fault
from tests.support.harness import Harness, Synced
from tests.support.marks import ON_DUCKDB, ON_EACH_VERSION, ON_POSTGRES
from tests.support.oracle import SUCCESS, V4_SUCCESS, Oracle, assert_equal

pytestmark = pytest.mark.integration

CLIENT = "dlt.destinations.job_client_impl:SqlJobClientBase"
LOAD = "captaindata_source.engine.workspace_sync:WorkspaceSync._load"
VIEWS = "SOURCES__CAPTAINDATA__CREATE_VIEWS"
ALL_FIELD_JOBS = "select job_uid, workflow_uid, load_id from job_result_field_jobs"


def small(make_harness: MakeHarness, version: str = "v3", **options: Any) -> Harness:
    harness = make_harness(workflows=2, jobs_per_day=0.0, live_runs_per_day=0.0, **options)
    harness.options["api_version"] = version
    return harness


def success_of(oracle: Oracle, at_least: int) -> tuple[str, list[Row]]:
    """A successful job with so many results at least."""
    statuses = (*SUCCESS, *V4_SUCCESS)
    return next(
        (uid, rows)
        for (owner, uid), rows in oracle.results.items()
        if len(rows) >= at_least and oracle.jobs[owner, uid]["status"] in statuses
    )


def answer(version: str, rows: list[Any]) -> str:
    paging = {"next": None, "have_next_page": False}
    return json.dumps(rows if version == "v4" else {"results": rows, "paging": paging})


def asked_of(synced: Synced, uid: str) -> int:
    return sum(f"/{uid}/" in request.path for request in synced.requests)


def results_of(harness: Harness, uid: str) -> list[Row]:
    return sorted(
        harness.rows("job_results", where=f"job_uid = '{uid}'"), key=lambda row: row["position"]
    )


@ON_EACH_VERSION
def test_results_that_come_late(make_harness: MakeHarness, version: str) -> None:
    harness = small(make_harness, version)
    harness.extra[VIEWS] = "true"
    oracle = Oracle(harness.world, version)
    oracle.look()
    uid, rows = success_of(oracle, 2)
    path = rf"/{uid}/(results|outputs)$"
    harness.sandbox.faults.add(Fault(match=path, kind="replace", body=answer(version, rows[:1])))
    harness.sync()
    before, counted = results_of(harness, uid), harness.rows("job_result_field_jobs")
    assert len(before) == 1

    synced = harness.sync()
    assert asked_of(synced, uid) == 1, "the answer before is what it is compared with"
    assert synced.total["job_results"] == 0
    assert results_of(harness, uid) == before, "an equal answer writes no row"
    assert harness.rows("job_result_field_jobs") == counted, "nor is anything counted again"
    [ledger] = harness.rows("job_results_ledger", where=f"job_uid = '{uid}'")
    assert ledger["equal_answers"] == 2
    assert ledger["results_load_id"] == before[0]["_dlt_load_id"] != ledger["_dlt_load_id"]
    assert ledger["next_check_at"] > ledger["answered_at"]

    harness.sandbox.faults.clear()
    harness.database.execute("update job_results_ledger set next_check_at = answered_at")
    assert asked_of(harness.sync(), uid) == 1
    assert_equal(harness, oracle)
    kinds = {row["kind"] for row in harness.rows("sync_issues", where=f"job_uid = '{uid}'")}
    assert kinds == {"row_count_differs", "results_came_late"}
    [counted_now] = harness.database.execute(f"{ALL_FIELD_JOBS} where job_uid = '{uid}'")
    assert counted_now["load_id"] == results_of(harness, uid)[0]["_dlt_load_id"]


@ON_EACH_VERSION
def test_a_warehouse_of_an_earlier_version_costs_no_call(
    make_harness: MakeHarness, version: str
) -> None:
    harness = small(make_harness, version)
    oracle = Oracle(harness.world, version)
    oracle.look()
    uid, rows = success_of(oracle, 2)
    path = rf"/{uid}/(results|outputs)$"
    harness.sandbox.faults.add(Fault(match=path, kind="replace", body=answer(version, rows[:1])))
    harness.sync()
    make_older(harness)
    synced = harness.sync()
    assert not synced.paths("/results") + synced.paths("/outputs")
    assert synced.total == Counter()
    harness.sandbox.faults.clear()
    synced = harness.sync()
    paths = synced.paths("/results") + synced.paths("/outputs")
    assert [path.split("/")[3] for path in paths] == [uid]
    assert_equal(harness, oracle)


def make_older(harness: Harness) -> None:
    """What an earlier version of the package would have left."""
    new = ["content_hash", "equal_answers", "answered_at", "next_check_at", "results_load_id"]
    for column in new:
        harness.database.execute(f"alter table job_results_ledger drop column {column}")
    for table, column in (("jobs", "results_version"), ("job_results_ledger", "fingerprint")):
        harness.database.execute(f"update {table} set {column} = split_part({column}, '.', 1)")
    for row in harness.rows("_dlt_version"):
        schema = json.loads(row["schema"])
        for name in new:
            schema["tables"].get("job_results_ledger", {"columns": {}})["columns"].pop(name, None)
        harness.database.execute(
            "update _dlt_version set schema = %s, version_hash = 'older' where version_hash = %s",
            [json.dumps(schema), row["version_hash"]],
        )


@ON_POSTGRES
def test_a_job_of_two_workflows_and_one_that_moves(make_harness: MakeHarness) -> None:
    harness = small(make_harness)
    harness.extra[VIEWS] = "true"
    harness.options["max_parallel_requests"] = 1
    world, (workspace,) = harness.world, harness.world.workspaces
    first, second = (flow["uid"] for flow in world.workflows(workspace))
    oracle = Oracle(world)
    oracle.look()
    uid, rows = success_of(oracle, 1)
    job = oracle.jobs[workspace.uid, uid]
    low, high = sorted([first, second])

    def listed(*flows: str) -> None:
        harness.sandbox.faults.clear()
        for flow in (first, second):
            others = [
                each
                for each in world.listed_jobs(workspace, flow)
                if each["uid"] != uid and each["main_job_uid"] != uid
            ]
            own = {**job, "workflow_uid": None if flow == high else flow}
            body = json.dumps([own, *others] if flow in flows else others)
            harness.sandbox.faults.add(
                Fault(match=f"/workflows/{flow}/jobs$", kind="replace", body=body)
            )

    def workflow_of() -> list[Any]:
        tables = ("jobs", "successful_jobs")
        found = [harness.rows(table, where=f"uid = '{uid}'") for table in tables]
        return [row["workflow_uid"] for each in [*found, results_of(harness, uid)] for row in each]

    listed(low, high)
    synced = harness.sync()
    assert synced.total["jobs"] == len(harness.rows("jobs"))
    assert workflow_of() == [low] * (2 + len(rows))
    listed(high)
    moved = harness.sync()
    assert (moved.total["jobs"], moved.total["successful_jobs"]) == (1, 1)
    assert asked_of(moved, uid) == 1
    assert workflow_of() == [high] * (2 + len(rows))
    [counted] = harness.database.execute(f"{ALL_FIELD_JOBS} where job_uid = '{uid}'")
    assert counted["workflow_uid"] == high
    assert harness.sync().total == Counter()


# -- loads that were never committed ---------------------------------------------------------------


def die(harness: Harness, place: str, folder: str, **environment: Any) -> None:
    harness.extra[mishaps.DIE_IN] = place
    process, _ = harness.start(data_dir=str(harness.folder / folder), **environment)
    process.join()
    assert process.exitcode == -9, "it is there that it was killed"
    del harness.extra[mishaps.DIE_IN]


@ON_POSTGRES
def test_rows_of_a_load_that_was_never_committed_do_not_stay(make_harness: MakeHarness) -> None:
    harness = small(make_harness)
    oracle = Oracle(harness.world)
    oracle.look()
    uid, rows = success_of(oracle, 2)
    failing, _ = next(
        (other, found)
        for (_, other), found in oracle.results.items()
        if found and other != uid and oracle.jobs[_, other]["status"] in SUCCESS
    )
    die(harness, f"{CLIENT}.complete_load:1", "lost")
    assert len(results_of(harness, uid)) == len(rows)
    faults = harness.sandbox.faults
    faults.add(
        Fault(match=f"/{uid}/results$", kind="replace", body=answer("v3", [])),
        Fault(match=f"/{failing}/results$", kind="status", status=400),
    )
    # its package waits, and the next sync loads it
    die(harness, f"{LOAD}:1", "kept")
    harness.sync(data_dir=str(harness.folder / "kept"), expect=1)
    assert results_of(harness, uid) == []
    assert results_of(harness, failing) == []
    faults.clear()
    harness.database.execute("update job_results_ledger set next_check_at = answered_at")
    harness.sync()
    assert_equal(harness, oracle)


@ON_DUCKDB
def test_what_an_uncommitted_load_replaced_is_fetched_again(make_harness: MakeHarness) -> None:
    """It has replaced rows, and the ledger still tells of those."""
    harness = small(make_harness)
    oracle = Oracle(harness.world)
    oracle.look()
    harness.sync()
    uid, _ = success_of(oracle, 2)
    harness.database.execute(
        "update job_results set _dlt_load_id = '9999999999.9' where job_uid = %s", [uid]
    )
    synced = harness.sync()
    assert asked_of(synced, uid) == 1
    assert "whose load was never committed" in synced.stderr
    assert_equal(harness, oracle)
    # what the API may have no longer stays
    harness.database.execute("update jobs set finish_time = '2001-01-01' where uid = %s", [uid])
    harness.database.execute("update job_results set _dlt_load_id = '1.5'")
    harness.sync()
    assert {row["_dlt_load_id"] for row in results_of(harness, uid)} == {"1.5"}
    others = harness.rows("job_results", where=f"job_uid <> '{uid}'")
    assert "1.5" not in {row["_dlt_load_id"] for row in others}


# -- what one version said -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("database", "begun", "other"),
    [("duckdb", "v3", "v4"), ("postgres", "v4", "v3")],
    indirect=["database"],
)
def test_a_first_load_that_was_cut_is_not_mixed_with_another_version(
    make_harness: MakeHarness, begun: str, other: str
) -> None:
    harness = small(make_harness, begun)
    [workspace] = harness.world.workspaces
    oracle = Oracle(harness.world, begun)
    oracle.look()
    harness.extra["SOURCES__CAPTAINDATA__PACKAGE_MAX_RESULTS"] = "20"
    die(harness, f"{LOAD}:2", "lost")
    jobs = harness.rows("jobs")
    assert jobs
    refused = harness.sync(configs=[harness.config(workspace, api_version=other)], expect=1)
    [report] = refused.workspaces.values()
    assert f"was loaded through API {begun}" in report["error"]
    assert report["api_calls"] == 0
    assert harness.rows("jobs") == jobs
    harness.sync()
    assert_equal(harness, oracle)
