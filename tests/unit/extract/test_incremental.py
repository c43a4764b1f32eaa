"""What is fetched again and what is not, as far as the API alone decides it.

Each sync is the real extraction over a real server; a dictionary stands in for the destination.
What takes a process or a database is in `tests/sync/test_incremental.py`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from captaindata_source.tables import JOB_RESULTS, JOBS
from tests.support.asked import listed_now, read_one_by_one, results_of, successes
from tests.support.faults import Fault
from tests.support.oracle import FINAL, SUCCESS, Oracle, assert_equal
from tests.support.world_syncs import MakeSyncs, WorldSyncs


def entries_now(syncs: WorldSyncs) -> dict[str, str]:
    """The listing's entry of each workflow."""
    return {flow["uid"]: json.dumps(flow) for flow in syncs.world.workflows(syncs.workspace)}


def test_a_second_sync_fetches_listings_alone_and_each_once(syncs: WorldSyncs) -> None:
    oracle = Oracle(syncs.world)
    oracle.look()
    first = syncs.sync()
    assert first.paths("/results")
    assert first.paths("/details")
    assert set(Counter((r.path, r.query) for r in first.requests).values()) == {1}
    assert_equal(syncs, oracle)
    second = syncs.sync()
    allowed = re.compile(r"/v3/(workspace|users|workflows|workflows/[^/]+/jobs)")
    assert all(allowed.fullmatch(request.path) for request in second.requests)
    assert set(Counter((r.path, r.query) for r in second.requests).values()) == {1}
    assert second.total == Counter()
    assert second.skipped > 0


def test_rows_that_did_not_change_are_not_written_again(syncs: WorldSyncs) -> None:
    syncs.sync()
    tables = ("workspaces", "workflows", "jobs", "successful_jobs")
    before = {(table, row["uid"]): row for table in tables for row in syncs.rows(table)}
    results = {row["result_uid"]: row["_load_id"] for row in syncs.rows("job_results")}
    syncs.world.advance(days=1)
    changed = syncs.sync()
    rewritten: Counter[str] = Counter()
    for table in tables:
        for row in syncs.rows(table):
            old = before.get((table, row["uid"]))
            if old is None or old["_load_id"] != row["_load_id"]:
                rewritten[table] += 1
                assert old is None or old["row_hash"] != row["row_hash"] or table == "workflows"
            else:
                assert old == row
    assert rewritten == Counter({t: n for t, n in changed.total.items() if t in tables})
    kept = [row for row in syncs.rows("job_results") if row["result_uid"] in results]
    refetched = results_of(changed)
    assert any(row["job_uid"] not in refetched for row in kept)
    for row in kept:
        is_old = results[row["result_uid"]] == row["_load_id"]
        assert is_old == (row["job_uid"] not in refetched)


def test_results_are_fetched_for_the_jobs_that_changed_and_no_others(
    make_syncs: MakeSyncs,
) -> None:
    syncs = make_syncs(2)
    oracle = Oracle(syncs.world)
    known: dict[str, tuple[Any, ...]] = {}
    changes: Counter[str] = Counter()
    sizes: dict[str, int] = {}
    for days in (1, 1, 1, 3, 0):
        oracle.look()
        now = successes(oracle)
        expected = {uid for uid, state in now.items() if known.get(uid) != state}
        synced = syncs.sync()
        skipped = {row["job_uid"] for row in syncs.rows("job_results_ledger") if row["is_skipped"]}
        asked = results_of(synced)
        assert asked <= expected
        assert expected - asked <= skipped, "jobs that say they have no results"
        assert_equal(syncs, oracle)
        after = {uid: len(rows) for (_, uid), rows in oracle.results.items()}
        for uid in expected & set(sizes):
            kind = "zero" if not after[uid] else "grown" if after[uid] > sizes[uid] else "shrunk"
            changes[kind if after[uid] != sizes[uid] else "same"] += 1
        known.update(now)
        sizes = after
        syncs.world.advance(days=days)
    assert {"grown", "shrunk", "zero"} <= set(changes), changes


def test_each_of_finish_time_and_counts_alone_asks_for_the_results_again(
    make_syncs: MakeSyncs,
) -> None:
    asking = {
        "finish_time": "2026-01-02T03:04:05",
        "row_count": 12345,
        "total_row_count": 12345,
    }
    harmless = {"name": "renamed", "error_message": "harmless"}
    syncs = make_syncs(workflows=2, jobs_per_day=0.0)
    syncs.sync(JOBS, JOB_RESULTS)
    flow_uid = syncs.world.workflows(syncs.workspace)[0]["uid"]
    listed = syncs.world.listed_jobs(syncs.workspace, flow_uid)
    # a job for each field, which alone changes
    found = [job["uid"] for job in listed if job["status"] in SUCCESS]
    changes = dict(zip(found, [*asking.items(), *harmless.items()], strict=False))
    assert len(changes) == 5
    changed = [
        {**job, changes[job["uid"]][0]: changes[job["uid"]][1]} if job["uid"] in changes else job
        for job in listed
    ]
    is_ascii = syncs.world.dialect.ascii_json
    body = json.dumps(changed, separators=(",", ":"), ensure_ascii=is_ascii)
    syncs.sandbox.faults.add(Fault(match=f"/{flow_uid}/jobs$", kind="replace", body=body))
    synced = syncs.sync(JOBS, JOB_RESULTS)
    assert results_of(synced) == {uid for uid, (field, _) in changes.items() if field in asking}
    assert synced.total["jobs"] == 5


def test_a_retried_job_leaves_successful_jobs_and_keeps_its_results(syncs: WorldSyncs) -> None:
    oracle = Oracle(syncs.world)
    oracle.look()
    syncs.sync()
    before = successes(oracle)
    left: set[str] = set()
    for _ in range(20):
        syncs.world.advance(hours=6)
        oracle.look()
        left = {uid for uid in before if uid not in successes(oracle)}
        left = {
            uid for uid in left if any(rows for (_, j), rows in oracle.results.items() if j == uid)
        }
        if left:
            break
    assert left
    syncs.sync()
    assert not left & {row["uid"] for row in syncs.rows("successful_jobs")}
    loaded = Counter(row["job_uid"] for row in syncs.rows("job_results"))
    for (_, uid), rows in oracle.results.items():
        if uid in left:
            assert loaded[uid] == len(rows)


def test_jobs_that_ran_for_weeks_and_left_the_listing_are_read_one_by_one(
    make_syncs: MakeSyncs,
) -> None:
    syncs = make_syncs(3)
    oracle = Oracle(syncs.world)
    oracle.look()
    syncs.sync()
    ended: set[str] = set()
    for days in (2, 4, 4):
        syncs.world.advance(days=days)
        listed = {job["uid"] for job in listed_now(syncs.world)}
        unfinished = {
            uid
            for (_, uid), job in oracle.jobs.items()
            if uid not in listed and job["status"] not in FINAL
        }
        oracle.look()
        assert set(read_one_by_one(syncs.sync())) == unfinished
        ended |= {uid for uid in unfinished if uid in successes(oracle)}
        assert_equal(syncs, oracle)
    assert ended
    assert ended <= {row["job_uid"] for row in syncs.rows("job_results_ledger")}


def test_history_beyond_the_listing_window_stays(syncs: WorldSyncs) -> None:
    oracle = Oracle(syncs.world)
    oracle.look()
    syncs.sync()
    syncs.world.advance(days=2)
    oracle.look()
    syncs.sync()
    syncs.world.advance(days=58)
    synced = syncs.sync()
    listed = {job["uid"] for job in listed_now(syncs.world)}
    old = {uid for (_, uid), job in oracle.jobs.items() if job["status"] in FINAL} - listed
    assert len(old) > 50
    assert old <= {row["uid"] for row in syncs.rows("jobs")}
    assert not old & results_of(synced)


def test_jobs_of_a_list_that_can_not_be_read_stay_as_they_are(syncs: WorldSyncs) -> None:
    oracle = Oracle(syncs.world)
    oracle.look()
    syncs.sync()
    job = next(job for job in oracle.jobs.values() if job["status"] not in FINAL)
    flow = job["workflow_uid"]
    before = syncs.row("jobs", job["uid"])
    syncs.sandbox.faults.add(Fault(match=f"/workflows/{flow}/jobs", kind="status", status=403))
    synced = syncs.sync()
    assert [issue.workflow_uid for issue in synced.set_aside] == [flow]
    of_flow = {uid for (_, uid), job in oracle.jobs.items() if job["workflow_uid"] == flow}
    assert not of_flow & set(read_one_by_one(synced))
    assert syncs.row("jobs", job["uid"]) == before


def test_a_job_that_is_gone_is_marked_and_not_asked_for_again(syncs: WorldSyncs) -> None:
    oracle = Oracle(syncs.world)
    oracle.look()
    syncs.sync()
    job = next(j for (_, _), j in oracle.jobs.items() if j["status"] not in FINAL)
    flow, uid = job["workflow_uid"], job["uid"]
    syncs.sandbox.faults.add(
        Fault(match=f"/workflows/{flow}/jobs", kind="replace", body="[]"),
        Fault(match=f"/jobs/{uid}$", kind="status", status=404),
    )
    assert uid in read_one_by_one(syncs.sync())
    row = syncs.row("jobs", uid)
    assert row["is_deleted"]
    assert (row["status"], row["configuration"]) == (job["status"], job["configuration"])
    assert uid not in read_one_by_one(syncs.sync())
    syncs.sandbox.faults.clear()
    syncs.sync()
    assert not syncs.row("jobs", uid)["is_deleted"]


def test_a_success_whose_results_were_missed_is_fetched_after_it_left_the_listing(
    syncs: WorldSyncs,
) -> None:
    oracle = Oracle(syncs.world)
    oracle.look()
    uid = next(u for (_, u), rows in oracle.results.items() if rows)
    flow = next(j["workflow_uid"] for (_, u), j in oracle.jobs.items() if u == uid)
    syncs.sandbox.faults.add(Fault(match=f"/jobs/{uid}/results", kind="status", status=400))
    [aside] = syncs.sync().set_aside
    assert aside.job_uid == uid
    assert "HTTP 400" in (aside.detail or "")
    syncs.sandbox.faults.clear()
    syncs.sandbox.faults.add(Fault(match=f"/workflows/{flow}/jobs", kind="replace", body="[]"))
    assert results_of(syncs.sync()) == {uid}
    assert_equal(syncs, oracle)


def test_newest_jobs_come_first(syncs: WorldSyncs) -> None:
    oracle = Oracle(syncs.world)
    oracle.look()
    synced = syncs.sync(max_parallel_requests=1)
    order = list(dict.fromkeys(path.split("/")[3] for path in synced.paths("/results")))
    times = [oracle.jobs[syncs.workspace.uid, uid]["finish_time"] for uid in order]
    finished = [time for time in times if time is not None]
    assert len(finished) > 20
    assert finished == sorted(finished, reverse=True)


def test_a_full_refresh_reads_everything_again_and_keeps_what_is_no_longer_listed(
    syncs: WorldSyncs,
) -> None:
    oracle = Oracle(syncs.world)
    oracle.look()
    syncs.sync()
    syncs.world.advance(days=5)
    oracle.look()
    synced = syncs.sync(full_refresh=True)
    listed = {job["uid"]: job for job in listed_now(syncs.world)}
    successful = {uid for uid, job in listed.items() if job["status"] in SUCCESS}
    assert successful <= results_of(synced)
    assert len(synced.paths("/details")) == len(entries_now(syncs))
    assert {uid for _, uid in oracle.jobs} - set(listed), "none left the listing"
    assert_equal(syncs, oracle)


def test_details_are_fetched_again_when_the_entry_changed_or_they_are_old(
    syncs: WorldSyncs,
) -> None:
    syncs.sync()
    aged = syncs.sync(details_max_age_days=0)
    assert len(aged.paths("/details")) == len(entries_now(syncs))
    entries = entries_now(syncs)
    syncs.world.advance(days=1.3)
    now = entries_now(syncs)
    expected = {uid for uid, entry in now.items() if entries.get(uid) != entry}
    assert expected
    assert {path.split("/")[3] for path in syncs.sync().paths("/details")} == expected


def test_successes_are_settled_for_jobs_that_left_the_listing(syncs: WorldSyncs) -> None:
    oracle = Oracle(syncs.world)
    oracle.look()
    syncs.sync(JOBS)
    syncs.world.advance(days=5)
    oracle.look()
    syncs.sync()
    expected = set(successes(oracle))
    assert expected - {job["uid"] for job in listed_now(syncs.world)}
    assert {row["uid"] for row in syncs.rows("successful_jobs")} == expected
    assert expected <= {row["job_uid"] for row in syncs.rows("job_results_ledger")}


def test_one_job_that_never_answers_does_not_stop_the_others(syncs: WorldSyncs) -> None:
    oracle = Oracle(syncs.world)
    oracle.look()
    uid = next(u for (_, u), rows in oracle.results.items() if rows)
    never = {"Retry-After": "3600"}
    syncs.sandbox.faults.add(
        Fault(match=f"/jobs/{uid}/results", kind="status", status=503, headers=never)
    )
    [aside] = syncs.sync().set_aside
    assert aside.job_uid == uid
    loaded = {row["job_uid"] for row in syncs.rows("job_results_ledger")}
    assert loaded == set(successes(oracle)) - {uid}
    syncs.sandbox.faults.clear()
    assert results_of(syncs.sync()) == {uid}
    assert_equal(syncs, oracle)
