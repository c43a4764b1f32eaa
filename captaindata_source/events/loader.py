"""Loads what waits in the inbox: a thread for each workspace, in short turns."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec
from dlt.common.exceptions import SignalReceivedException
from dlt.common.runtime import signals

from captaindata_source.engine.event_loads import EventLoads
from captaindata_source.events.bodies import BATCH, FINAL
from captaindata_source.events.gathering import Gathering
from captaindata_source.events.inbox import BATCH_SECONDS, Inbox, Waiting
from captaindata_source.extract.report import WorkspaceReport
from captaindata_source.extract.told_events import DONE, JOB_LOADED, UNCHANGED
from captaindata_source.settings.named_jobs import Delivered, Told, ToldEvent
from captaindata_source.settings.workspace import Settings
from captaindata_source.waiting import wait_seconds
from captaindata_source.warehouse.remedies import message_of

__all__ = ["Loader", "Turn"]

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.1
MOST_JOBS = 200
"""Jobs of a turn: others wait while it lasts."""
TURNS_AT_ONCE = 4
TRY_AGAIN = (2.0, 5.0, 15.0, 60.0, 300.0)
"""Seconds before an event is tried again; then it is left to the schedule."""
AFTER_ERRORS = (2.0, 5.0, 15.0, 60.0, 300.0)
"""Seconds before the next turn of a workspace none of whose events could be tried."""
MOST_BATCH_SECONDS = 86_400.0
"""How long batches of a run wait for its end."""
ROWS_PER_PAGE = 1_000
VIEWS_SECONDS, VIEWS_SHARE = 1.0, 4
"""The least between two refreshes of views, and how many times as long as one takes."""
PURGE_SECONDS = 300.0

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


class Loader:
    """Loads events until a signal comes.

    Args:
        inbox: Path of the inbox.
        workspaces: Options of each workspace.
        loads: Loads them.
        on_turn: Told of each turn.
    """

    def __init__(
        self,
        inbox: Path,
        workspaces: Sequence[Settings],
        loads: EventLoads,
        *,
        on_turn: Callable[[Turn], None] = lambda _turn: None,
    ) -> None:
        self._inbox = inbox
        self._workspaces = workspaces
        self._loads = loads
        self._on_turn = on_turn
        self._turns = threading.Semaphore(TURNS_AT_ONCE)
        self._is_stale = threading.Event()

    def run(self) -> None:
        """Runs until dlt's signal, which whoever calls intercepts.

        Raises:
            sqlite3.Error: The inbox can't be read.
        """
        tasks = [partial(self._serve, each) for each in self._workspaces]
        threads = [
            threading.Thread(target=self._guarded, args=(task,), name="events", daemon=True)
            for task in (*tasks, self._follow)
        ]
        for thread in threads:
            thread.start()
        inbox = Inbox(self._inbox)
        try:
            known = {each.name for each in self._workspaces}
            for name in sorted(set(inbox.workspaces()) - known):
                logger.warning("Events of workspace %r wait, which is not configured", name)
            while all(thread.is_alive() for thread in threads):
                inbox.purge()
                wait_seconds(PURGE_SECONDS)
        except SignalReceivedException:
            pass
        finally:
            inbox.close()
        for thread in threads:
            thread.join()

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except SignalReceivedException:
            return
        except Exception as error:
            logger.warning("The loader of events ends: %s", message_of(error))
            logger.debug("Loader", exc_info=True)

    def _serve(self, settings: Settings) -> None:
        inbox = Inbox(self._inbox)
        gathering = None if settings.lists_workflows else Gathering()
        errors = 0
        try:
            while not signals.was_signal_received():
                now = time.time()
                events = inbox.due(settings.name, now=now, most_jobs=MOST_JOBS)
                if not events or (gathering is not None and not gathering.is_due(events)):
                    wait_seconds(POLL_SECONDS)
                    continue
                with self._turns:
                    error = self._turn(inbox, settings, events)
                errors = errors + 1 if error else 0
                if error:
                    wait_seconds(AFTER_ERRORS[min(errors, len(AFTER_ERRORS)) - 1])
        finally:
            inbox.close()

    def _turn(self, inbox: Inbox, settings: Settings, events: Sequence[Waiting]) -> bool:
        """Returns whether nothing could be tried."""
        workflows = {event.workflow_uid for event in events if event.workflow_uid}
        if settings.lists_workflows and workflows:
            taken = {event.id for event in events}
            created = inbox.created_of(settings.name, sorted(workflows))
            events = [*events, *(event for event in created if event.id not in taken)]
        told = Told(events=[_told(event) for event in events], delivered=self._delivered(events))
        report = self._loads.load(settings.name, told)
        if signals.was_signal_received():
            return True
        self._on_turn(Turn(settings.name, len(events), report))
        if report.error is not None or report.quota_renews_at is not None:
            renews = report.quota_renews_at
            until = time.time() if renews is None else renews.timestamp()
            again = [(event.id, until) for event in events if not _is_done(event, told)]
            done = [event.id for event in events if report.error is None and _is_done(event, told)]
            inbox.settle(done, again, counts=False)
            return report.error is not None
        self._settle(inbox, events, told)
        if any(report.rows.values()):
            self._is_stale.set()
        return False

    def _settle(self, inbox: Inbox, events: Sequence[Waiting], told: Told) -> None:
        now = time.time()
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
        inbox.settle(done, again)
        if batches:
            inbox.settle((), batches, counts=False)

    def _delivered(self, events: Sequence[Waiting]) -> Mapping[str, Sequence[Delivered]]:
        """What callbacks brought: all of it, the end of a run alone, or its batches alone."""
        by_job: dict[str, list[Waiting]] = defaultdict(list)
        for event in events:
            if event.job_uid and event.kind in (BATCH, FINAL):
                by_job[event.job_uid].append(event)
        return {
            uid: [
                Delivered(rows=sum(e.row_count for e in some), pages=self._pages_of(some))
                for some in (
                    found,
                    [event for event in found if event.kind == FINAL],
                    [event for event in found if event.kind == BATCH],
                )
                if some
            ]
            for uid, found in by_job.items()
            if any(event.kind == FINAL for event in found)
        }

    def _pages_of(self, events: Sequence[Waiting]) -> Callable[[], Iterator[Sequence[bytes]]]:
        ids = [event.id for event in events if event.row_count]

        def pages() -> Iterator[Sequence[bytes]]:
            inbox = Inbox(self._inbox)
            try:
                for results in inbox.results(ids):
                    rows = [bytes(each) for each in _decode(results)]
                    for first in range(0, len(rows), ROWS_PER_PAGE):
                        yield rows[first : first + ROWS_PER_PAGE]
            finally:
                inbox.close()

        return pages

    def _follow(self) -> None:
        """Brings views up to date after turns, seldom enough that turns come first."""
        while not signals.was_signal_received():
            if not self._is_stale.wait(POLL_SECONDS):
                continue
            self._is_stale.clear()
            began = time.monotonic()
            aftermath = self._loads.follow()
            for problem in filter(None, (aftermath.error, aftermath.publish_error)):
                logger.warning("Views after events: %s", problem)
            took = time.monotonic() - began
            wait_seconds(max(VIEWS_SECONDS, VIEWS_SHARE * took))


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
