"""How far lists without an end are read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from captaindata_source.api import Coverage, Span
from captaindata_source.extract.plan.context import Context
from captaindata_source.tables import JOBS, Row

__all__ = ["Checkpoints"]

UIDS = ("even", "odd")
"""Written in turn: where a load breaks off, the row of the one before still counts."""


class Checkpoints:
    """What is read, of what is known to be loaded and what the current sync adds."""

    def __init__(self, context: Context) -> None:
        self._context = context
        memory = context.memory
        lookback = timedelta(days=context.settings.lookback_days)
        self.known = memory.covered.until(context.now).without_last(lookback)
        if context.settings.full_refresh:
            self.known = Coverage()
        """What earlier loads brought and is not to be read again."""
        self._uid = memory.checkpoint or UIDS[0]
        self._written = memory.covered.to_json()
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

    def row(self, *, jobs: int) -> Row | None:
        """The row to load with all jobs that were seen so far; None where it would say what the
        last one says, or the jobs are not loaded.

        Args:
            jobs: How many jobs of the workspace are loaded then.
        """
        with self._context.lock:
            if self._covered is None or JOBS.name not in self._context.wanted:
                return None
            covered = self._covered.to_json()
        if covered == self._written:
            return None
        self._written = covered
        self._uid = UIDS[1 - UIDS.index(self._uid)] if self._uid in UIDS else UIDS[0]
        return {
            "workspace_uid": self._context.settings.project_uid,
            "uid": self._uid,
            "covered": json.dumps(covered),
            "jobs": jobs,
            "loaded_at": datetime.now(UTC),  # the last one of a sync counts
        }
