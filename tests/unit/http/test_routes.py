"""Route classes: what the API counts apart does not hold each other up, what it counts together
does."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captaindata_source.http import AdaptiveThrottle, RequestBudget
from captaindata_source.http.ratelimit import MAX_TYPE_LENGTH, MAX_TYPES, RateLimits
from tests.support.http_script import FakeTime, Script, calm, make_client, reply

RUNS, OTHER = "runs", "other"


def told(
    kind: str | None = None, *, remaining: object = 0, reset: object = 45, **more: str
) -> dict[str, str]:
    headers = {"x-ratelimit-remaining": str(remaining), "x-ratelimit-reset": str(reset), **more}
    return headers if kind is None else {**headers, "x-ratelimit-type": kind}


class Caller:
    """A throttle and the time that its callers spend."""

    def __init__(self) -> None:
        self.time = FakeTime()
        self.throttle = AdaptiveThrottle(max_parallel=8, clock=self.time.clock)

    def call(self, route: str, headers: Mapping[str, str] | None = None) -> float:
        """Seconds that a call of that class waits until it leaves; the answer comes at once."""
        asked = self.time.elapsed
        self.throttle.acquire(route)
        self.throttle.release(headers or {}, route)
        return self.time.elapsed - asked

    def waits(self, *routes: str) -> list[float]:
        """What a call of each class would wait now, each on its own."""
        waits = []
        for route in routes:
            with self.throttle._condition:
                waits.append(max(0.0, self.throttle._wait_seconds(route)))
        return waits


@pytest.fixture
def caller() -> Caller:
    return Caller()


# -- a fixed budget -----------------------------------------------------------------------------


def test_each_class_has_its_own_budget() -> None:
    time = FakeTime()
    budget = RequestBudget(per_minute=3, clock=time.clock)
    for route in (RUNS, OTHER, RUNS, OTHER, RUNS, OTHER):
        budget.acquire(route)
        budget.release({}, route)
    assert time.sleeps == []
    budget.acquire(RUNS)
    assert time.sleeps == [61.5]
    budget.acquire(OTHER)
    assert time.sleeps == [61.5]


def test_a_pause_of_a_budget_is_that_of_its_class() -> None:
    time = FakeTime()
    budget = RequestBudget(per_minute=3, clock=time.clock)
    budget.pause(30, RUNS, {"x-ratelimit-type": "all"})
    budget.acquire(OTHER)
    budget.acquire()
    assert time.sleeps == []
    budget.acquire(RUNS)
    assert time.sleeps == [30]


# -- learnt budgets -----------------------------------------------------------------------------


@pytest.mark.parametrize("kinds", [(None, None), ("runs", "default"), ("runs", None)])
def test_classes_counted_apart_do_not_hold_each_other_up(
    caller: Caller, kinds: tuple[str | None, str | None]
) -> None:
    caller.call(RUNS, told(kinds[0]))
    caller.call(OTHER, told(kinds[1], remaining=100))
    assert caller.waits(RUNS, OTHER) == [45, 0]
    for _ in range(20):
        assert caller.call(OTHER) == 0
    assert caller.call(RUNS) == 45


@pytest.mark.parametrize(("one", "same"), [("minute", "minute"), ("minute", " MINUTE ")])
def test_classes_counted_together_share_a_budget(caller: Caller, one: str, same: str) -> None:
    caller.call(RUNS, told(one, remaining=50))
    caller.call(OTHER, told(same, remaining=50))
    assert caller.waits(RUNS, OTHER) == [0, 0]
    caller.call(RUNS, told(one))
    assert caller.waits(RUNS, OTHER) == [45, 45]


def test_a_type_is_shared_from_the_first_answer_that_names_it(caller: Caller) -> None:
    caller.call(RUNS, told("minute"))
    assert caller.waits(RUNS, OTHER) == [45, 0]
    caller.call(OTHER, {"x-ratelimit-type": "minute"})
    assert caller.waits(RUNS, OTHER) == [45, 45]


def test_calls_of_all_classes_that_share_a_budget_count_against_it(caller: Caller) -> None:
    for _ in range(6):
        caller.call(RUNS, told("minute", remaining=100))
        caller.call(OTHER, told("minute", remaining=100))
    for route in (RUNS, RUNS, OTHER, OTHER):
        caller.throttle.acquire(route)
    caller.throttle.release(told("minute", remaining=15), RUNS)
    assert caller.waits(RUNS, OTHER) == [0, 0], "15 remain, 3 of them under way, 12 are left"
    caller.throttle.acquire(OTHER)
    assert caller.waits(RUNS, OTHER) == [45, 45], "10% of 101, rounded up, is the customer's"


def test_calls_of_another_class_do_not_count_against_a_budget(caller: Caller) -> None:
    for _ in range(6):
        caller.call(RUNS, told("runs", remaining=100))
        caller.call(OTHER, told("other", remaining=100))
    for route in (RUNS, OTHER, OTHER, OTHER):
        caller.throttle.acquire(route)
    caller.throttle.release(told("runs", remaining=12), RUNS)
    assert caller.waits(RUNS, OTHER) == [0, 0]


def test_a_class_obeys_all_the_types_it_was_told(caller: Caller) -> None:
    caller.call(RUNS, told("daily", reset=200))
    caller.time.elapsed += 200
    caller.call(RUNS, told("minute", reset=30))
    caller.call(OTHER, told("minute", remaining=0, reset=30))
    caller.time.elapsed += 30
    caller.call(RUNS, told("daily", reset=100))
    caller.call(OTHER, told("minute", remaining=60, reset=60))
    assert caller.waits(RUNS, OTHER) == [100, 0]
    caller.call(OTHER, told("minute", reset=150))
    assert caller.waits(RUNS, OTHER) == [150, 150]
    caller.time.elapsed += 100
    assert caller.waits(RUNS, OTHER) == [50, 50], "the daily limit is over, the other is not"


def test_an_answer_without_a_type_is_about_the_last_one_told(caller: Caller) -> None:
    caller.call(RUNS, told("minute", remaining=50))
    caller.call(OTHER, told("minute", remaining=50))
    caller.call(RUNS, told())
    assert caller.waits(RUNS, OTHER) == [45, 45]


def test_a_type_is_not_mistaken_for_a_class(caller: Caller) -> None:
    caller.call(RUNS, told(None, remaining=50))
    caller.call(OTHER, told(RUNS))
    assert caller.waits(RUNS, OTHER) == [0, 45]


def test_a_reset_of_one_budget_leaves_the_others(caller: Caller) -> None:
    caller.call(RUNS, told("runs", reset=100))
    caller.call(OTHER, told("other", reset=20))
    assert caller.call(OTHER) == 20
    assert caller.waits(RUNS, OTHER) == [80, 0]


# -- 429 ----------------------------------------------------------------------------------------


def test_a_429_of_one_class_lets_the_other_go_on(caller: Caller) -> None:
    caller.call(RUNS, told("runs", remaining=50))
    caller.call(OTHER, told("other", remaining=50))
    caller.throttle.pause(30, RUNS, {"x-ratelimit-type": "runs"})
    assert caller.waits(RUNS, OTHER, "") == [30, 0, 0]
    assert caller.call(OTHER) == 0
    assert caller.call(RUNS) == 30


def test_a_429_holds_those_who_share_the_budget_that_it_names(caller: Caller) -> None:
    for route in (RUNS, OTHER):
        caller.call(route, told("daily", remaining=50))
    caller.call(RUNS, told("minute", remaining=50))
    caller.throttle.pause(30, RUNS, {"x-ratelimit-type": "minute"})
    assert caller.waits(RUNS, OTHER) == [30, 0]
    caller.throttle.pause(40, RUNS, {"x-ratelimit-type": "daily"})
    assert caller.waits(RUNS, OTHER) == [40, 40]


@pytest.mark.parametrize("headers", [None, {}])
def test_a_429_without_a_type_pauses_what_the_class_was_told_last(
    caller: Caller, headers: dict[str, str] | None
) -> None:
    caller.throttle.pause(10, RUNS, headers)
    assert caller.waits(RUNS, OTHER) == [10, 0]
    caller.time.elapsed += 10
    for route in (RUNS, OTHER):
        caller.call(route, told("all", remaining=50))
    caller.throttle.pause(10, RUNS, headers)
    assert caller.waits(RUNS, OTHER) == [10, 10]


class Meddled(AdaptiveThrottle):
    """After each answer another thread is told another type."""

    def release(self, headers: Mapping[str, str] | None, route: str = "") -> None:
        super().release(headers, route)
        super().acquire(route)
        super().release({"x-ratelimit-type": "daily"}, route)


def test_the_type_of_the_429_counts_whatever_was_told_since() -> None:
    time = FakeTime()
    throttle = Meddled(max_parallel=8, clock=time.clock)
    script = Script(
        reply(), reply(), reply(429, x_ratelimit_type="minute", retry_after="30"), reply()
    )
    waits: list[dict[str, float]] = []

    def wait(seconds: float) -> None:
        with throttle._condition:
            waits.append({each: throttle._wait_seconds(each) for each in (RUNS, OTHER)})
        time.elapsed += seconds

    time.clock = replace(time.clock, sleep=wait)
    with make_client(
        script, time=time, throttle=throttle, route_of=lambda path: path.split("/")[2]
    ) as http:
        for link in (OTHER, RUNS, RUNS):
            http.get(link, decode=bytes)
    [at_429] = waits
    assert at_429[RUNS] == 30
    assert at_429[OTHER] <= 0


# -- threads ------------------------------------------------------------------------------------


class OverError(Exception):
    """Ends a thread that would sleep."""


class Held:
    """A throttle for one call at a time; whoever has to sleep does so until the test ends."""

    def __init__(self) -> None:
        self.awake = threading.Event()
        self.asleep = threading.Event()
        clock = replace(FakeTime().clock, sleep=self._sleep)
        self.throttle = AdaptiveThrottle(max_parallel=1, clock=clock)
        self.left: list[str] = []
        self.threads: list[threading.Thread] = []

    def _sleep(self, _: float) -> None:
        self.asleep.set()
        self.awake.wait(timeout=10)
        raise OverError

    def start(self, route: str) -> threading.Thread:
        """A thread that asks for a call."""

        def acquire() -> None:
            with suppress(OverError):
                self.throttle.acquire(route)
                self.left.append(route)

        thread = threading.Thread(target=acquire, daemon=True)
        thread.start()
        self.threads.append(thread)
        return thread

    def wait_until_waiting(self, number: int) -> None:
        """Returns once so many threads wait for a free place."""
        pause = threading.Event()
        for _ in range(2000):
            if len(self.throttle._condition._waiters) == number:  # type: ignore[attr-defined]
                return
            pause.wait(0.005)
        raise AssertionError("it never happened")


def test_who_waits_for_a_budget_does_not_hold_those_of_another_class() -> None:
    held = Held()
    try:
        held.throttle.acquire(RUNS)
        for number, route in enumerate((RUNS, RUNS, OTHER), 1):
            held.start(route)
            held.wait_until_waiting(number)
        held.throttle.release(told("runs"), RUNS)
        held.threads[2].join(timeout=10)
        assert held.left == [OTHER], "although two of the other class came first"
        assert held.asleep.is_set()
    finally:
        held.awake.set()
        for thread in held.threads:
            thread.join(timeout=10)


def test_a_class_goes_on_while_another_sleeps() -> None:
    held = Held()
    try:
        held.throttle.pause(30, RUNS)
        held.start(RUNS)
        assert held.asleep.wait(timeout=10)
        for _ in range(5):
            held.throttle.acquire(OTHER)
            held.throttle.release({}, OTHER)
        assert held.left == []
    finally:
        held.awake.set()
        held.threads[0].join(timeout=10)


# -- hostile headers ----------------------------------------------------------------------------


def test_types_are_bounded_and_more_of_them_fall_back_to_the_class(caller: Caller) -> None:
    for number in range(1000):
        caller.call(RUNS, {"x-ratelimit-type": f"type {number}"})
        caller.call(OTHER, {"x-ratelimit-type": f"other {number}"})
    limits = caller.throttle._limits
    assert len(limits._by_type) == MAX_TYPES
    assert len(limits.by_route[RUNS]) + len(limits.by_route[OTHER]) == MAX_TYPES + 2
    caller.call(RUNS, told("yet another"))
    assert caller.waits(RUNS, OTHER) == [45, 0]
    caller.time.elapsed += 45
    caller.call(OTHER, told("type 0"))
    assert caller.waits(RUNS, OTHER) == [45, 45], "those known before are still told apart"


def test_long_types_are_cut() -> None:
    limits = RateLimits()
    one = limits.budget_of(RUNS, {"x-ratelimit-type": "x" * 10_000})
    assert limits.budget_of(OTHER, {"x-ratelimit-type": "X" * MAX_TYPE_LENGTH}) is one
    assert max(map(len, limits._by_type)) == MAX_TYPE_LENGTH


@pytest.mark.parametrize("remaining", ["9" * 5000, "9" * 19, "-1", "", "1e3", "\u00b2"])
def test_a_remaining_that_is_no_number_of_calls_teaches_nothing(
    caller: Caller, remaining: str
) -> None:
    caller.call(RUNS, told("minute", remaining=remaining))
    assert caller.call(RUNS) == 0


@calm
@given(
    st.lists(
        st.tuples(
            st.sampled_from([RUNS, OTHER, ""]),
            st.dictionaries(
                st.sampled_from(["x-ratelimit-type", "x-ratelimit-remaining", "x-ratelimit-reset"]),
                st.text() | st.integers().map(str) | st.sampled_from(["minute", "daily", "0"]),
            ),
            st.booleans(),
        ),
        max_size=30,
    )
)
def test_any_headers_are_survived_and_waits_are_capped(
    answers: list[tuple[str, dict[str, str], bool]],
) -> None:
    caller = Caller()
    for route, headers, is_limited in answers:
        assert caller.call(route, headers) <= 300
        if is_limited:
            caller.throttle.pause(5, route, headers)
