"""API v4: what is listed, fetched and read again, as far as the API alone decides it.

See `test_incremental`. What takes a process or a database is in
`tests/sync/test_v4_incremental.py`.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from captaindata_source.tables import JOB_RESULTS, JOBS, SUCCESSFUL_JOBS, WORKFLOWS
from tests.support.asked import listings, outputs_of, read_one_by_one
from tests.support.oracle import V4_FINAL, Oracle, assert_equal, has_outputs
from tests.support.world_syncs import MakeSyncs, WorldSyncs

Json = dict[str, Any]


def runs_of(syncs: WorldSyncs) -> dict[str, Json]:
    return {run["uid"]: run for run in syncs.world.v4.runs(syncs.workspace)}


def v4(syncs: WorldSyncs, **options: Any) -> tuple[WorldSyncs, Oracle]:
    """The same syncs, by v4, and what is to be expected."""
    syncs.options |= {"api_version": "v4", **options}
    return syncs, Oracle(syncs.world, "v4")


def many(make_syncs: MakeSyncs, **options: Any) -> WorldSyncs:
    """Syncs over a list of runs of some pages, most of them live and so without outputs."""
    world = {"jobs_per_day": 0.0, "workflows": 2, "mean_results": 2, "days": 40}
    return v4(make_syncs(3, **(world | {"live_runs_per_day": 15.0} | options)))[0]


def test_equal_after_the_first_second_and_tenth_day(make_syncs: MakeSyncs) -> None:
    # a lookback so short that runs are found by their change alone, those retried after weeks too
    syncs, oracle = v4(make_syncs(5, workflows=8), lookback_days=0.1)
    before: dict[str, Json] = {}
    retried: set[str] = set()
    for step in (1.0, 8.0, 0.0):
        runs = runs_of(syncs)
        retried |= {
            uid
            for uid, run in before.items()
            if run["status"] in V4_FINAL and runs[uid]["retry_count"] > run["retry_count"]
        }
        before = runs
        oracle.look()
        synced = syncs.sync()
        assert_equal(syncs, oracle)
        live = {uid for uid, run in runs.items() if run["execution_mode"] == "LIVE"}
        assert live
        assert not outputs_of(synced) & live
        syncs.world.advance(days=step)
    assert len(retried) > 2
    rows = {row["uid"]: row for row in syncs.rows("jobs")}
    assert {rows[uid]["has_results"] for uid in live} == {False}
    assert not live & {row["job_uid"] for row in syncs.rows("job_results_ledger")}
    statuses = {row["status"] for row in syncs.rows("successful_jobs")}
    assert statuses == {"SUCCEEDED", "PARTIAL_SUCCEEDED"}


def test_a_second_sync_reads_the_top_of_the_list_and_what_is_not_final(
    make_syncs: MakeSyncs,
) -> None:
    syncs = many(make_syncs)
    first = syncs.sync()
    runs = runs_of(syncs)
    assert len(runs) > 500
    pages = listings(first)
    assert len(pages) < len(runs) / 90 + 4
    assert outputs_of(first) == {uid for uid, run in runs.items() if has_outputs(run)}
    each = Counter((r.path, r.query) for r in first.requests)
    assert {key for key, times in each.items() if times > 1} <= {
        ("/v4/runs", "limit=100&offset=0&sort=-updated_at")
    }
    second = syncs.sync()
    assert len(listings(second)) <= 2
    by_change = sorted(runs.values(), key=lambda run: str(run["updated_at"]), reverse=True)
    seen = {run["uid"] for run in by_change[:100]}
    open_runs = [u for u, run in runs.items() if run["status"] not in V4_FINAL and u not in seen]
    assert read_one_by_one(second) == sorted(open_runs)
    assert open_runs
    others = {r.path for r in second.requests} - {f"/v4/runs/{uid}" for uid in open_runs}
    assert others == {"/v4/workspaces", "/v4/users", "/v4/runs"}
    assert second.total == Counter()
    # a run that shows days after it changed
    (late,) = [run for run in by_change[110:130] if run["uid"] not in open_runs][-1:]
    assert datetime.fromisoformat(late["updated_at"]) > syncs.world.now - timedelta(days=9)
    syncs.lose("jobs", late["uid"])
    third = syncs.sync(JOBS, lookback_days=9)
    assert third.total == Counter({"jobs": 1})
    assert len(listings(third)) < 5


def test_runs_that_come_change_and_go_while_the_list_is_read_are_there_after_the_next_sync(
    make_syncs: MakeSyncs,
) -> None:
    syncs = many(make_syncs, jobs_per_day=0.3)
    world, workspace = syncs.world, syncs.workspace
    gone: set[str] = set()

    def move(path: str) -> None:
        if path == "/v4/runs":
            world.advance(hours=7)
            for run in world.v4.runs(workspace)[3 : 130 if len(gone) < 40 else 0 : 9]:
                gone.add(run["uid"])
                world.v4.remove_run(workspace, run["uid"])

    syncs.sandbox.before_request = move
    oracle = Oracle(world, "v4")
    syncs.sync(JOBS, SUCCESSFUL_JOBS, WORKFLOWS)
    syncs.sandbox.before_request = None
    assert len(gone) > 40
    oracle.look()
    syncs.sync()
    rows = {row["uid"]: row for row in syncs.rows("jobs")}
    extra = {uid: row for uid, row in rows.items() if (workspace.uid, uid) not in oracle.jobs}
    assert extra.keys() <= gone
    assert all(row["is_deleted"] for row in extra.values() if row["status"] not in V4_FINAL)
    for uid, run in runs_of(syncs).items():
        assert rows[uid]["updated_at"] == datetime.fromisoformat(run["updated_at"])
        assert (rows[uid]["status"], rows[uid]["row_count"]) == (run["status"], run["output_count"])
    results = Counter(row["job_uid"] for row in syncs.rows("job_results"))
    for uid, run in runs_of(syncs).items():
        if has_outputs(run):
            assert results[uid] == run["output_count"]


def test_tables_one_after_the_other_end_as_all_at_once(make_syncs: MakeSyncs) -> None:
    syncs, oracle = v4(make_syncs(4))
    oracle.look()
    first = syncs.sync(JOB_RESULTS)
    syncs.world.advance(days=1)
    oracle.look()
    second = syncs.sync(JOBS)
    assert not outputs_of(second)
    third = syncs.sync()
    assert outputs_of(third)
    state = {uid: run for (_, uid), run in oracle.jobs.items()}
    for uid in outputs_of(third) & outputs_of(first):
        assert datetime.fromisoformat(state[uid]["updated_at"]) > syncs.world.start, uid
    assert_equal(syncs, oracle)
    refreshed = syncs.sync(full_refresh=True)
    assert outputs_of(refreshed) == {u for u, run in runs_of(syncs).items() if has_outputs(run)}
    assert refreshed.total["jobs"] == len(runs_of(syncs))
    assert_equal(syncs, oracle)
