"""Retry policy as data and pure functions: what is tried again, when, and for how long."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import tenacity

from captaindata_source.errors import Problem
from captaindata_source.http.throttle import Clock
from captaindata_source.issues import Kind

__all__ = ["RETRIED_STATUSES", "RetryPolicy", "TransientError"]

logger = logging.getLogger(__name__)

LONG_WAIT_SECONDS = 5.0
RETRIED_STATUSES = frozenset(
    {408, 425, 429, 500, 502, 503, 504, 507, 509}
    # of proxies and CDNs that do not reach the API: Cloudflare documents 520 to 525 and 530, of
    # which 526 (a certificate that is not valid) does not pass by itself; 527 is an earlier one
    | {520, 521, 522, 523, 524, 525, 527, 529, 530, 598, 599}
)
"""Tried again where the API blames nothing; every other 4xx and 5xx is an answer."""


class TransientError(Exception):
    """A failure that may pass; stays inside this package.

    Args:
        message: What happened, without secrets.
        status: HTTP status where there was one.
        retry_after: Seconds that the API asked for.
        kind: What it is called in `sync_issues`.
        problem: What the API said of it, if anything.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        kind: Kind,
        problem: Problem | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.problem = problem
        self.status = status
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How long to keep trying.

    Args:
        first_wait: Seconds before the first retry; doubles with each, with full jitter above half.
        max_wait: Cap for one wait that we choose, in seconds.
        deadline: Seconds from the first try to the last. A `Retry-After` that does not fit in what
            is left ends the retries at once.
        jitter: Source of randomness in [0, 1).
    """

    first_wait: float = 0.5
    max_wait: float = 60.0
    deadline: float = 900.0
    jitter: Callable[[], float] = random.random

    def wait_seconds(self, *, attempt: int, retry_after: float | None) -> float:
        """Seconds to wait after the failed try number `attempt` (from 1)."""
        if retry_after is not None:
            return retry_after + self.jitter() * min(1.0, self.max_wait)
        backoff = min(self.max_wait, self.first_wait * 2.0 ** min(attempt - 1, 30))
        return backoff * (0.5 + self.jitter() / 2)

    def is_over(self, seconds: float, *, cap: float = math.inf) -> bool:
        """Whether the next try would come too late.

        Args:
            seconds: From the first try to the next.
            cap: What may bring the deadline forward.
        """
        return seconds > min(self.deadline, cap)

    def retrying(
        self, *, clock: Clock, on_retry: Callable[[TransientError], None] | None = None
    ) -> tenacity.Retrying:
        """Tries again after each `TransientError`. A call adds when to stop: `copy(stop=…)`.

        Args:
            clock: Time.
            on_retry: Told before each wait.
        """

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            retry_after = error.retry_after if isinstance(error, TransientError) else None
            return self.wait_seconds(attempt=state.attempt_number, retry_after=retry_after)

        def say(state: tenacity.RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            if state.upcoming_sleep >= LONG_WAIT_SECONDS:  # or it looks like a hang
                logger.warning("%s; next try in %.0f s", error, state.upcoming_sleep)
            if on_retry and isinstance(error, TransientError):
                on_retry(error)

        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TransientError),
            wait=wait,
            sleep=clock.sleep,
            before_sleep=say,
            reraise=True,
        )
