"""Continued, archived and limited runs of the sandbox, as syncs see them."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from captaindata_source.tables import JOB_RESULTS, JOBS
from tests.support.world_syncs import MakeSyncs, WorldSyncs

SMALL: dict[str, Any] = {"workflows": 2, "jobs_per_day": 0.5, "mean_results": 6, "days": 12}


def data_of(syncs: WorldSyncs, uid: str) -> list[str]:
    return sorted(str(r["data"]) for r in syncs.rows(JOB_RESULTS.name) if r["job_uid"] == uid)


@pytest.mark.parametrize("answers", ["all", "newest"])
def test_rows_of_all_answers_of_a_continued_run_are_there(
    make_syncs: MakeSyncs, answers: Any
) -> None:
    syncs = make_syncs(4, **SMALL)
    syncs.options |= {"api_version": "v4"}
    world, workspace = syncs.world, syncs.workspace
    world.dialect = dataclasses.replace(world.dialect, continued_outputs=answers)
    runs = [run for run in world.v4.runs(workspace) if run["status"] == "SUCCEEDED"]
    run = next(r for r in runs if r["output_count"] > 2 and r["execution_mode"] == "ASYNC")
    uid = run["uid"]
    world.v4.continue_run(workspace, uid)
    syncs.sync()
    before = data_of(syncs, uid)
    assert len(before) == run["output_count"]
    for rows in (3, 0, 250):
        world.v4.continue_run(workspace, uid, rows=rows)
        syncs.sync()
        assert data_of(syncs, uid) == before, "it is at work"
        world.advance(hours=2)
        synced = syncs.sync()
        assert not synced.set_aside
        after = data_of(syncs, uid)
        assert len(after) == len(before) + rows
        assert not [row for row in before if row not in after]
        changes = [r for r in syncs.rows("results_changes") if r["_load_id"] == syncs.loads]
        assert [row["change"] for row in changes if row["job_uid"] == uid] == [
            "added" if rows else "replaced"
        ]
        before = after
    found = [row for row in syncs.rows(JOB_RESULTS.name) if row["job_uid"] == uid]
    assert sum(bool(row["is_carried"]) for row in found) == (
        0 if answers == "all" else len(found) - 250
    )
    assert len({row["result_uid"] for row in found}) == len(found)
    assert sorted(row["position"] for row in found) == list(range(len(found)))
    assert syncs.sync().total[JOB_RESULTS.name] == 0


def test_an_older_server_is_asked_for_large_pages_once(make_syncs: MakeSyncs) -> None:
    syncs = make_syncs(4, **SMALL)
    syncs.options |= {"api_version": "v4"}
    syncs.world.dialect = dataclasses.replace(syncs.world.dialect, outputs_max_limit=100)
    synced = syncs.sync()
    refused = [r for r in synced.requests if r.status == 400]
    assert [request.query for request in refused] == ["limit=500"]
    assert not synced.set_aside
    assert syncs.rows(JOB_RESULTS.name)


def test_runs_that_are_gone_for_their_age_are_archived(make_syncs: MakeSyncs) -> None:
    syncs = make_syncs(4, **{**SMALL, "jobs_per_day": 2.0})
    syncs.options |= {"api_version": "v4"}
    world, workspace = syncs.world, syncs.workspace
    syncs.sync()
    results = len(syncs.rows(JOB_RESULTS.name))
    at_rest = [r for r in world.v4.runs(workspace) if r["status"] in ("BLOCKED", "QUEUED")]
    deleted = at_rest[0]["uid"]
    world.v4.remove_run(workspace, deleted)
    syncs.sync(deep_listing_hours=0)
    assert (syncs.row(JOBS.name, deleted)["is_deleted"]) is True
    assert not syncs.row(JOBS.name, deleted)["is_archived"]
    world.advance(days=120)
    syncs.sync(deep_listing_hours=0)
    left = {run["uid"] for run in world.v4.runs(workspace)}
    archived = [r for r in at_rest if r["uid"] not in {*left, deleted}]
    assert archived
    for run in archived:
        row = syncs.row(JOBS.name, run["uid"])
        assert (row["is_archived"], row["is_deleted"]) == (True, False)
    assert len(syncs.rows(JOB_RESULTS.name)) >= results
    again = syncs.sync(deep_listing_hours=0)
    asked = {request.path.rsplit("/", 1)[-1] for request in again.requests}
    assert not asked & {run["uid"] for run in archived}
