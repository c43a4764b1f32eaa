"""Calls against the fewest that would do, over lists whose order and pages are learned."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from captaindata_source.tables import CHECKPOINTS
from tests.support.calls_made import CallSyncs, call_syncs
from tests.support.jobs_server import JobsServer

MakeCallSyncs = Callable[..., CallSyncs]
HOUR = timedelta(hours=1)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[MakeCallSyncs]:
    """Makes syncs of a server, from its options."""
    with ExitStack() as stack:

        def make(options: dict[str, Any] | None = None, **server: Any) -> CallSyncs:
            served = JobsServer(**{"workflows": 4, "jobs": 120, **server})
            return stack.enter_context(call_syncs(served, tmp_path, **(options or {})))

        yield make


@pytest.mark.parametrize("version", ["v3", "v4"])
def test_a_first_load_and_little_new_take_hardly_more_calls_than_needed(
    make: MakeCallSyncs, version: str
) -> None:
    syncs = make(version=version, workflows=8, jobs=200)
    first = syncs.measured(lookback=None)
    assert first.ratio <= 1.05
    assert not syncs.missing()
    syncs.server.now += timedelta(minutes=5)
    assert syncs.measured().ratio <= 1.2, "nothing new"
    syncs.server.now += timedelta(minutes=5)
    for number in range(8):
        syncs.server.add(number)
    assert syncs.measured().ratio <= 1.2, "a new job in each workflow"
    assert not syncs.missing()


def test_a_day_of_syncs_reads_each_list_whole_once_in_turn(make: MakeCallSyncs) -> None:
    syncs = make(workflows=4, every=timedelta(hours=6))
    syncs.measured(lookback=None)
    deep: list[int] = []
    for _ in range(24):
        syncs.server.advance(HOUR)
        syncs.measured()
        paths = [path for path in syncs.server.calls if path.endswith("/jobs")]
        deep.append(len(paths) - len(set(paths)))
    pages = 3 + 1  # of each list, and the empty one
    assert sum(deep) == 4 * (pages - 1)
    assert max(deep) == pages - 1, "no sync reads two of them whole"


def test_a_job_that_changed_below_what_is_read_is_seen_within_a_day(make: MakeCallSyncs) -> None:
    syncs = make(every=timedelta(hours=6))
    syncs.measured(lookback=None)
    old = next(
        job
        for job in syncs.server.served.values()
        if job.rows and syncs.server.now - job.started > timedelta(days=21)
    )
    syncs.server.advance(HOUR)
    syncs.server.retry(old, rows=5)
    hours = 0
    while syncs.missing() or not hours:
        syncs.measured()
        syncs.server.advance(HOUR)
        hours += 1
    assert 1 < hours <= 25


@pytest.mark.parametrize("order", ["oldest", "none"])
def test_a_list_in_another_order_is_read_whole_each_time(make: MakeCallSyncs, order: str) -> None:
    syncs = make(order=order)
    syncs.measured(lookback=None)
    syncs.server.advance(2 * HOUR)
    syncs.measured()
    assert syncs.kinds()["jobs"] >= 4 * 3
    assert not syncs.missing()


def test_a_page_shorter_than_one_of_another_list_is_the_last(make: MakeCallSyncs) -> None:
    syncs = make(order="none", page_size=1_000)
    syncs.measured(lookback=None)
    for _ in range(2):
        syncs.server.add(0, syncs.server.now)
    for _ in range(3):
        syncs.server.now += HOUR
        syncs.server.add(1, syncs.server.now)
        syncs.measured()
        assert not syncs.missing()
    assert syncs.kinds()["jobs"] <= 4 + 2, "but for the two that are, or were, the longest"
    rows = {row["uid"]: row for row in syncs.rows(CHECKPOINTS.name)}
    assert "pages" not in rows
    # pages that become shorter are seen once one of them is followed by another
    syncs.server.page_size = 30
    syncs.server.now += HOUR
    syncs.server.add(2, syncs.server.now)
    syncs.measured()
    assert not syncs.missing(), "known jobs tell that the list goes on"
    rows = {row["uid"]: row for row in syncs.rows(CHECKPOINTS.name)}
    assert rows["pages"]["page_size"] == 0


def test_a_list_that_is_once_out_of_order_is_read_on(make: MakeCallSyncs) -> None:
    syncs = make(workflows=1)
    syncs.measured(lookback=None)
    syncs.server.order = "none"
    deepest = min(syncs.server.served.values(), key=lambda job: job.started)
    syncs.server.retry(deepest, rows=7)
    syncs.server.now += HOUR
    syncs.measured()
    assert not syncs.missing()


def test_pages_that_become_shorter_hide_nothing_for_long(make: MakeCallSyncs) -> None:
    syncs = make(workflows=1, order="oldest", every=HOUR)
    syncs.measured(lookback=None)
    syncs.server.page_size = 30
    for _ in range(3):
        syncs.server.advance(HOUR)
        syncs.measured()
        assert not syncs.missing(), "known jobs tell that the list goes on"
    rows = {row["uid"]: row for row in syncs.rows(CHECKPOINTS.name)}
    assert rows["pages"]["page_size"] == 0, "pages of several lengths tell nothing"


@pytest.mark.parametrize("version", ["v3", "v4"])
def test_jobs_that_say_they_have_no_results_are_skipped_but_for_a_sample(
    make: MakeCallSyncs, version: str
) -> None:
    syncs = make(version=version)
    syncs.measured(lookback=None)
    empty = sum(not job.rows for job in syncs.server.served.values())
    ledger = syncs.rows("job_results_ledger")
    skipped = [row for row in ledger if row["is_skipped"]]
    assert len(ledger) == len(syncs.server.served)
    assert len(skipped) >= empty - 20 - 2 * 4
    asked = [row for row in ledger if not row["is_skipped"]]
    assert sum(not row["result_rows"] for row in asked) >= 2 * 4
    syncs.server.now += timedelta(minutes=5)
    syncs.measured()
    assert syncs.kinds()["results"] == syncs.kinds()["outputs"] == 0


def test_counts_that_are_missing_say_nothing(make: MakeCallSyncs) -> None:
    syncs = make()
    for job in syncs.server.served.values():
        job.counted = None  # type: ignore[assignment]
    syncs.measured(lookback=None)
    assert syncs.kinds()["results"] == len(syncs.server.served)
    assert not any(row["is_skipped"] for row in syncs.rows("job_results_ledger"))


def test_one_wrong_zero_brings_all_that_were_skipped(make: MakeCallSyncs) -> None:
    syncs = make()
    syncs.measured(lookback=None)
    assert any(row["is_skipped"] for row in syncs.rows("job_results_ledger"))
    for job in syncs.server.served.values():
        job.rows = job.rows or 3  # and still says 0
    for number in range(4):
        for _ in range(3):
            syncs.server.add(number).counted = 0
    hours = 0
    while any(row["is_skipped"] for row in syncs.rows("job_results_ledger")):
        syncs.server.advance(HOUR)
        done = syncs.sync_of_now()
        hours += 1
        assert hours <= 25
    assert done.kinds["zero_count_wrong"] == 1
    skipped_once = {job.uid for job in syncs.missing() if not job.counted and not job.rows}
    assert not skipped_once
    syncs.server.add(0).counted = 0
    syncs.server.now += HOUR
    syncs.sync_of_now()
    assert not any(row["is_skipped"] for row in syncs.rows("job_results_ledger")), "it stays off"


def test_a_ledger_that_is_lost_is_a_reason_to_read_all(make: MakeCallSyncs) -> None:
    syncs = make()
    syncs.measured(lookback=None)
    syncs.tables["job_results_ledger"].clear()
    syncs.tables["job_results"].clear()
    syncs.server.now += timedelta(minutes=5)
    syncs.measured()
    assert syncs.kinds()["jobs"] >= 4 * 3
    assert not syncs.missing()


def test_members_are_read_once_a_day(make: MakeCallSyncs) -> None:
    syncs = make(workflows=1, jobs=10)
    syncs.measured(lookback=None)
    asked = []
    for _ in range(12):
        syncs.server.advance(2 * HOUR)
        syncs.measured()
        asked.append(syncs.kinds()["users"] > 0)
    assert sum(asked) == 1
    (row,) = syncs.rows("workspaces")
    assert [member["uid"] for member in row["members"]] == ["u"]


def test_blocked_runs_rest_until_the_deep_look(make: MakeCallSyncs) -> None:
    syncs = make(version="v4", workflows=1, jobs=150)
    blocked = sorted(syncs.server.served.values(), key=lambda job: job.started)[:3]
    for job in blocked:
        job.status = "BLOCKED"
    syncs.measured(lookback=None)
    read = []
    for _ in range(12):
        syncs.server.advance(2 * HOUR)
        syncs.measured()
        read.append(sum(path.endswith(job.uid) for path in syncs.server.calls for job in blocked))
    assert sum(read) == 3
    assert max(read) == 3


def test_open_jobs_below_what_is_read_are_read_by_the_page_or_one_by_one(
    make: MakeCallSyncs,
) -> None:
    syncs = make(workflows=1, every=timedelta(hours=6))
    old = sorted(syncs.server.served.values(), key=lambda job: job.started)
    for job in old[:2]:
        job.status = "paused"
    syncs.measured(lookback=None)
    syncs.server.now += timedelta(minutes=5)
    syncs.measured()
    assert len(syncs.server.calls) <= 3 + 3
    for job in old[:40]:
        job.status = "paused"
        job.updated = syncs.server.now
    syncs.sync_of_now(deep_listing_hours=0)
    syncs.server.now += timedelta(minutes=5)
    syncs.measured()
    assert not [path for path in syncs.server.calls if path.startswith("jobs/")]
    assert syncs.kinds()["jobs"] == 3


def test_zero_hours_reads_each_list_whole_each_time(make: MakeCallSyncs) -> None:
    syncs = make({"deep_listing_hours": 0})
    syncs.measured(lookback=None)
    syncs.server.now += timedelta(minutes=5)
    syncs.measured()
    assert syncs.kinds()["jobs"] == 4 * (3 + 1)


@pytest.mark.parametrize("version", ["v3", "v4"])
def test_a_quota_that_is_used_up_ends_the_sync_and_keeps_what_was_fetched(
    make: MakeCallSyncs, version: str
) -> None:
    syncs = make({"max_parallel_requests": 1}, version=version, empty=1)
    ending = "results" if version == "v3" else "outputs"
    syncs.server.quota = 40
    done = syncs.sync_of_now()
    assert len(syncs.server.calls) == 41, "nothing is sent after the refusal"
    assert done.kinds["quota_used_up"] == 1
    assert not done.set_aside
    fetched = syncs.kinds()[ending] - 1
    assert len(syncs.rows("job_results_ledger")) == fetched > 0
    syncs.server.quota = None
    syncs.server.now += HOUR
    syncs.measured()
    assert syncs.kinds()[ending] == len(syncs.server.served) - fetched
    assert not syncs.missing()


def test_a_quota_that_ends_within_the_lists_loses_no_list(make: MakeCallSyncs) -> None:
    syncs = make({"max_parallel_requests": 1}, workflows=6)
    syncs.server.quota = 20
    syncs.sync_of_now()
    syncs.server.quota = None
    syncs.server.now += HOUR
    syncs.measured()
    assert not syncs.missing()


def test_a_list_is_read_for_days_beyond_the_last_job_that_is_new(make: MakeCallSyncs) -> None:
    syncs = make({"lookback_days": 10}, workflows=1, every=timedelta(hours=3))
    syncs.measured(lookback=None)
    within = next(
        job
        for job in syncs.server.served.values()
        if timedelta(days=8) < syncs.server.now - job.started < timedelta(days=9)
    )
    syncs.server.now += timedelta(minutes=5)
    syncs.server.add(0)
    syncs.server.retry(within, rows=5)
    syncs.measured(lookback=timedelta(days=10))
    assert not syncs.missing(), "it stands on the second page"
    assert syncs.kinds()["jobs"] >= 2


def test_no_job_is_skipped_before_counts_have_proven_true(make: MakeCallSyncs) -> None:
    syncs = make(workflows=1, jobs=19, empty=19)
    syncs.measured(lookback=None)
    assert not any(row["is_skipped"] for row in syncs.rows("job_results_ledger"))
    assert syncs.kinds()["results"] == 19
