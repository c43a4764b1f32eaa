"""The queue of jobs whose results are to be fetched, and the packages it is handed out in."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from captaindata_source.extract.limits import Limits
from captaindata_source.extract.queue import MAX_BYTES, Package, ResultJob, ResultQueue
from tests.support.http_script import FakeTime

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)


def job(uid: str, hours: int | None = 0) -> ResultJob:
    time = None if hours is None else NOON + timedelta(hours=hours)
    return ResultJob(uid=uid, workflow_uid="w", version="v", finish_time=time)


def queue_of(*jobs: ResultJob) -> ResultQueue:
    queue = ResultQueue()
    for one in jobs:
        queue.add(one)
    return queue


def taken(package: Package) -> list[str]:
    uids = []
    while (one := package.take()) is not None:
        uids.append(one.uid)
    return uids


def test_newest_first_and_those_without_a_time_last() -> None:
    queue = queue_of(
        job("old", 1), job("never", None), job("new", 9), job("mid", 5), job("mid2", 5)
    )
    queue.sort()
    assert queue.total == len(queue) == 5
    assert taken(Package(queue)) == ["new", "mid", "mid2", "old", "never"]
    assert (queue.total, len(queue)) == (5, 0)
    assert queue.pop() is None


def test_an_empty_queue_gives_nothing() -> None:
    package = Package(ResultQueue(), max_rows=0)
    assert package.take() is None
    assert package.rows == 0


def test_full_by_rows_however_they_arrive() -> None:
    queue = queue_of(*map(job, "abcd"))
    package = Package(queue, max_rows=100)
    assert package.take() == job("a")
    package.count(99)
    assert package.take() == job("b")
    package.count(1)
    assert package.rows == 100
    assert package.take() is None
    assert taken(Package(queue, max_rows=100)) == ["c", "d"]


def test_full_by_time() -> None:
    time = FakeTime()
    queue = queue_of(*map(job, "abc"))
    package = Package(queue, max_seconds=300, monotonic=time.clock.monotonic)
    assert package.take() == job("a")
    time.elapsed = 299.9
    assert package.take() == job("b")
    time.elapsed = 300
    assert package.take() is None
    assert len(queue) == 1


def test_the_first_take_gives_a_job_even_where_the_package_is_full() -> None:
    """Else a sync whose listing took longer than a package may take would never get anywhere."""
    time = FakeTime()
    queue = queue_of(*map(job, "abc"))
    package = Package(queue, max_rows=0, max_seconds=0, monotonic=time.clock.monotonic)
    assert taken(package) == ["a"]
    late = Package(queue, max_seconds=10, monotonic=time.clock.monotonic)
    time.elapsed = 100
    assert taken(late) == ["b"]


def test_a_take_that_found_nothing_does_not_use_up_the_first() -> None:
    queue = ResultQueue()
    package = Package(queue, max_rows=0)
    assert package.take() is None
    queue.add(job("a"))
    queue.add(job("b"))
    assert taken(package) == ["a"]


def test_a_package_ends_at_so_many_bytes() -> None:
    package = Package(queue_of(*map(job, "abc")))
    package.count(1, MAX_BYTES - 1)
    assert package.take() == job("a")
    package.count(1, 1)
    assert package.take() is None


def test_no_more_jobs_at_hand_than_are_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    worth = [1.0]
    package = Package(queue_of(*map(job, "abc")), parallel=lambda: worth[0])
    waited = []

    def wait(_: object, seconds: float) -> None:
        waited.append(seconds)
        worth[0] += 1

    monkeypatch.setattr(threading.Condition, "wait", wait)
    assert package.take() == job("a")
    assert package.take() == job("b")
    package.put_down()
    assert package.take() == job("c")
    assert len(waited) == 1


def test_a_package_without_limits_gives_all() -> None:
    package = Package(queue_of(*map(job, "abc")))
    package.count(10**9)
    assert taken(package) == ["a", "b", "c"]


def test_a_cancelled_package_gives_nothing_not_even_the_first() -> None:
    queue = queue_of(*map(job, "abc"))
    package = Package(queue)
    assert not package.is_cancelled
    package.cancel()
    assert package.is_cancelled
    assert package.take() is None
    assert len(queue) == 3


def test_a_job_that_fails_does_not_use_up_the_one_that_is_always_given() -> None:
    package = Package(queue_of(*map(job, "abc")), limits=Limits(max_requests=0))
    assert package.take() == job("a")
    assert package.take() is None
    package.failed()
    assert package.take() == job("b")
    package.done(0)
    assert package.take() is None


def test_what_became_of_the_jobs() -> None:
    queue = queue_of(*map(job, "abc"))
    queue.sort()
    totals: list[int] = []
    package = Package(queue, on_job=totals.append)
    package.count(5)
    package.done(5)
    package.count(2)
    package.failed()
    package.done(0)
    assert (queue.fetched, queue.rows, package.rows) == (2, 5, 7)
    assert totals == [3, 3, 3]


def test_threads_get_each_job_once() -> None:
    queue = queue_of(*(job(str(number)) for number in range(500)))
    package = Package(queue)

    def work(_: int) -> list[str]:
        uids = []
        while (one := package.take()) is not None:
            package.count(1)
            package.done(1)
            uids.append(one.uid)
        return uids

    with ThreadPoolExecutor(8) as pool:
        uids = [uid for part in pool.map(work, range(8)) for uid in part]
    assert sorted(uids, key=int) == [str(number) for number in range(500)]
    assert (queue.fetched, queue.rows, package.rows) == (500, 500, 500)
