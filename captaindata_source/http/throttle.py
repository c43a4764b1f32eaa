"""Client-side throttles: how many calls may leave, and when.

A throttle guards one workspace, because the vendor's limits are per workspace (documented). Its
`acquire` blocks the calling thread until a call may leave; `release` tells it what came back.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from captaindata_source.http.dates import server_time

__all__ = ["AdaptiveThrottle", "Clock", "RequestBudget", "Throttle", "parse_reset"]

WINDOW_SECONDS = 60.0
ARRIVAL_MARGIN_SECONDS = 1.5
"""A call may take this much longer to arrive than one a window later, and the limit still holds."""
EPOCH_THRESHOLD = 1_000_000_000
"""`X-RateLimit-Reset` above this is a point in time, below it a number of seconds."""
MAX_RESET_SECONDS = 300.0
RECENT = 8
"""Answers by which to judge what is waited for."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Time as the throttles and the retries see it; tests put in their own."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    check: Callable[[], None] = lambda: None
    """Called while an answer is read; raises where the process is to end."""
    cpu: Callable[[], float] = time.thread_time
    """Processor seconds of the calling thread."""


class Throttle(Protocol):
    """What the client asks before a call and tells after it."""

    def acquire(self) -> None:
        """Blocks until a call may leave."""

    def release(self, headers: Mapping[str, str] | None) -> None:
        """Takes the answer's headers; None where no answer came."""

    @property
    def parallel(self) -> float:
        """How many calls are worth having in flight."""

    def pause(self, seconds: float) -> None:
        """Lets no call leave for that long (the API said 429)."""


class RequestBudget:
    """A fixed budget: at most `per_minute` calls arrive in any rolling minute.

    Every call reserves its start when it asks: the first `per_minute` at once, each later one a
    window after the call that many places before it. With the margin for uneven travel times the
    budget is used to 97.5% and never exceeded by this process.
    """

    def __init__(self, *, per_minute: int, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._per_minute = per_minute
        self._starts: deque[float] = deque(maxlen=per_minute)
        self._paused_until = -math.inf
        self._lock = threading.Lock()

    def acquire(self) -> None:
        while True:
            with self._lock:
                now = self._clock.monotonic()
                start = max(now, self._paused_until)
                if len(self._starts) == self._per_minute:
                    start = max(start, self._starts[0] + WINDOW_SECONDS + ARRIVAL_MARGIN_SECONDS)
                self._starts.append(start)
            if start > now:
                self._clock.sleep(start - now)
            with self._lock:
                if self._paused_until <= start:
                    return

    def release(self, headers: Mapping[str, str] | None) -> None:
        """A budget does not learn."""

    @property
    def parallel(self) -> float:
        return math.inf

    def pause(self, seconds: float) -> None:
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock.monotonic() + seconds)


class AdaptiveThrottle:
    """No budget known: starts gently and learns from the rate limit headers.

    The number of calls in flight starts at `FIRST_PARALLEL` and grows by one with every answer, up
    to `max_parallel`, as long as answers are what is waited for. Where they come at once, threads
    wait for one another, each for Python's lock, and fewer get more done. Where answers carry
    `X-RateLimit-Remaining` and `-Reset` (documented for all
    generations of the API), `reserve` of what was seen remaining is left to the customer's own
    calls: once only that is left, nothing leaves until the reset.
    """

    FIRST_PARALLEL = 2

    def __init__(
        self, *, max_parallel: int, reserve: float = 0.1, clock: Clock | None = None
    ) -> None:
        self._clock = clock or Clock()
        self._max_parallel = max_parallel
        self._reserve = reserve
        self._allowed = min(self.FIRST_PARALLEL, max_parallel)
        self._in_flight = 0
        self._remaining: int | None = None
        self._seen_limit = 0
        self._resets_at = -math.inf
        self._paused_until = -math.inf
        self._condition = threading.Condition()
        self._local = threading.local()
        self._waits: deque[float] = deque(maxlen=RECENT)
        self._worked = 0.0

    def acquire(self) -> None:
        while True:
            with self._condition:
                while self._in_flight >= self._allowed:
                    self._condition.wait()
                wait = self._wait_seconds()
                if wait <= 0:
                    self._in_flight += 1
                    if self._remaining is not None:
                        self._remaining -= 1
                    if self._in_flight < self._allowed:
                        self._condition.notify()
                    self._local.left_at = self._clock.monotonic(), self._clock.cpu()
                    return
                self._condition.notify()
            self._clock.sleep(wait)

    def release(self, headers: Mapping[str, str] | None) -> None:
        with self._condition:
            self._in_flight -= 1
            if headers is not None:
                self._measure()
                self._adapt()
                self._learn(headers)
            self._condition.notify()

    def _adapt(self) -> None:
        """Moves by one towards as many calls as are worth it."""
        # the shortest wait is the API's; longer ones, and part of it, are for Python's lock
        wait = min(self._waits)
        useful = self.FIRST_PARALLEL + (wait // (2 * self._worked) if self._worked else math.inf)
        if self._allowed < min(useful, self._max_parallel):
            self._allowed += 1
        elif self._allowed > max(useful, self.FIRST_PARALLEL):
            self._allowed -= 1

    def _measure(self) -> None:
        """Keeps the last waits, and how long a thread works on an answer, on average."""
        left_at, cpu_then = self._local.left_at
        cpu = self._clock.cpu()
        waited = self._clock.monotonic() - left_at - (cpu - cpu_then)
        worked = cpu - getattr(self._local, "cpu", cpu_then)
        self._local.cpu = cpu
        self._waits.append(waited)
        self._worked += (worked - self._worked) / len(self._waits)

    def pause(self, seconds: float) -> None:
        with self._condition:
            self._paused_until = max(self._paused_until, self._clock.monotonic() + seconds)
            self._start_gently()

    @property
    def parallel(self) -> float:
        return self._allowed

    def _wait_seconds(self) -> float:
        now = self._clock.monotonic()
        if self._remaining is not None:
            if now >= self._resets_at:
                self._remaining = None
                self._start_gently()
            elif self._remaining <= math.ceil(self._seen_limit * self._reserve):
                return max(self._resets_at, self._paused_until) - now
        return self._paused_until - now

    def _start_gently(self) -> None:
        self._allowed = min(self.FIRST_PARALLEL, self._max_parallel)

    def _learn(self, headers: Mapping[str, str]) -> None:
        remaining = _whole(headers.get("x-ratelimit-remaining"))
        now = server_time(headers, default=self._clock.wall())
        reset = parse_reset(headers.get("x-ratelimit-reset"), now=now)
        if remaining is None or not reset:  # a reset that is due, or past by a skewed clock
            return
        self._seen_limit = max(self._seen_limit, remaining + 1)
        self._remaining = remaining - self._in_flight
        self._resets_at = self._clock.monotonic() + reset


def parse_reset(value: str | None, *, now: float) -> float | None:
    """Seconds until a rate limit resets; the header is a number of seconds or a point in time.

    Args:
        value: Header `X-RateLimit-Reset`; seconds, epoch seconds or epoch milliseconds.
        now: Epoch seconds by the server's clock.

    Returns:
        Seconds from now, between 0 and `MAX_RESET_SECONDS`; None where the header says nothing.
    """
    try:
        seconds = float(value) if value is not None else math.nan
    except ValueError:
        return None
    if not math.isfinite(seconds):
        return None
    if seconds >= EPOCH_THRESHOLD * 1000:
        seconds /= 1000
    if seconds >= EPOCH_THRESHOLD:
        seconds -= now
    return min(max(seconds, 0.0), MAX_RESET_SECONDS)


def _whole(value: str | None) -> int | None:
    return int(value) if value is not None and value.strip().isdecimal() else None
