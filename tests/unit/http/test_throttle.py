"""Throttles: a budget that is used and never exceeded; limits learnt from headers."""

from __future__ import annotations

import heapq
import random
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captaindata_source.http import AdaptiveThrottle, CallLog, RequestBudget, Throttle
from captaindata_source.http.ratelimit import MAX_RESET_SECONDS, read_limit
from captaindata_source.http.throttle import Clock
from tests.support.http_script import START, FakeTime, calm

Answer = Callable[[float], Mapping[str, str] | None]


def simulate(
    throttle: Throttle, time: FakeTime, *, callers: int, seconds: float, seed: int, slow: float
) -> list[float]:
    """Callers that call without pause, each in a time of its own; when their calls left."""
    randomness = random.Random(seed)
    departures = []
    asking = [(randomness.random() / 10, caller) for caller in range(callers)]
    heapq.heapify(asking)
    while asking[0][0] < seconds:
        time.elapsed, caller = heapq.heappop(asking)
        throttle.acquire()
        departures.append(time.elapsed)
        throttle.release({})
        heapq.heappush(asking, (time.elapsed + slow * randomness.uniform(0.5, 1.5), caller))
    return sorted(departures)


def most_in_a_minute(times: list[float]) -> int:
    times = sorted(times)
    most = first = 0
    for last, time in enumerate(times):
        while time - times[first] >= 60:
            first += 1
        most = max(most, last - first + 1)
    return most


@pytest.mark.parametrize(
    ("per_minute", "callers", "slow"),
    [(1, 1, 0.2), (7, 3, 5.0), (30, 8, 0.3), (150, 8, 2.0), (600, 8, 0.5), (2400, 64, 1.0)],
)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_budget_is_used_and_never_exceeded(
    per_minute: int, callers: int, slow: float, seed: int
) -> None:
    time = FakeTime()
    budget = RequestBudget(per_minute=per_minute, clock=time.clock)
    departures = simulate(budget, time, callers=callers, seconds=600, seed=seed, slow=slow)
    travel = random.Random(seed)
    arrivals = [departure + travel.uniform(0, 1.4) for departure in departures]
    assert most_in_a_minute(departures) <= per_minute
    assert most_in_a_minute(arrivals) <= per_minute
    assert len([departure for departure in departures if departure < 600]) >= 0.95 * 10 * per_minute


def test_a_budget_holds_after_a_quiet_time() -> None:
    time = FakeTime()
    budget = RequestBudget(per_minute=10, clock=time.clock)
    first = simulate(budget, time, callers=2, seconds=30, seed=1, slow=5.0)
    time.elapsed += 25
    for _ in range(30):
        budget.acquire()
        first.append(time.elapsed)
    assert most_in_a_minute(first) <= 10


def test_a_budget_holds_between_real_threads() -> None:
    lock = threading.Lock()
    time = FakeTime()
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        with lock:
            waits.append(seconds)

    budget = RequestBudget(per_minute=10, clock=Clock(lambda: 0.0, lambda: START, sleep))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: budget.acquire(), range(35)))
    assert sorted(waits) == [61.5] * 10 + [123.0] * 10 + [184.5] * 5
    assert time.elapsed == 0


def test_processes_with_one_log_share_a_budget(tmp_path: Path) -> None:
    time = FakeTime()
    path = tmp_path / "new" / "calls.db"
    budgets = [RequestBudget(per_minute=10, clock=time.clock, log=CallLog(path)) for _ in range(3)]
    departures = []
    for number in range(60):
        budgets[number % 3].acquire()
        departures.append(time.elapsed)
        time.elapsed += number % 4
    assert most_in_a_minute(departures) <= 10
    assert departures[-1] < 6 * 61.5
    budgets[0].acquire("another class")
    assert time.elapsed - departures[-1] < 4

    time.elapsed -= 10 * 3600  # the machine was started anew, and its clock with it
    again = RequestBudget(per_minute=10, clock=time.clock, log=CallLog(path))
    before = time.elapsed
    again.acquire()
    assert time.elapsed == before


def test_a_log_that_can_not_be_used_leaves_a_budget_to_its_process(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    (tmp_path / "calls.db").write_bytes(b"no database" * 1000)
    for path in (tmp_path / "file" / "calls.db", tmp_path / "calls.db"):
        time = FakeTime()
        budget = RequestBudget(per_minute=2, clock=time.clock, log=CallLog(path))
        for _ in range(3):
            budget.acquire()
        assert time.elapsed == pytest.approx(61.5)


def test_a_paused_budget_lets_nothing_leave() -> None:
    time = FakeTime()
    budget = RequestBudget(per_minute=100, clock=time.clock)
    budget.acquire()
    budget.pause(30)
    budget.pause(5)
    budget.acquire()
    assert time.elapsed == 30
    budget.acquire()
    assert time.sleeps == [30]


def test_a_pause_holds_those_who_wait_already() -> None:
    time = FakeTime()

    def sleep(seconds: float) -> None:
        time.sleeps.append(seconds)
        time.elapsed += seconds
        if len(time.sleeps) == 1:
            budget.pause(100)

    clock = Clock(time.clock.monotonic, time.clock.wall, sleep)
    budget = RequestBudget(per_minute=1, clock=clock)
    budget.acquire()
    budget.acquire()
    assert time.elapsed == pytest.approx(161.5)
    assert sum(time.sleeps) == time.elapsed


def test_a_budget_does_not_learn() -> None:
    time = FakeTime()
    budget = RequestBudget(per_minute=5, clock=time.clock)
    for _ in range(5):
        budget.acquire()
        budget.release({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "60"})
    assert time.sleeps == []


# -- learning from headers ----------------------------------------------------------------------


class WouldWaitError(Exception):
    """A thread would wait for another one's answer."""


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(*_: object) -> None:
        raise WouldWaitError

    monkeypatch.setattr(threading.Condition, "wait", wait)


def in_flight(throttle: Throttle) -> int:
    """Calls that leave before one would have to wait for an answer."""
    left = 0
    while True:
        try:
            throttle.acquire()
        except WouldWaitError:
            return left
        left += 1


def release(throttle: Throttle, times: int, headers: Mapping[str, str] | None) -> None:
    for _ in range(times):
        throttle.release(headers)


@pytest.mark.usefixtures("no_waiting")
def test_starts_gently_and_grows_with_each_answer() -> None:
    throttle = AdaptiveThrottle(max_parallel=5, clock=FakeTime().clock)
    flights = []
    for _ in range(4):
        left = in_flight(throttle)
        flights.append(left)
        release(throttle, left, {})
    assert flights == [2, 4, 5, 5]


@pytest.mark.usefixtures("no_waiting")
def test_never_more_than_max_parallel() -> None:
    throttle = AdaptiveThrottle(max_parallel=1, clock=FakeTime().clock)
    for _ in range(3):
        assert in_flight(throttle) == 1
        throttle.release({})


@pytest.mark.usefixtures("no_waiting")
def test_a_call_without_answer_gives_its_place_back_and_proves_nothing() -> None:
    throttle = AdaptiveThrottle(max_parallel=8, clock=FakeTime().clock)
    for _ in range(3):
        assert in_flight(throttle) == 2
        release(throttle, 2, None)


@pytest.mark.usefixtures("no_waiting")
def test_a_429_pauses_and_restarts_gently() -> None:
    time = FakeTime()
    throttle = AdaptiveThrottle(max_parallel=8, clock=time.clock)
    for _ in range(3):
        release(throttle, in_flight(throttle), {})
    assert in_flight(throttle) == 8
    release(throttle, 8, {})
    throttle.pause(30)
    throttle.pause(10)
    assert in_flight(throttle) == 2
    assert time.sleeps == [30]


def test_an_answer_wakes_a_caller_that_waits() -> None:
    throttle = AdaptiveThrottle(max_parallel=2, clock=FakeTime().clock)
    throttle.acquire()
    throttle.acquire()
    third = threading.Thread(target=throttle.acquire, daemon=True)
    third.start()
    throttle.release({})
    third.join(timeout=300)
    assert not third.is_alive()


class Limit:
    """A server that grants `limit` calls in each fixed window and tells so."""

    def __init__(self, time: FakeTime, *, limit: int, form: str, window: float = 60.0) -> None:
        self._time = time
        self._limit = limit
        self._form = form
        self._window = window
        self.used: dict[int, int] = {}

    def __call__(self) -> dict[str, str]:
        number, into = divmod(self._time.elapsed, self._window)
        used = self.used[int(number)] = self.used.get(int(number), 0) + 1
        left = self._window - into
        epoch = START + self._time.elapsed + left
        reset = {"seconds": f"{left:.3f}", "epoch": f"{epoch:.3f}", "ms": f"{epoch * 1000:.0f}"}
        return {
            "x-ratelimit-remaining": str(max(0, self._limit - used)),
            "x-ratelimit-reset": reset[self._form],
        }


@pytest.mark.parametrize("form", ["seconds", "epoch", "ms"])
@pytest.mark.parametrize(("limit", "reserved"), [(100, 10), (30, 3), (5, 1), (1, 0)])
def test_leaves_the_reserve_and_goes_on_after_the_reset(
    form: str, limit: int, reserved: int
) -> None:
    time = FakeTime()
    server = Limit(time, limit=limit, form=form)
    throttle = AdaptiveThrottle(max_parallel=8, reserve=0.1, clock=time.clock)
    while time.elapsed < 299:
        throttle.acquire()
        time.elapsed += 0.05
        throttle.release(server())
    assert [server.used[window] for window in range(5)] == [limit - reserved] * 5
    assert len(time.sleeps) == 5
    assert sum(time.sleeps) == pytest.approx(300 - 0.05 * 5 * (limit - reserved), abs=0.1)


@pytest.mark.usefixtures("no_waiting")
def test_calls_in_flight_count_against_what_remains() -> None:
    time = FakeTime()
    throttle = AdaptiveThrottle(max_parallel=8, reserve=0.1, clock=time.clock)
    for _ in range(3):
        release(throttle, in_flight(throttle), {})
    assert in_flight(throttle) == 8
    throttle.release({"x-ratelimit-remaining": "9", "x-ratelimit-reset": "20"})
    throttle.acquire()
    assert time.sleeps == [], "9 remain, 7 of them are under way, 1 is the customer's: 1 may leave"
    throttle.release({})
    throttle.acquire()
    assert time.sleeps == [20]


@pytest.mark.usefixtures("no_waiting")
def test_restarts_gently_after_a_reset() -> None:
    time = FakeTime()
    throttle = AdaptiveThrottle(max_parallel=8, clock=time.clock)
    for _ in range(3):
        release(throttle, in_flight(throttle), {})
    throttle.acquire()
    throttle.release({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "45"})
    assert in_flight(throttle) == 2
    assert time.sleeps == [45]


def test_the_longer_of_pause_and_reset_counts() -> None:
    time = FakeTime()
    throttle = AdaptiveThrottle(max_parallel=8, clock=time.clock)
    throttle.acquire()
    throttle.release({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "45"})
    throttle.pause(70)
    throttle.acquire()
    assert time.elapsed == 70


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-ratelimit-remaining": "0"},
        {"x-ratelimit-reset": "60"},
        {"x-ratelimit-remaining": "many", "x-ratelimit-reset": "60"},
        {"x-ratelimit-remaining": "\u00b2", "x-ratelimit-reset": "60"},
        {"x-ratelimit-remaining": "-1", "x-ratelimit-reset": "60"},
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon"},
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "0"},
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{START - 500}"},
    ],
)
@pytest.mark.usefixtures("no_waiting")
def test_headers_that_teach_nothing_do_not_slow_down(headers: dict[str, str]) -> None:
    time = FakeTime()
    throttle = AdaptiveThrottle(max_parallel=8, clock=time.clock)
    for _ in range(4):
        release(throttle, in_flight(throttle), headers)
    assert in_flight(throttle) == 8
    assert time.sleeps == []


def limited(reset: str | None) -> dict[str, str]:
    headers = {"x-ratelimit-remaining": "7"}
    return headers if reset is None else headers | {"x-ratelimit-reset": reset}


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("2023-11-14T22:14:20Z", None),
        ("0", None),
        ("30", 30.0),
        (" 30 ", 30.0),
        ("1.5", 1.5),
        ("-30", None),
        ("100000", MAX_RESET_SECONDS),
        (f"{START + 30:.0f}", 30.0),
        (f"{START + 30:.3f}", 30.0),
        (f"{(START + 30) * 1000:.0f}", 30.0),
        (f"{START - 30:.0f}", None),
        (f"{START + 86400:.0f}", MAX_RESET_SECONDS),
        ("1e300", MAX_RESET_SECONDS),
    ],
)
def test_resets_in_seconds_and_as_points_in_time(value: str | None, seconds: float | None) -> None:
    limit = read_limit(limited(value), now=START)
    assert limit == (None if seconds is None else (7, seconds))


@calm
@given(st.text() | st.floats().map(str) | st.integers().map(str))
def test_any_reset_is_survived_and_capped(value: str) -> None:
    limit = read_limit(limited(value), now=START)
    assert limit is None or 0 < limit[1] <= MAX_RESET_SECONDS


@pytest.mark.parametrize(("date", "seconds"), [("22:13:20", 60.0), ("22:13:50", 30.0), ("x", 60.0)])
def test_a_reset_refers_to_the_clock_of_the_server(date: str, seconds: float) -> None:
    headers = limited(f"{START + 60:.0f}") | {"date": f"Tue, 14 Nov 2023 {date} GMT"}
    assert read_limit(headers, now=START) == (7, seconds)


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize(("answers", "parallel"), [(0, 2), (1, 3), (6, 8), (100, 8)])
def test_grows_by_one_with_every_answer(answers: int, parallel: int) -> None:
    throttle = AdaptiveThrottle(max_parallel=8, clock=FakeTime().clock)
    for _ in range(answers):
        throttle.acquire()
        throttle.release({})
    assert in_flight(throttle) == parallel
