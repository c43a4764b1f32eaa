"""Waits of minutes pass in a moment, with the decisions that they would bring."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from captaindata_source.http import Clock
from tests.support import processes, time_lapse
from tests.support.faults import Fault
from tests.support.harness import Harness

ON_ONE_DATABASE = pytest.mark.parametrize("database", ["duckdb"], indirect=True)


def test_a_fast_clock() -> None:
    slept: list[float] = []
    clock = time_lapse.fast_clock(60, sleep=slept.append, check=lambda: None)
    begun, really = clock.monotonic(), time.monotonic()
    threading.Event().wait(0.05)
    assert clock.monotonic() - begun == pytest.approx(60 * (time.monotonic() - really), rel=0.2)
    clock.sleep(30)
    assert slept == [0.5]
    assert abs(clock.wall() - Clock().wall()) < 1


def test_short_waits() -> None:
    slept: list[float] = []
    clock = time_lapse.short_waits(60, sleep=slept.append, check=lambda: None)
    really, before = time.monotonic(), clock.monotonic()
    threading.Event().wait(0.05)
    assert clock.monotonic() - before <= time.monotonic() - really, "what is no wait is as long"
    for _ in range(2):
        begun = clock.monotonic()
        clock.sleep(30)
        assert clock.monotonic() - begun >= 30
    assert slept == [0.5, 0.5]
    assert clock.monotonic() - before <= 60 + time.monotonic() - really


def test_short_waits_at_the_same_time_are_one() -> None:
    both = threading.Barrier(2)

    def sleep(_seconds: float) -> None:
        both.wait()

    clock = time_lapse.short_waits(60, sleep=sleep)
    really, before = time.monotonic(), clock.monotonic()
    threads = [threading.Thread(target=clock.sleep, args=(30,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 30 <= clock.monotonic() - before <= 30 + time.monotonic() - really


@ON_ONE_DATABASE
@pytest.mark.parametrize("is_date", [False, True])
def test_a_retry_after_is_waited_for_and_takes_a_moment(harness: Harness, is_date: bool) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    soon = format_datetime(now + timedelta(seconds=30), usegmt=True)
    harness.sandbox.faults.add(
        Fault(
            match="/workspace$",
            kind="status",
            status=429,
            headers={
                "Date": format_datetime(now, usegmt=True),
                "Retry-After": soon if is_date else "30",
            },
            times=2,
        )
    )
    harness.extra[processes.TIME_FACTOR] = "300"
    synced = harness.sync("--table", "workspaces")
    tries = [request for request in synced.requests if request.path == "/v3/workspace"]
    assert [request.status for request in tries] == [429, 429, 200]
    waits = [300 * (b.monotonic - a.monotonic) for a, b in itertools.pairwise(tries)]
    assert all(wait >= 30 for wait in waits), waits


@ON_ONE_DATABASE
def test_a_quarter_of_an_hour_of_retries_takes_a_moment(harness: Harness) -> None:
    harness.sandbox.faults.add(Fault(match="/workspace$", kind="status", status=503))
    harness.extra[processes.SHORT_WAITS] = "1500"
    synced = harness.sync("--table", "workspaces", expect=1)
    assert "also after retries" in str(synced.summary["workspaces"][0])
    tries = [request for request in synced.requests if request.path == "/v3/workspace"]
    # waits of half a second to a minute, for 900 s, of which a slow machine spends some otherwise
    assert 8 < len(tries) < 45
    assert 1500 * (tries[-1].monotonic - tries[0].monotonic) > 700


@ON_ONE_DATABASE
def test_a_signal_still_ends_a_wait(harness: Harness) -> None:
    never = {"Retry-After": "800"}
    harness.sandbox.faults.add(Fault(match="/workspace$", kind="status", status=503, headers=never))
    harness.extra[processes.TIME_FACTOR] = "2"
    process, name = harness.start()
    for _ in range(500):
        if harness.sandbox.log.entries:
            break
        threading.Event().wait(0.02)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGTERM)
    begun = time.monotonic()
    assert harness.finish(process, name).code == 1
    assert time.monotonic() - begun < 15
