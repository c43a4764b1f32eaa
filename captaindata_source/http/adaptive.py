"""The throttle of those who know no budget: it learns from what the API answers."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

from captaindata_source.http.headers import parse_remaining, parse_reset, server_time
from captaindata_source.http.ratelimit import RateLimits
from captaindata_source.http.throttle import Clock

__all__ = ["AdaptiveThrottle"]


class AdaptiveThrottle:
    """No budget known: starts gently and learns from the rate limit headers.

    The number of calls in flight starts at `FIRST_PARALLEL` and grows by one with every answer, up
    to `max_parallel`. If answers carry `X-RateLimit-Remaining` and `-Reset` (in the vendor's
    documentation of all generations of the API), `reserve` of what was seen remaining is left to
    the customer's own calls: once only that is left, nothing leaves until the reset. That, and the
    pause after a 429, holds up the route classes that the API counts together, and no other; see
    `RateLimits`.
    """

    FIRST_PARALLEL = 2

    def __init__(
        self, *, max_parallel: int, reserve: float = 0.1, clock: Clock | None = None
    ) -> None:
        self._clock = clock or Clock()
        self._max_parallel = max_parallel
        self._reserve = reserve
        self._allowed = min(self.FIRST_PARALLEL, max_parallel)
        self._in_flight: Counter[str] = Counter()
        self._limits = RateLimits()
        self._condition = threading.Condition()

    def acquire(self, route: str = "") -> None:
        while True:
            with self._condition:
                while self._in_flight.total() >= self._allowed:
                    self._condition.wait()
                wait = self._wait_seconds(route)
                if wait <= 0:
                    self._in_flight[route] += 1
                    for budget in self._limits.budgets(route):
                        budget.spend()
                    if self._in_flight.total() < self._allowed:
                        self._condition.notify()
                    return
                self._condition.notify()  # the next one may be of a class that need not wait
            self._clock.sleep(wait)

    def release(self, headers: Mapping[str, str] | None, route: str = "") -> None:
        with self._condition:
            self._in_flight[route] -= 1
            if headers is not None:
                self._allowed = min(self._allowed + 1, self._max_parallel)
                self._learn(headers, route)
            self._condition.notify()

    def pause(
        self, seconds: float, route: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        with self._condition:
            budget = self._limits.budget_of(route, headers or {})
            budget.paused_until = max(budget.paused_until, self._clock.monotonic() + seconds)
            self._start_gently()

    @property
    def parallel(self) -> float:
        return self._allowed

    def _wait_seconds(self, route: str) -> float:
        now = self._clock.monotonic()
        budgets = self._limits.budgets(route)
        renewed = [budget for budget in budgets if budget.renew(now)]
        if renewed:
            self._start_gently()
        return max((budget.opens_at(self._reserve) for budget in budgets), default=now) - now

    def _start_gently(self) -> None:
        self._allowed = min(self.FIRST_PARALLEL, self._max_parallel)

    def _learn(self, headers: Mapping[str, str], route: str) -> None:
        budget = self._limits.budget_of(route, headers)
        remaining = parse_remaining(headers.get("x-ratelimit-remaining"))
        now = server_time(headers, default=self._clock.wall())
        reset = parse_reset(headers.get("x-ratelimit-reset"), now=now)
        if remaining is None or not reset:  # a reset that is due, or past by a skewed clock
            return
        in_flight = sum(self._in_flight[each] for each in self._limits.routes(budget))
        budget.seen_limit = max(budget.seen_limit, remaining + 1)
        budget.remaining = remaining - in_flight
        budget.resets_at = self._clock.monotonic() + reset
