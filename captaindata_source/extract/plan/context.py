"""What all parts of a plan share."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from captaindata_source.api import FLOW_RUNS, RUNS, Api
from captaindata_source.api.credentials import strip_record
from captaindata_source.extract.guard import Guard
from captaindata_source.extract.plan.changes import Changes
from captaindata_source.extract.plan.totals import evidence_of_all, totals_of
from captaindata_source.extract.rows import shape
from captaindata_source.issues import Action, IssueLog, Kind
from captaindata_source.settings.workspace import Settings
from captaindata_source.tables import DELETE_MARK, WORKSPACES, Row, Table
from captaindata_source.warehouse.loaded_rows import StoredCount, StoredResult
from captaindata_source.warehouse.memory import Evidence, JobTotals, Memory

__all__ = ["Context", "ResultCounter", "RowReader"]

CLOCK_SECONDS = 5.0
_PEOPLE = ("accounts", "last_error")
"""Nested fields that may have secrets of someone in them, which never arrive."""

RowReader = Callable[[Table, Sequence[str] | None], Iterator[Row]]
"""Table and uids, None for all, to whole rows of the destination."""
StoredReader = Callable[[str], Iterator[Sequence[StoredResult]]]
"""Uid of a job to its results in the destination, in batches."""
ResultCounter = Callable[[Sequence[str]], Mapping[str, StoredCount]]
"""Uids of jobs to how many results the destination has of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One sync of one workspace; safe to share between threads.

    Args:
        api: The workspace.
        settings: Its options.
        wanted: Tables that are loaded; rows of others are not kept.
        issues: What went wrong without ending the sync; the API and the results add to it too.
        guard: Decides what a failed call costs.
        now: Goes into `loaded_at`.
        memory: What the destination holds; by default nothing.
        read_rows: Reads whole rows back from the destination.
        count_results: Counts results there.
        read_results: Reads results of a job there.
        to_come: Times that are still to come by the clock of the API.
        is_clock_read: Set once `to_come` is as full as it gets.
        rows: Rows that go to each table, but for results; marks that only remove are not counted.
    """

    api: Api
    settings: Settings
    wanted: Collection[str]
    issues: IssueLog
    guard: Guard
    now: datetime
    memory: Memory = field(default_factory=Memory)
    read_rows: RowReader = lambda _table, _uids: iter(())
    count_results: ResultCounter = lambda _uids: {}
    to_come: list[datetime] = field(default_factory=list)
    is_clock_read: threading.Event = field(default_factory=threading.Event)
    read_results: StoredReader = lambda _uid: iter(())
    rows: Counter[str] = field(default_factory=Counter)
    lock: threading.RLock = field(default_factory=threading.RLock)
    changes: Changes = field(init=False)
    """What changed since the last load."""
    _totals: list[JobTotals] = field(default_factory=list)
    _evidence: list[Evidence] = field(default_factory=list)

    def __post_init__(self) -> None:
        changes = Changes(
            workspace_uid=self.settings.project_uid,
            now=self.now,
            wanted=self.wanted,
            open_changes=self.memory.open_changes,
        )
        object.__setattr__(self, "changes", changes)

    @property
    def totals(self) -> JobTotals:
        """Totals of the jobs that earlier syncs loaded."""
        with self.lock:
            if not self._totals:
                self._totals.append(
                    self.memory.totals
                    or totals_of(
                        self.memory,
                        settings=self.settings,
                        wanted=frozenset(self.wanted),
                        now=self.now,
                    )
                )
            return self._totals[0]

    @property
    def evidence(self) -> Evidence:
        """What the jobs that earlier syncs loaded tell of their counts; read when it is first
        needed, which is long where there are many."""
        with self.lock:
            if not self._evidence:
                memory = self.memory
                self._evidence.append(
                    memory.finder.evidence()
                    if memory.finder is not None
                    else evidence_of_all(memory, api=self.api, settings=self.settings)
                )
            return self._evidence[0]

    def row(self, table: Table, record: Mapping[str, Any], **added: Any) -> Row:
        """A row of a table from a record of the API, without its secrets, and what the connector
        adds."""
        return {
            **shape(table, self._without_secrets(record), on_unfit=self._on_unfit),
            **added,
            "workspace_uid": self.settings.project_uid,
            "loaded_at": self.now,
        }

    @property
    def run_lists(self) -> Sequence[str]:
        """The lists of v4 that are read."""
        return (RUNS, FLOW_RUNS) if self.settings.has_flows else (RUNS,)

    @property
    def api_now(self) -> datetime:
        """Now; earlier where the clock of the API is behind ours."""
        if WORKSPACES.name in self.wanted:  # it is read first, in another thread
            self.is_clock_read.wait(CLOCK_SECONDS)
        return min([self.now, *self.to_come])

    def keep(self, table: Table, rows: deque[Row], row: Row) -> None:
        """Adds a row to those of a table, where that is wanted."""
        if table.name in self.wanted:
            self.written(table, row["uid"] if "uid" in table.key else "")
            rows.append(row)
            self.count(table, int(DELETE_MARK not in row))

    def written(self, table: Table, uid: str) -> None:
        """Tells that a row is written again: it need not be cleaned."""
        if unclean := self.memory.unclean.get(table.name):
            unclean.discard(uid)

    def stored(self, table: Table, uids: Sequence[str] | None) -> Iterator[Row]:
        """Whole rows of the destination as they may be written again: without secrets."""
        for row in self.read_rows(table, uids):
            yield self._without_secrets(row)

    def _without_secrets(self, record: Mapping[str, Any]) -> Row:
        if not self.settings.keep_secrets:
            return strip_record(record)
        people = {name: record[name] for name in _PEOPLE if name in record}
        return {**record, **strip_record(people)}

    def count(self, table: Table, rows: int) -> None:
        with self.lock:
            self.rows[table.name] += rows

    def _on_unfit(self, field_name: str, kind: str) -> None:
        self.issues.add(
            Kind.UNFIT_VALUE, Action.MENDED, detail=f"{field_name} is not a {kind}: kept as a text"
        )
