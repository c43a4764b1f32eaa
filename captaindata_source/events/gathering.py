"""When jobs that events told of are read: soon, and with few calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from captaindata_source.events.bodies import CREATED
from captaindata_source.events.inbox import Waiting

__all__ = ["OF_ALL", "OF_WORKFLOWS", "Gathering", "Pace"]

QUICK_SECONDS = 3.0
FREE_CALLS = 20.0
"""Calls for few jobs that need not wait: where there are few events each is read at once."""
FREE_CALLS_PER_SECOND = 4.0 / 3600
FREE_CALLS_OF_ENDED = FREE_CALLS / 2
"""So many of them are kept for jobs that ended."""
EARNED_CALLS, EARNED_SECONDS = 200.0, 60.0
"""The most calls that are kept of those that jobs earned, and after which wait they are used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long jobs wait for others that the same call reads.

    Args:
        by_workflow: Whether a call reads jobs of one workflow; else it reads any.
        many: So many are worth a call.
        enough: So many are, if they came within three seconds: nobody waits for long in a rush.
        max_wait: Seconds that fewer wait, once the calls that do not wait are used up.
        earned: Calls that each job earns for those that waited a minute: what a rush leaves does
            not wait for others that do not come.
    """

    by_workflow: bool
    many: int
    enough: int
    max_wait: float
    earned: float = 0.0


OF_ALL = Pace(by_workflow=False, many=30, enough=12, max_wait=180.0)
"""v4: up to 100 runs a call, whose callbacks mostly carry their results."""
OF_WORKFLOWS = Pace(by_workflow=True, many=12, enough=3, max_wait=1200.0, earned=1 / 8)
"""v3: a page of a workflow's list, beside a call for the results of each job, which a usual sync
needs too. With a page for six jobs, the sum is within a tenth of what hourly syncs take."""


class Gathering:
    """Lets few jobs wait for others that one call reads together.

    Args:
        pace: How long.
        clock: Epoch seconds.
    """

    def __init__(self, pace: Pace, *, clock: Callable[[], float] = time.time) -> None:
        self._pace = pace
        self._clock = clock
        self._free = FREE_CALLS
        self._earned = 0.0
        self._seen_at = clock()

    def due(self, events: Iterable[Waiting]) -> list[Waiting]:
        """Those that are to be seen to now, in their order.

        Args:
            events: Those that wait, each with all others of its job.
        """
        now = self._clock()
        self._free = min(FREE_CALLS, self._free + (now - self._seen_at) * FREE_CALLS_PER_SECOND)
        self._seen_at = now
        groups: dict[str | int, list[Waiting]] = {}
        for event in events:
            groups.setdefault(self._group(event), []).append(event)
        found = [group for group in groups.values() if self._is_due(group, now)]
        return [event for group in found for event in group]

    def _group(self, event: Waiting) -> str | int:
        """What is read with it: of no job, or of a workflow that is not known, nothing."""
        if event.job_uid and not self._pace.by_workflow:
            return ""
        return (event.job_uid and event.workflow_uid) or event.id

    def _is_due(self, group: Sequence[Waiting], now: float) -> bool:
        first = group[0]
        if not first.job_uid or (self._pace.by_workflow and not first.workflow_uid):
            return True
        if any(event.tries for event in group):
            return True
        ended = {event.job_uid for event in group if event.kind != CREATED}
        quick = {e.job_uid for e in group if e.received_at >= now - QUICK_SECONDS} & ended
        waited = now - min(event.received_at for event in group)
        is_worth_it = (
            len(ended) >= self._pace.many
            or len(quick) >= self._pace.enough
            or waited >= self._pace.max_wait
        )
        if not is_worth_it:
            if self._free >= 1 + (0 if ended else FREE_CALLS_OF_ENDED):
                self._free -= 1
            elif ended and waited >= EARNED_SECONDS and self._earned >= 1:
                self._earned -= 1
            else:
                return False
        self._earned = min(EARNED_CALLS, self._earned + self._pace.earned * len(ended))
        return True
