"""Jobs that events told of: few calls, and results that came with callbacks only where they are
those of the job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from captaindata_source.sandbox import World
from captaindata_source.settings.named_jobs import Delivered, NamedJobs, Told, ToldEvent
from captaindata_source.tables import JOB_RESULTS, JOBS, SUCCESSFUL_JOBS, WORKFLOWS
from tests.support.faulty_sandbox import FaultySandbox
from tests.support.world_syncs import WorldSynced, WorldSyncs

TABLES = (JOBS, SUCCESSFUL_JOBS, JOB_RESULTS, WORKFLOWS)
NOW = datetime(2026, 11, 28, tzinfo=UTC)


@pytest.fixture
def syncs(tmp_path: Path) -> Iterator[WorldSyncs]:
    """Of a world of v4 whose runs are tried again now and then."""
    world = World(1, workspaces=1, workflows=3, mean_results=4, jobs_per_day=3)
    with FaultySandbox(world) as sandbox:
        yield WorldSyncs(sandbox, tmp_path, {"api_version": "v4"})


def successes(syncs: WorldSyncs, *, retried: bool) -> list[dict[str, Any]]:
    runs = syncs.world.v4.runs(syncs.workspace)
    return [
        run
        for run in runs
        if run["status"] == "SUCCEEDED"
        and run["output_count"]
        and bool(run["retry_count"]) is retried
        and run["parameters"].get("sync_mode") != "incremental"
    ]


def told_of(runs: Sequence[dict[str, Any]], *, at: datetime = NOW) -> Told:
    def pages(count: int) -> Iterator[Sequence[bytes]]:
        yield [b'{"n":%d}' % number for number in range(count)]

    return Told(
        events=[
            ToldEvent(uid=f"e{run['uid']}", kind="run_final", received_at=at, job_uid=run["uid"])
            for run in runs
        ],
        delivered={
            run["uid"]: [
                Delivered(
                    rows=run["output_count"],
                    pages=partial(pages, run["output_count"]),
                )
            ]
            for run in runs
        },
    )


def read(syncs: WorldSyncs, told: Told) -> WorldSynced:
    jobs = tuple(each.job_uid for each in told.events if each.job_uid)
    return syncs.sync(*TABLES, named_jobs=NamedJobs(jobs=jobs, told=told))


def test_many_runs_take_one_call_and_their_results_none(syncs: WorldSyncs) -> None:
    runs = successes(syncs, retried=False)[:20]
    assert len(runs) > 5

    synced = read(syncs, told_of(runs))

    assert [request.path for request in synced.requests] == ["/v4/runs"]
    assert synced.total["jobs"] == len(runs)
    assert synced.total["job_results"] == sum(run["output_count"] for run in runs)


def test_results_of_another_attempt_are_not_taken(syncs: WorldSyncs) -> None:
    (retried, *_) = successes(syncs, retried=True)
    (ended, *_) = successes(syncs, retried=False)
    before = datetime.fromisoformat(ended["finished_at"]) - timedelta(hours=1)

    synced = [read(syncs, told_of([retried])), read(syncs, told_of([ended], at=before))]

    for each, run in zip(synced, (retried, ended), strict=True):
        assert each.paths("/outputs") == [f"/v4/runs/{run['uid']}/outputs"]


def test_results_that_are_not_all_are_fetched(syncs: WorldSyncs) -> None:
    (run, *_) = successes(syncs, retried=False)
    told = told_of([run])
    told.delivered[run["uid"]] = [
        Delivered(rows=run["output_count"] - 1, pages=lambda: iter([[b"{}"]]))
    ]

    assert read(syncs, told).paths("/outputs") == [f"/v4/runs/{run['uid']}/outputs"]


def test_a_run_that_is_not_there_is_told_and_nothing_else_is_touched(syncs: WorldSyncs) -> None:
    events = [
        ToldEvent(uid=uid, kind="run_final", received_at=NOW, job_uid=uid) for uid in ("no", "none")
    ]
    told = Told(events=events)

    synced = read(syncs, told)

    assert told.unseen == {"no", "none"}
    assert synced.total == {}
    assert synced.set_aside == []
