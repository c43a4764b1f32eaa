"""Loads what waits in the inbox: a thread for each workspace, in short turns."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from dlt.common.exceptions import SignalReceivedException
from dlt.common.runtime import signals

from captaindata_source.engine.event_loads import EventLoads
from captaindata_source.events.inbox import Inbox
from captaindata_source.events.turns import Turn, Turns
from captaindata_source.settings.workspace import Settings
from captaindata_source.waiting import wait_seconds
from captaindata_source.warehouse.remedies import message_of

__all__ = ["Loader"]

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.1
TURNS_AT_ONCE = 4
AFTER_ERRORS = (2.0, 5.0, 15.0, 60.0, 300.0)
"""Seconds before the next turn of a workspace none of whose events could be tried."""
VIEWS_SECONDS, VIEWS_SHARE = 1.0, 4
"""The least between two refreshes of views, and how many times as long as one takes."""
PURGE_SECONDS = 300.0


class Loader:
    """Loads events until a signal comes.

    Args:
        inbox: Path of the inbox.
        workspaces: Options of each workspace.
        loads: Loads them.
        max_wait: See `Turns`.
        on_turn: Told of each turn.
    """

    def __init__(
        self,
        inbox: Path,
        workspaces: Sequence[Settings],
        loads: EventLoads,
        *,
        max_wait: float | None = None,
        on_turn: Callable[[Turn], None] = lambda _turn: None,
    ) -> None:
        self._inbox = inbox
        self._max_wait = max_wait
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
        turns = Turns(
            inbox,
            settings,
            self._loads.load,
            max_wait=self._max_wait,
            on_turn=self._took_turn,
        )
        errors = 0
        try:
            while not signals.was_signal_received():
                if not (events := turns.begin()):
                    wait_seconds(POLL_SECONDS)
                    continue
                with self._turns:
                    is_served = turns.take(events)
                errors = 0 if is_served else errors + 1
                if errors:
                    wait_seconds(AFTER_ERRORS[min(errors, len(AFTER_ERRORS)) - 1])
        finally:
            inbox.close()

    def _took_turn(self, turn: Turn) -> None:
        self._on_turn(turn)
        if any(turn.report.rows.values()):
            self._is_stale.set()

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
