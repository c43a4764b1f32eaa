"""Turns: the events of a workspace that are due, handed to a load, and what became of them."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
from dlt.common.runtime import signals

from captaindata_source.events.bodies import BATCH, FINAL
from captaindata_source.events.gathering import OF_ALL, OF_WORKFLOWS, Gathering
from captaindata_source.events.inbox import BATCH_SECONDS, Inbox, Waiting
from captaindata_source.extract.report import WorkspaceReport
from captaindata_source.extract.told_events import DONE, JOB_LOADED, UNCHANGED
from captaindata_source.settings.named_jobs import Delivered, Told, ToldEvent
from captaindata_source.settings.workspace import Settings

__all__ = ["Turn", "Turns"]

MOST_JOBS = 200
"""Jobs of a turn: others wait while it lasts."""
MOST_WAITING = 2_000
"""Jobs among which those of a turn are chosen."""
LOOK_SECONDS = 1.0
"""How often those that wait for others are looked at where no event arrives."""
TRY_AGAIN = (2.0, 5.0, 15.0, 60.0, 300.0)
"""Seconds before an event is tried again; then it is left to the schedule."""
MOST_BATCH_SECONDS = 86_400.0
"""How long batches of a run wait for its end."""
ROWS_PER_PAGE = 1_000
Load = Callable[[str, Told], WorkspaceReport]

_decode = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Turn:
    """What a turn did, for people.

    Args:
        workspace: Configured name.
        events: How many.
        report: Of the load.
    """

    def __init__(self, workspace: str, events: int, report: WorkspaceReport) -> None:
        self.workspace = workspace
        self.events = events
        self.report = report

    def __str__(self) -> str:
        report = self.report
        if report.error is not None:
            return f"{self.workspace}: {self.events} events wait: {report.error}"
        jobs, results = report.rows.get("jobs", 0), report.rows.get("job_results", 0)
        return (
            f"{self.workspace}: {self.events:,} events, {jobs:,} jobs, {results:,} results, "
            f"{report.api_calls:,} calls, {report.seconds:.1f} s"
        )


class Turns:
    """The turns of one workspace.

    Args:
        inbox: Where events wait.
        settings: The workspace.
        load: Loads what they tell of; see `EventLoads.load`.
        max_wait: Seconds that a job waits for others which one call reads with it; None: as
            suits the version of the API.
        on_turn: Told of each turn.
        clock: Epoch seconds.
    """

    def __init__(
        self,
        inbox: Inbox,
        settings: Settings,
        load: Load,
        *,
        max_wait: float | None = None,
        on_turn: Callable[[Turn], None] = lambda _turn: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._inbox = inbox
        self._name = settings.name
        self._has_lists = settings.lists_workflows
        self._load = load
        self._on_turn = on_turn
        self._clock = clock
        self._reading = threading.Lock()
        pace = OF_WORKFLOWS if settings.lists_workflows else OF_ALL
        if max_wait is not None:
            pace = replace(pace, max_wait=max_wait)
        self._gathering = Gathering(pace, clock=clock)
        self._looked_at = -math.inf
        self._state: object = None

    def begin(self) -> Sequence[Waiting]:
        """The events of a turn to take now; none where there is nothing to do, or it can wait."""
        now, state = self._clock(), self._inbox.state()
        if state == self._state and now < self._looked_at + LOOK_SECONDS:
            return ()
        self._state, self._looked_at = state, now
        waiting = self._inbox.due(self._name, now=now, most_jobs=MOST_WAITING)
        due = self._gathering.due(waiting)
        if due:
            self._state = None
        jobs: set[str] = set()
        for place, event in enumerate(due):
            jobs.add(event.job_uid or event.uid)
            if len(jobs) > MOST_JOBS:
                return due[:place]
        return due

    def take(self, events: Sequence[Waiting]) -> bool:
        """Takes a turn; returns whether the events could be tried.

        Args:
            events: Those that it begins with.
        """
        inbox, events = self._inbox, self._with_new_jobs(events)
        told = Told(events=[_told(each) for each in events], delivered=self._delivered(events))
        report = self._load(self._name, told)
        if signals.was_signal_received():
            return False
        self._on_turn(Turn(self._name, len(events), report))
        if report.error is not None:
            return False
        if report.quota_renews_at is None:
            self._settle(events, told)
            return True
        until = report.quota_renews_at.timestamp()
        waiting = [(each.id, until) for each in events if not _is_done(each, told)]
        done = [each.id for each in events if _is_done(each, told)]
        inbox.settle(done, waiting, now=self._clock(), counts=False)
        return True

    def _with_new_jobs(self, events: Sequence[Waiting]) -> Sequence[Waiting]:
        """Adds new jobs of the same workflows, which one page of their list has too."""
        workflows = {event.workflow_uid for event in events if event.workflow_uid}
        if not (self._has_lists and workflows):
            return events
        taken = {event.id for event in events}
        created = self._inbox.created_of(self._name, sorted(workflows))
        return [*events, *(event for event in created if event.id not in taken)]

    def _settle(self, events: Sequence[Waiting], told: Told) -> None:
        now = self._clock()
        over = {event.job_uid for event in events if event.kind == FINAL}
        done, again, batches = [], [], []
        for event in events:
            action = told.actions[event.uid]
            age = now - event.received_at
            is_open = event.kind == BATCH and event.job_uid not in over
            if is_open and action in (JOB_LOADED, UNCHANGED) and age < MOST_BATCH_SECONDS:
                batches.append((event.id, now + max(BATCH_SECONDS, age)))
            elif action in DONE:
                done.append(event.id)
            else:
                again.append((event.id, now + TRY_AGAIN[min(event.tries, len(TRY_AGAIN) - 1)]))
        self._inbox.settle(done, again, now=now)
        if batches:
            self._inbox.settle((), batches, now=now, counts=False)

    def _delivered(self, events: Sequence[Waiting]) -> dict[str, Sequence[Delivered]]:
        """What callbacks brought, of runs that ended: that of one callback each. No callback tells
        its place among others, so that several can't be put in the order of the API."""
        found: dict[str, Sequence[Delivered]] = {}
        for uid in {event.job_uid for event in events if event.kind == FINAL and event.job_uid}:
            brought = [event for event in events if event.job_uid == uid and event.row_count]
            found[uid] = [
                Delivered(rows=each.row_count, pages=self._pages_of([each])) for each in brought
            ] or [Delivered(rows=0, pages=self._pages_of([]))]
        return found

    def _pages_of(self, events: Sequence[Waiting]) -> Callable[[], Iterator[Sequence[bytes]]]:
        ids = [event.id for event in events if event.row_count]

        def pages() -> Iterator[Sequence[bytes]]:
            for each in ids:
                with self._reading:
                    results = self._inbox.results_of(each)
                rows = [bytes(row) for row in _decode(results)] if results is not None else []
                for first in range(0, len(rows), ROWS_PER_PAGE):
                    yield rows[first : first + ROWS_PER_PAGE]

        return pages


def _told(event: Waiting) -> ToldEvent:
    return ToldEvent(
        uid=event.uid,
        kind=event.kind,
        received_at=datetime.fromtimestamp(event.received_at, UTC),
        job_uid=event.job_uid,
        workflow_uid=event.workflow_uid,
        identity_uid=event.identity_uid,
        copies=event.copies,
        tries=event.tries,
        is_last_try=event.tries >= len(TRY_AGAIN),
    )


def _is_done(event: Waiting, told: Told) -> bool:
    return told.actions.get(event.uid) in DONE
