"""What ends a sync early."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

__all__ = ["Limits"]

LEAST_DEADLINE, DEADLINE = 60.0, 900.0
"""Seconds of retries of a call, with hardly any time left and without a limit."""


class Limits:
    """Ends a sync early, between two load packages; shared by all workspaces.

    Args:
        max_minutes: Minutes since the limits were made; None: no limit.
        max_requests: Requests of all workspaces together; None: no limit.
        monotonic: Seconds.
    """

    def __init__(
        self,
        *,
        max_minutes: float | None = None,
        max_requests: int | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._ends = math.inf if max_minutes is None else monotonic() + max_minutes * 60
        self._max_requests = math.inf if max_requests is None else max_requests
        self._counters: list[Callable[[], int]] = []

    def count(self, calls: Callable[[], int]) -> None:
        """Counts what a workspace sends.

        Args:
            calls: Gives its requests so far.
        """
        self._counters.append(calls)

    def leave_room(self, jobs: int) -> bool:
        """Whether lists may be read on: half of the requests are theirs, and what jobs with
        results to fetch do not need.

        Args:
            jobs: Jobs whose results are to be fetched.
        """
        sent = sum(calls() for calls in self._counters)
        return sent < self._max_requests / 2 or sent + jobs < self._max_requests

    @property
    def deadline(self) -> float:
        """Seconds that a call may be tried again for."""
        return min(DEADLINE, max(LEAST_DEADLINE, self.seconds_left))

    @property
    def seconds_left(self) -> float:
        """Seconds to the end, at least 0."""
        return max(0.0, self._ends - self._monotonic())

    @property
    def are_reached(self) -> bool:
        """Whether no more jobs are to be begun; once true, always true."""
        sent = sum(calls() for calls in self._counters)
        return sent >= self._max_requests or self._monotonic() >= self._ends
