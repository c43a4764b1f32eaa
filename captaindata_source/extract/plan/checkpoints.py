"""How far lists without an end are read."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from captaindata_source.api import FLOW_RUNS, RUNS, Coverage, Span
from captaindata_source.extract.plan.context import Context
from captaindata_source.tables import Row
from captaindata_source.warehouse.flow_memory import FlowMemory
from captaindata_source.warehouse.memory import KnownList, Memory

__all__ = ["Checkpoints"]

OVERLAP = timedelta(minutes=15)
"""What is read again each time: the API may show a change a moment after it was made."""
UIDS = {RUNS: ("even", "odd"), FLOW_RUNS: ("even flow runs", "odd flow runs")}
"""By list. Written in turn: where a load breaks off, the row of the one before still counts."""


class Checkpoints:
    """What is read, of what is known to be loaded and what the current sync adds.

    Args:
        context: The sync.
        of: The list.
        is_deep: Whether `lookback_days` are read again.
        until: The time from which on all is read again, if that is more; None: no such time.
    """

    def __init__(
        self,
        context: Context,
        *,
        of: str = RUNS,
        is_deep: bool,
        until: datetime | None = None,
    ) -> None:
        self._context = context
        self._is_deep = is_deep
        memory = context.memory
        known: Memory | FlowMemory = memory.flows if of == FLOW_RUNS else memory
        lookback = timedelta(days=context.settings.lookback_days)
        again = lookback if is_deep else min(lookback, OVERLAP)
        self.known = known.covered.until(context.now).without_last(again)
        if until is not None:
            self.known = self.known.until(until)
        if context.settings.full_refresh:
            self.known = Coverage()
        """What earlier loads brought and is not to be read again."""
        self._uids = UIDS[of]
        self._uid = known.checkpoint or self._uids[0]
        self._written = known.covered.to_json()
        self._read_at = memory.lists.get(of, KnownList()).read_at
        self._covered: Coverage | None = None

    def add(self, span: Span) -> None:
        """Tells of a span that is read."""
        with self._context.lock:
            if self._covered is None:
                self._covered = self.known.copy()
            # a time to come was written by a clock that went wrong
            for passed in Coverage([span]).until(self._context.now):
                self._covered.add(passed)

    def knew(self, span: Span | None) -> bool:
        """Whether a span ends within what earlier loads brought: reading it was no progress."""
        return span is not None and span.begin is not None and self.known.knows(span.begin)

    def forget(self) -> None:
        """Tells that no span is worth anything: the list has no order."""
        with self._context.lock:
            self._covered = Coverage()

    def row(self, *, is_left: bool) -> Row | None:
        """The row to load with all jobs that were seen so far; None where it would say what the
        last one says.

        Args:
            is_left: Whether the list was left before its end.
        """
        with self._context.lock:
            if self._covered is None:
                return None
            covered = self._covered.to_json()
        is_read = self._is_deep and not is_left
        if covered == self._written and not is_read:
            return None
        self._written = covered
        self._is_deep = self._is_deep and not is_read
        first, second = self._uids
        self._uid = second if self._uid == first else first
        if is_read:
            self._read_at = self._context.now
        return {"uid": self._uid, "covered": json.dumps(covered), "read_at": self._read_at}
