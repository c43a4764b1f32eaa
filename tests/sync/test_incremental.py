"""What is fetched again and what is not, where it takes a process and a database.

Every sync is a new OS process with an empty DLT_DATA_DIR, so that only the destination remembers.
"""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections import Counter
from typing import Any

import pytest

from tests.conftest import MakeHarness
from tests.support.asked import read_one_by_one, results_of, successes
from tests.support.faults import Fault
from tests.support.harness import Harness, Synced
from tests.support.marks import INTEGRATION, ON_DUCKDB, ON_POSTGRES
from tests.support.oracle import SUCCESS, Oracle, assert_equal

WAIT_SECONDS = 600.0


# -- nothing new ------------------------------------------------------------------------------


@ON_DUCKDB
def test_second_sync_fetches_listings_alone_and_each_once(harness: Harness) -> None:
    oracle = Oracle(harness.world)
    oracle.look()
    first = harness.sync()
    assert first.paths("/results")
    assert first.paths("/details")
    second = harness.sync()
    allowed = re.compile(r"/v3/(workspace|users|workflows|workflows/[^/]+/jobs)")
    assert all(allowed.fullmatch(request.path) for request in second.requests)
    each = Counter((r.workspace_uid, r.path, r.query) for r in second.requests)
    assert set(each.values()) == {1}
    assert second.total == Counter()
    assert all(w["results_skipped"] > 0 for w in second.summary["workspaces"])

    harness.forget_state()
    again = harness.sync()
    assert not again.paths("/results"), "losing dlt's state fetches nothing again"
    assert_equal(harness, oracle)


def assert_asked(synced: Synced, expected: set[str], harness: Harness) -> None:
    """The results of these jobs were asked for, but for those that say they have none."""
    ledger = harness.rows("job_results_ledger")
    skipped = {row["job_uid"] for row in ledger if row["is_skipped"]}
    assert results_of(synced) <= expected
    assert expected - results_of(synced) <= skipped


# -- a job counts once its package is committed -------------------------------------------------


@ON_POSTGRES
@pytest.mark.integration
def test_a_load_that_was_not_committed_does_not_count(harness_of_two: Harness) -> None:
    harness = harness_of_two
    oracle = Oracle(harness.world)
    oracle.look()
    harness.sync()
    owner = harness.world.workspaces[0].uid
    ledger = harness.rows("job_results_ledger", where=f"workspace_uid = '{owner}'")
    (load,) = {row["_dlt_load_id"] for row in ledger}
    harness.database.execute("delete from _dlt_loads where load_id = %s", [load])
    again = harness.sync()
    assert_asked(again, {row["job_uid"] for row in ledger}, harness)
    assert again.workspaces["northwind"]["rows"]["job_results"] == 0
    assert_equal(harness, oracle)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("database", "keeps_state"),
    [("duckdb", True), ("postgres", False)],
    indirect=["database"],
)
def test_a_killed_sync_goes_on_where_its_last_package_ended(
    harness: Harness, keeps_state: bool
) -> None:
    workspace = harness.world.workspaces[0]
    config = [harness.config(workspace)]
    oracle = Oracle(harness.world)
    oracle.look(workspace)
    wanted = set(successes(oracle))
    harness.sandbox.faults.add(
        Fault(match="/results$", kind="drip", seconds=WAIT_SECONDS, size=1, skip=len(wanted) // 2)
    )
    harness.extra["SOURCES__CAPTAINDATA__PACKAGE_MAX_RESULTS"] = "100"
    harness.sandbox.log.clear()
    process, _ = harness.start(configs=config)
    _wait_for(
        lambda: (
            len(_result_requests(harness)) > len(wanted) // 2
            and not list(harness.folder.glob("dlt-*/captaindata/*/load/normalized/*"))
        )
    )
    process.kill()
    process.join()
    harness.sandbox.faults.clear()
    committed = {
        row["job_uid"]
        for row in harness.database.execute(
            "select job_uid from job_results_ledger where _dlt_load_id in "
            "(select load_id from _dlt_loads)"
        )
    }
    assert committed
    if not keeps_state:
        harness.forget_state()
    second = harness.sync(configs=config)
    assert_asked(second, wanted - committed, harness)
    assert_equal(harness, oracle)
    assert not harness.sync(configs=config).paths("/results")


def _result_requests(harness: Harness) -> list[str]:
    return [r.path for r in harness.sandbox.log.entries if r.path.endswith("/results")]


def _wait_for(condition: Any) -> None:
    pause = threading.Event()
    for _ in range(int(WAIT_SECONDS / 0.02)):
        if condition():
            return
        pause.wait(0.02)
    raise TimeoutError("what was waited for did not happen")


@ON_DUCKDB
@pytest.mark.integration
def test_a_sync_is_a_loop_of_packages_of_whole_jobs(harness: Harness) -> None:
    oracle = Oracle(harness.world)
    oracle.look()
    harness.extra["SOURCES__CAPTAINDATA__PACKAGE_MAX_RESULTS"] = "50"
    synced = harness.sync()
    assert all(each["load_packages"] > 3 for each in synced.summary["workspaces"])
    loads: dict[str, set[str]] = {}
    for row in harness.rows("job_results"):
        loads.setdefault(row["job_uid"], set()).add(row["_dlt_load_id"])
    assert all(len(found) == 1 for found in loads.values())
    each = Counter((r.workspace_uid, r.path, r.query) for r in synced.requests)
    assert set(each.values()) == {1}
    assert_equal(harness, oracle)


# -- several workspaces -------------------------------------------------------------------------


@ON_DUCKDB
def test_a_revoked_key_does_not_stop_the_other_workspace(make_harness: MakeHarness) -> None:
    harness = make_harness(workspaces=2, workflows=3)
    revoked, other = harness.world.workspaces
    oracle = Oracle(harness.world)
    oracle.look(other)
    harness.world.revoke(revoked)
    synced = harness.sync(expect=1)
    assert synced.workspaces["acme"]["outcome"] == "failed"
    assert "API key is not accepted" in synced.workspaces["acme"]["error"]
    assert synced.workspaces["northwind"]["outcome"] == "loaded"
    assert_equal(harness, oracle)
    runs = {row["workspace_name"]: row for row in harness.rows("sync_runs")}
    assert runs["acme"]["outcome"] == "failed"
    assert "API key is not accepted" in runs["acme"]["error"]
    harness.world.restore(revoked)
    oracle.look()
    harness.sync()
    assert_equal(harness, oracle)


# -- workflows -------------------------------------------------------------------------------------


@INTEGRATION
@ON_DUCKDB
def test_one_empty_listing_of_workflows_deletes_nothing_a_second_in_a_row_does(
    harness: Harness,
) -> None:
    def deleted_after(*, is_empty: bool) -> set[bool]:
        harness.sandbox.faults.clear()
        if is_empty:
            harness.sandbox.faults.add(Fault(match="/workflows$", kind="replace", body="[]"))
        harness.sync("--table", "workflows")
        return {row["is_deleted"] for row in harness.rows("workflows")}

    assert deleted_after(is_empty=False) == {False}
    assert deleted_after(is_empty=True) == {False}
    assert deleted_after(is_empty=False) == {False}, "a full one: the empty one is forgotten"
    assert deleted_after(is_empty=True) == {False}
    assert deleted_after(is_empty=True) == {True}


# -- sync_runs -------------------------------------------------------------------------------------


@INTEGRATION
@ON_DUCKDB
def test_workspaces_side_by_side_each_sync_has_its_row_and_state_does_not_pile_up(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness(workspaces=2, workflows=3)
    harness.sandbox.faults.add(Fault(match="/results$", kind="drip", size=200, seconds=0.005))
    first = harness.sync()
    assert_side_by_side(harness, first)
    harness.sandbox.faults.clear()
    second = harness.sync()
    assert_rows_of_syncs(harness, first, second)
    for _ in range(2):
        harness.world.advance(hours=6)
        harness.sync("--workspace", "acme")
    states = harness.rows("_dlt_pipeline_state")
    pipelines = Counter(row["pipeline_name"] for row in states)
    assert len(pipelines) == len(harness.world.workspaces)
    assert max(pipelines.values()) <= 2
    assert max(len(row["state"]) for row in states) < 4_000


def assert_side_by_side(harness: Harness, synced: Synced) -> None:
    order = [request.workspace_uid for request in synced.requests]
    first, second = (workspace.uid for workspace in harness.world.workspaces)
    assert order.index(first) < len(order) - order[::-1].index(second)
    assert order.index(second) < len(order) - order[::-1].index(first)


def assert_rows_of_syncs(harness: Harness, first: Synced, second: Synced) -> None:
    """The first brought all, the second nothing."""
    runs = sorted(harness.rows("sync_runs"), key=lambda row: row["started_at"])
    assert len(runs) == 4
    for synced, rows in ((first, runs[:2]), (second, runs[2:])):
        for row in rows:
            summary = synced.workspaces[row["workspace_name"]]
            assert row["uid"] == summary["sync_uid"]
            assert row["outcome"] == "loaded"
            assert row["error"] is None
            sent = [r for r in synced.requests if r.workspace_uid == row["workspace_uid"]]
            assert row["api_calls"] == summary["api_calls"] == len(sent)
            assert row["rows_by_table"] == summary["rows"]
            assert row["results_fetched"] == summary["results_fetched"]
            assert row["results_skipped"] == summary["results_skipped"]
            assert row["started_at"] < row["finished_at"]
            assert (row["connector_version"], row["api_version"]) == ("0.1.0", "v3")
    assert all(row["results_fetched"] == 0 for row in runs[2:])
    assert all(
        row["results_skipped"] == first.workspaces[row["workspace_name"]]["results_fetched"]
        for row in runs[2:]
    )


@pytest.mark.integration
@pytest.mark.parametrize(
    ("database", "signal_number"),
    [("duckdb", signal.SIGTERM), ("postgres", signal.SIGINT)],
    indirect=["database"],
)
def test_an_interrupted_sync_ends_soon_and_the_next_goes_on(
    harness: Harness, signal_number: signal.Signals
) -> None:
    oracle = Oracle(harness.world)
    oracle.look()
    harness.extra["SOURCES__CAPTAINDATA__PACKAGE_MAX_RESULTS"] = "100"
    harness.sandbox.faults.add(
        Fault(match="/results$", kind="status", status=503, headers={"Retry-After": "600"}, skip=20)
    )
    harness.sandbox.log.clear()
    process, name = harness.start()
    _wait_for(lambda: len(_result_requests(harness)) > 20)
    assert process.pid is not None
    os.kill(process.pid, signal_number)
    before = time.monotonic()
    done = harness.finish(process, name)
    assert time.monotonic() - before < 300, "seconds, not the ten minutes that the API asks for"
    assert done.code == 1
    assert "Interrupted: what was committed is kept" in done.summary["workspaces"][0]["error"]
    harness.sandbox.faults.clear()
    harness.sync()
    assert_equal(harness, oracle)


@ON_POSTGRES
@pytest.mark.integration
def test_a_job_whose_load_was_not_committed_is_found_again_after_it_left_the_listing(
    harness: Harness,
) -> None:
    """The row is there, its load is not: it must not be taken for known, nor for unknown."""
    oracle = Oracle(harness.world)
    oracle.look()
    harness.sync()
    jobs = {uid: job for (_, uid), job in oracle.jobs.items()}
    flow = next(job["workflow_uid"] for job in jobs.values() if job["status"] in SUCCESS)
    lost = {uid for uid, job in jobs.items() if job["workflow_uid"] == flow}
    harness.database.execute("delete from _dlt_loads")
    harness.database.execute("delete from job_results where workflow_uid = %s", [flow])
    harness.sandbox.faults.add(Fault(match=f"/workflows/{flow}/jobs", kind="replace", body="[]"))
    synced = harness.sync()
    assert lost <= set(read_one_by_one(synced))
    assert_equal(harness, oracle)


@pytest.mark.integration
def test_a_new_field_of_another_type_in_another_workspace_breaks_nothing(
    harness_of_two: Harness,
) -> None:
    harness = harness_of_two
    for workspace, value in zip(harness.world.workspaces, (3, "high"), strict=True):
        flow = harness.world.workflows(workspace)[0]["uid"]
        body = json.dumps([{"uid": f"new-{value}", "status": "running", "priority": value}])
        harness.sandbox.faults.add(
            Fault(match=f"/workflows/{flow}/jobs", kind="replace", body=body),
            Fault(match=f"/jobs/new-{value}$", kind="status", status=404),
        )
    for _ in range(2):
        harness.sync("--table", "jobs")
    rows = harness.rows("jobs", where="priority is not null")
    assert {row["uid"]: row["priority"] for row in rows} == {"new-3": "3", "new-high": "high"}


@ON_DUCKDB
@pytest.mark.integration
def test_a_pipeline_that_knows_nothing_yet_keeps_what_the_destination_holds(
    harness: Harness,
) -> None:
    """Its first sync from this folder, under another name, or of a later version."""
    workspace = harness.world.workspaces[0]
    harness.sync(configs=[harness.config(workspace, keep_secrets=True)])
    before = {row["uid"]: row["details"] for row in harness.rows("workflows")}
    gone, failing, *_ = sorted(before)
    assert before[failing]
    harness.database.execute("update workflows set row_hash = 'old' where uid = %s", [failing])
    harness.database.execute("update jobs set error_message = 'li_at=AQEDARsecret'")
    listed = [each for each in harness.world.workflows(workspace) if each["uid"] != gone]
    harness.sandbox.faults.add(
        Fault(match="/workflows$", kind="replace", body=json.dumps(listed)),
        Fault(match=f"/workflows/{failing}/details$", kind="status", status=400),
    )
    harness.sync(configs=[harness.config(workspace, name="renamed")], expect=1)
    rows = {row["uid"]: row for row in harness.rows("workflows")}
    assert [uid for uid, row in rows.items() if row["is_deleted"]] == [gone]
    assert rows[failing]["details"] == before[failing]
    assert "AQEDARsecret" not in str(harness.rows("jobs"))
