"""Client-side throttles: how many calls may leave, and when.

A throttle guards one workspace, because the vendor's limits are per workspace (documented), and
within it differ by route: a call belongs to a route class, which is any text. `acquire` blocks the
calling thread until a call may leave; `release` tells the throttle what came back.
"""

from __future__ import annotations

import math
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from captaindata_source.http.call_log import CallLog

__all__ = ["Clock", "RequestBudget", "Throttle"]

WINDOW_SECONDS = 60.0
ARRIVAL_MARGIN_SECONDS = 1.5
"""A call may take this much longer to arrive than one a window later, and the limit still holds."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Time as the throttles and the retries see it; tests put in their own."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    check: Callable[[], None] = lambda: None
    """Called while an answer is read; raises where the process is to end."""


class Throttle(Protocol):
    """What the client asks before a call and tells after it."""

    def acquire(self, route: str = "") -> None:
        """Blocks until a call of that class may leave."""

    def release(self, headers: Mapping[str, str] | None, route: str = "") -> None:
        """Takes the answer's headers; None where no answer came."""

    @property
    def parallel(self) -> float:
        """How many calls are worth having in flight."""

    def per_minute(self, route: str = "") -> float | None:
        """Calls of that class that may leave in a minute, as far as is known."""

    def pause(
        self, seconds: float, route: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        """Lets no call of that class leave for that long (the API said 429, with these headers)."""


class _Window:
    """The last calls of one route class."""

    def __init__(self, length: int) -> None:
        self.starts: deque[float] = deque(maxlen=length)
        self.paused_until = -math.inf


class RequestBudget:
    """A fixed budget: at most `per_minute` calls of a route class arrive in any rolling minute.

    Every call reserves its start when it asks: the first `per_minute` at once, each later one a
    window after the call that many places before it. With the margin for uneven travel times the
    budget is used to 97.5% and never exceeded. Classes do not count together.

    Args:
        per_minute: The budget.
        clock: Gives the time, and waits.
        log: The calls of all processes that share the budget; None: of this one alone.
    """

    def __init__(
        self, *, per_minute: int, clock: Clock | None = None, log: CallLog | None = None
    ) -> None:
        self._clock = clock or Clock()
        self._log = log
        self._per_minute = per_minute
        self._windows: dict[str, _Window] = defaultdict(lambda: _Window(per_minute))
        self._lock = threading.Lock()

    def acquire(self, route: str = "") -> None:
        while True:
            with self._lock:
                window = self._windows[route]
                now = self._clock.monotonic()
                start = self._reserve(route, window, max(now, window.paused_until), now=now)
                window.starts.append(start)
            if start > now:
                self._clock.sleep(start - now)
            with self._lock:
                if window.paused_until <= start:
                    return

    def _reserve(self, route: str, window: _Window, earliest: float, *, now: float) -> float:
        most, seconds = self._per_minute, WINDOW_SECONDS + ARRIVAL_MARGIN_SECONDS
        if self._log is not None:
            start = self._log.reserve(route, earliest, now=now, most=most, seconds=seconds)
            if start is not None:
                return start
        if len(window.starts) == most:
            return max(earliest, window.starts[0] + seconds)
        return earliest

    def release(self, headers: Mapping[str, str] | None, route: str = "") -> None:
        """A budget does not learn."""

    @property
    def parallel(self) -> float:
        return math.inf

    def per_minute(self, route: str = "") -> float | None:  # noqa: ARG002 - the same for all
        return self._per_minute

    def pause(
        self,
        seconds: float,
        route: str = "",
        headers: Mapping[str, str] | None = None,  # noqa: ARG002 - a budget does not learn
    ) -> None:
        with self._lock:
            window = self._windows[route]
            window.paused_until = max(window.paused_until, self._clock.monotonic() + seconds)
