"""What answers tell of when to call again, and the throttle that obeys them."""

from __future__ import annotations

import email.utils
import math
import threading
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC

from captaindata_source.http.throttle import Clock

__all__ = ["AdaptiveThrottle", "RateLimits", "http_date", "parse_retry_after", "read_limit"]

EPOCH_THRESHOLD = 1_000_000_000
"""`X-RateLimit-Reset` above this is a point in time, below it a number of seconds."""
MAX_RESET_SECONDS = 300.0
MAX_DIGITS = 18
MAX_TYPES = 16
"""Values of `X-RateLimit-Type` that are told apart; the header may hold anything."""
MAX_TYPE_LENGTH = 64


def http_date(value: str | None, *, default: float) -> float:
    """Epoch seconds of an HTTP date.

    Other headers of an answer refer to the server's own clock, which its header `Date` tells.

    Args:
        value: The header.
        default: Used where the header is missing or makes no sense.
    """
    if value is None:
        return default
    try:
        date = email.utils.parsedate_to_datetime(value)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return default


def parse_retry_after(value: str | None, *, now: float) -> float | None:
    """Seconds that a `Retry-After` header asks for.

    Args:
        value: A number of seconds or an HTTP date (RFC 9110, section 10.2.3).
        now: Epoch seconds by the server's clock.

    Returns:
        Seconds from now, not below 0; None where the header is missing or makes no sense.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = http_date(value, default=math.nan) - now
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def read_limit(headers: Mapping[str, str], *, now: float) -> tuple[int, float] | None:
    """How many calls remain, and for how many seconds.

    Args:
        headers: `X-RateLimit-Remaining` and `X-RateLimit-Reset`, which is a number of seconds,
            epoch seconds or epoch milliseconds.
        now: Epoch seconds by our clock, for an answer without a `Date`.

    Returns:
        Calls, and seconds above 0, at most `MAX_RESET_SECONDS`; None where a header is missing or
        makes no sense, or the reset is due, or past by a skewed clock.
    """
    remaining = headers.get("x-ratelimit-remaining", "").strip()
    if not remaining.isdecimal() or len(remaining) > MAX_DIGITS:
        return None
    try:
        seconds = float(headers.get("x-ratelimit-reset", "nan"))
    except ValueError:
        return None
    if seconds >= EPOCH_THRESHOLD * 1000:
        seconds /= 1000
    if seconds >= EPOCH_THRESHOLD:
        seconds -= http_date(headers.get("date"), default=now)
    if not 0 < seconds < math.inf:
        return None
    return int(remaining), min(seconds, MAX_RESET_SECONDS)


@dataclass(slots=True, eq=False)
class Budget:
    """Calls that the API counts together. Points in time are those of the monotonic clock."""

    remaining: float = math.inf
    """Calls that may leave before the reset, the reserve included; infinite if not known."""
    seen_limit: int = 0
    resets_at: float = -math.inf
    paused_until: float = -math.inf


class RateLimits:
    """The budgets that route classes draw on; whoever shares it between threads holds a lock.

    A budget is named by `X-RateLimit-Type`, so that classes whose answers name the same type share
    one. An answer without that header is about the type that its class was told last; a class that
    was told none, or too many in all, has a budget of its own. A class draws on all budgets that
    its answers were about.
    """

    def __init__(self) -> None:
        self.by_route: dict[str, list[Budget]] = defaultdict(list)
        """The budgets that each class draws on."""
        self._by_type: dict[str, Budget] = {}
        self._own: dict[str, Budget] = {}
        self._told_last: dict[str, Budget] = {}

    def budget_of(self, route: str, headers: Mapping[str, str]) -> Budget:
        """The one that an answer to a call of that class is about."""
        name = headers.get("x-ratelimit-type", "").strip().lower()[:MAX_TYPE_LENGTH]
        if name and len(self._by_type) < MAX_TYPES:
            self._by_type.setdefault(name, Budget())
        if name in self._by_type:
            self._told_last[route] = self._by_type[name]
        elif name or route not in self._told_last:
            self._told_last[route] = self._own.setdefault(route, Budget())
        budget = self._told_last[route]
        if budget not in self.by_route[route]:
            self.by_route[route].append(budget)
        return budget


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
                    for budget in self._limits.by_route[route]:
                        budget.remaining -= 1
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
                budget = self._limits.budget_of(route, headers)
                if limit := read_limit(headers, now=self._clock.wall()):
                    remaining, seconds = limit
                    sharing = (r for r, known in self._limits.by_route.items() if budget in known)
                    budget.remaining = remaining - sum(self._in_flight[each] for each in sharing)
                    budget.seen_limit = max(budget.seen_limit, remaining + 1)
                    budget.resets_at = self._clock.monotonic() + seconds
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

    def per_minute(self, route: str = "") -> float | None:
        """What answers said remained, without the reserve; None where none said so."""
        with self._condition:
            seen = [each.seen_limit for each in self._limits.by_route.get(route, ())]
        return min(filter(None, seen), default=0) * (1 - self._reserve) or None

    def _wait_seconds(self, route: str) -> float:
        """Until all budgets of a class have calls; forgets what remained before a reset."""
        now = opens = self._clock.monotonic()
        for budget in self._limits.by_route[route]:
            if budget.remaining < math.inf and now >= budget.resets_at:
                budget.remaining = math.inf
                self._start_gently()
            opens = max(opens, budget.paused_until)
            if budget.remaining <= math.ceil(budget.seen_limit * self._reserve):
                opens = max(opens, budget.resets_at)
        return opens - now

    def _start_gently(self) -> None:
        self._allowed = min(self.FIRST_PARALLEL, self._max_parallel)
