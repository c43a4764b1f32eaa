"""The rate limit of the sandbox: so many requests of a workspace in any rolling window."""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate

from captaindata_source.sandbox.dialect import Dialect

WINDOW_SECONDS = 60.0


@dataclass(frozen=True)
class Verdict:
    """Whether a request is let through, and what is left of the budget.

    Attributes:
        allowed: False asks for a 429.
        remaining: How many requests are left in the window.
        wait: Seconds until the oldest counted request leaves the window.
    """

    allowed: bool
    remaining: int
    wait: float


class RateLimit:
    """Counts requests per workspace; refused ones do not count.

    Args:
        limit: Requests per window and workspace. May be changed while the server runs.
        window: Length of the window in seconds.
        clock: Monotonic seconds; tests may replace it.
    """

    def __init__(
        self,
        limit: int,
        *,
        window: float = WINDOW_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limit = limit
        self.window = window
        self._clock = clock
        self._times: defaultdict[str, deque[float]] = defaultdict(deque)

    def check(self, workspace_uid: str) -> Verdict:
        """Count a request of a workspace, or refuse it."""
        now = self._clock()
        times = self._times[workspace_uid]
        while times and times[0] <= now - self.window:
            times.popleft()
        allowed = len(times) < self.limit
        if allowed:
            times.append(now)
        wait = times[0] + self.window - now if times else self.window
        return Verdict(allowed, max(self.limit - len(times), 0), wait)


def limit_headers(verdict: Verdict, dialect: Dialect) -> dict[str, str]:
    """Return the headers that tell a client about its budget."""
    seconds = max(math.ceil(verdict.wait), 1)
    epoch = math.ceil(time.time() + verdict.wait)
    headers = {
        "X-RateLimit-Type": "workspace",
        "X-RateLimit-Remaining": str(verdict.remaining),
        "X-RateLimit-Reset": str(epoch if dialect.reset_style == "epoch" else seconds),
    }
    if not verdict.allowed:
        date = formatdate(epoch, usegmt=True)
        headers["Retry-After"] = str(seconds) if dialect.retry_after_style == "seconds" else date
    return headers
