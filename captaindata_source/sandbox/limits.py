"""The rate limit of the sandbox: requests per workspace in a rolling window."""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Literal

from captaindata_source.sandbox.dialect import Dialect

# v3 counts all routes together; v4 counts `/runs...` separately.
RouteClass = Literal["workspace", "runs", "default"]

WINDOW_SECONDS = 60.0


@dataclass(frozen=True)
class Verdict:
    """Whether a request is allowed, and what is left of the budget.

    Attributes:
        allowed: False means 429.
        remaining: Number of requests left in the window.
        wait: Seconds until the oldest counted request leaves the window.
    """

    allowed: bool
    remaining: int
    wait: float


class RateLimit:
    """Counts requests per workspace and class of routes; refused ones do not count.

    Args:
        limit: Requests per window, workspace and class. May be changed while the server runs.
        runs: The limit of v4's `/runs...`, where it is another one. May be changed as well.
        window: Length of the window in seconds.
        clock: Monotonic seconds; tests may replace it.
    """

    def __init__(
        self,
        limit: int,
        *,
        runs: int | None = None,
        window: float = WINDOW_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limit = limit
        self.runs = runs
        self.window = window
        self._clock = clock
        self._times: defaultdict[tuple[str, RouteClass], deque[float]] = defaultdict(deque)

    def check(self, workspace_uid: str, route_class: RouteClass = "workspace") -> Verdict:
        """Count a request of a workspace, or refuse it."""
        now = self._clock()
        limit = self.runs if route_class == "runs" and self.runs is not None else self.limit
        times = self._times[workspace_uid, route_class]
        while times and times[0] <= now - self.window:
            times.popleft()
        allowed = len(times) < limit
        if allowed:
            times.append(now)
        wait = times[0] + self.window - now if times else self.window
        return Verdict(allowed, max(limit - len(times), 0), wait)


def limit_headers(
    verdict: Verdict, dialect: Dialect, route_class: RouteClass = "workspace"
) -> dict[str, str]:
    """Return the headers that tell a client about its budget."""
    seconds = max(math.ceil(verdict.wait), 1)
    epoch = math.ceil(time.time() + verdict.wait)
    headers = {
        "X-RateLimit-Type": route_class,
        "X-RateLimit-Remaining": str(verdict.remaining),
        "X-RateLimit-Reset": str(epoch if dialect.reset_style == "epoch" else seconds),
    }
    if not verdict.allowed:
        date = formatdate(epoch, usegmt=True)
        headers["Retry-After"] = str(seconds) if dialect.retry_after_style == "seconds" else date
    return headers
