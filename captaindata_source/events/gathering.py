"""When jobs that events told of are read: soon, and with few calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from captaindata_source.events.inbox import Waiting

__all__ = ["Gathering"]

MANY_JOBS = 30
"""Jobs that are worth a call of their own, where one call reads many."""
ENOUGH_JOBS, QUICK_SECONDS = 12, 3.0
"""Where so many come within this time, they are too: nobody is to wait for long in a rush."""
MAX_WAIT_SECONDS = 180.0
"""How long fewer jobs wait for others, once the calls that do not wait are used up."""
FREE_CALLS = 20.0
"""Calls for few jobs that need not wait: where there are few events each is read at once."""
FREE_CALLS_PER_SECOND = 4.0 / 3600


class Gathering:
    """Lets few jobs wait for others, where one call reads up to a hundred.

    Args:
        clock: Epoch seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._free = FREE_CALLS
        self._seen_at = clock()

    def is_due(self, events: Sequence[Waiting]) -> bool:
        """Whether jobs are to be read now.

        Args:
            events: Those that wait.
        """
        now = self._clock()
        self._free = min(FREE_CALLS, self._free + (now - self._seen_at) * FREE_CALLS_PER_SECOND)
        self._seen_at = now
        jobs = {event.job_uid for event in events if event.job_uid}
        if not jobs or any(event.tries for event in events):
            return True
        waited = now - min(event.received_at for event in events)
        if len(jobs) >= (ENOUGH_JOBS if waited <= QUICK_SECONDS else MANY_JOBS):
            return True
        if waited >= MAX_WAIT_SECONDS:
            return True
        if self._free < 1:
            return False
        self._free -= 1
        return True
