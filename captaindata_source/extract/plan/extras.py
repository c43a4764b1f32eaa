"""Tables beside the five: people and accounts, schedules, deliveries and consumption."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from captaindata_source.api import Part, Parts, Record
from captaindata_source.errors import ApiError, NotFoundError
from captaindata_source.extract.plan.context import Context
from captaindata_source.extract.plan.workspaces import quota_month
from captaindata_source.extract.rows import digest, row_hash
from captaindata_source.extract.workers import Step, Task
from captaindata_source.issues import Action, Kind
from captaindata_source.tables import (
    CALLBACKS,
    CHANGE_TABLES,
    CREDIT_CONSUMPTION,
    EXTRA_TABLES,
    JOB_INPUTS,
    Row,
    Table,
)
from captaindata_source.times import UnfitError, parse_time

__all__ = ["ExtraPlan", "extra_plans"]

logger = logging.getLogger(__name__)

MAX_OPEN_DAYS = 30
"""Days after which a delivery that has not ended is no longer looked for."""
ENDED = frozenset({"success", "failed"})


class ExtraPlan:
    """Reads one table's records and compares them with what is loaded.

    Of each record only what the table has a column for is taken: the rest may be secret.

    Args:
        context: The sync.
        table: One of `EXTRA_TABLES`.
    """

    def __init__(self, context: Context, table: Table) -> None:
        self._context = context
        self._table = table
        self._key = [name for name in table.key if name != "workspace_uid"]
        self._marks_deleted = "is_deleted" in table.columns
        self._known = context.memory.extras.get(table.name, {})
        self._parts: list[Callable[[], Iterable[Record]]] = []
        self._seen: set[tuple[str, ...]] = set()
        self._unread: list[Mapping[str, str]] = []
        """Scopes of the parts that could not be read; an empty one is that of all records."""
        self.rows: deque[Row] = deque()
        """Rows that are new or changed."""
        told = context.settings.told
        named = frozenset([None]) if told is None else told.identities
        self._identities = None if None in named else named
        """Identities whose records are read; None: all."""
        read = context.api.extras.get(table.name)
        self.is_offered = read is not None
        """Whether the API has anything of the kind."""
        self.stages: Sequence[Step] = (
            lambda: [partial(self._find_parts, read)] if read else [],
            self._read_tasks,
        )
        """Each gives its tasks once those of the one before are done."""

    def vanished(self) -> list[Row]:
        """Rows that the API no longer lists, marked so; none of what could not be read."""
        if not self._marks_deleted:
            return []
        gone = {
            key
            for key, known in self._known.items()
            if not (known.is_deleted or key in self._seen or self._is_unread(key))
        }
        if not gone:
            return []
        rows = [
            {**row, "is_deleted": True, "loaded_at": self._context.now}
            for row in self._context.stored(self._table, None)
            if tuple(str(row.get(name)) for name in self._key) in gone
        ]
        self._context.count(self._table, len(rows))
        for row in rows:
            self._see_change(tuple(str(row.get(name)) for name in self._key), row)
        return rows

    @property
    def are_any(self) -> bool:
        """Whether the API listed any."""
        return bool(self._seen or self._unread)

    @property
    def were_any(self) -> bool:
        """Whether the warehouse holds rows that an empty list would mark as deleted."""
        return self._marks_deleted and any(not known.is_deleted for known in self._known.values())

    def _is_unread(self, key: tuple[str, ...]) -> bool:
        values = dict(zip(self._key, key, strict=True))
        if self._identities is not None and values.get("identity_uid") not in self._identities:
            return True
        return any(scope.items() <= values.items() for scope in self._unread)

    def _find_parts(self, read: Callable[[], Parts]) -> None:
        self._guarded(lambda: self._parts.extend(read()))

    def _read_tasks(self) -> list[Task]:
        return [
            partial(
                self._guarded,
                partial(self._read, part),
                part if isinstance(part, Part) else Part(part),
            )
            for part in self._parts
            if self._is_told_of(part)
        ]

    def _is_told_of(self, part: Callable[[], Iterable[Record]]) -> bool:
        if self._identities is None or not isinstance(part, Part):
            return True
        return part.scope.get("identity_uid") in self._identities

    def _read(self, part: Callable[[], Iterable[Record]]) -> None:
        for record in part():
            self._compare({name: record[name] for name in self._table.columns if name in record})

    def _compare(self, record: Record) -> None:
        if row := self._row(record):
            self._context.keep(self._table, self.rows, row)

    def _row(self, record: Record, **added: object) -> Row | None:
        """The row of a record; None where it was seen before, or is loaded already."""
        key = tuple(str(record.get(name)) for name in self._key)
        content = row_hash(record)
        known = self._known.get(key)
        with self._context.lock:
            if key in self._seen:
                return None
            self._seen.add(key)
        is_same = known is not None and not known.is_deleted and known.row_hash == content
        if is_same and not self._context.settings.full_refresh:
            return None
        if self._marks_deleted:
            added["is_deleted"] = False
        row = self._context.row(self._table, record, row_hash=content, **added)
        self._see_change(key, row)
        return row

    def _see_change(self, key: tuple[str, ...], row: Row) -> None:
        known = self._known.get(key)
        if known is not None and self._table.name in CHANGE_TABLES:
            uids = dict(zip(self._key, key, strict=True))
            old = {"status": known.status, "is_deleted": known.is_deleted}
            self._context.changes.see(self._table, key, uids, old, row)

    def _guarded(self, call: Callable[[], None], part: Part | None = None) -> None:
        try:
            call()
        except ApiError as error:
            self._unread.append(part.scope if part else {})
            if part is not None and part.may_lack and isinstance(error, NotFoundError):
                self._context.issues.add(
                    Kind.NOT_FOUND,
                    Action.KEPT,
                    detail=f"This host has no {error.path}: {self._table.name} stays as it is",
                )
                self._context.guard.answered()
            else:
                self._context.guard.set_aside(error, f"Part of {self._table.name}")
        else:
            self._context.guard.answered()


class _ReadingPlan(ExtraPlan):
    """Keeps the last reading of each UTC day and billing month."""

    def _compare(self, record: Record) -> None:
        now = self._context.now
        day = now.astimezone(UTC).date()
        month = quota_month(record.get("current_month_start"))
        uid = digest(f"{record.get('action_slug')}\n{day}\n{month}")
        if row := self._row({**record, "uid": uid}, read_at=now):
            self._context.keep(self._table, self.rows, row)


class _DeliveryPlan(ExtraPlan):
    """Reads a list that only grows no further than it can hold something new.

    A list whose records come newest first is read back to `lookback_days` before the newest that is
    loaded, and to the oldest loaded one that had not ended, once all that are loaded from then on
    have come. Any other list is read whole. What is read of a list that breaks off is not loaded,
    so that what is loaded has no gap.
    """

    def _read(self, part: Callable[[], Iterable[Record]]) -> None:
        rows: list[Row] = []
        until, last = self._boundary(), None
        expected = {
            key for key, known in self._known.items() if until and _is_from(known.created_at, until)
        }
        for record in part():
            found = {name: record[name] for name in self._table.columns if name in record}
            if row := self._row(found):
                rows.append(row)
            if until is None:
                continue
            created = _time(record.get("created_at"))
            if created is None or (last is not None and created > last):
                until = None
                continue
            last = created
            if created < until and expected <= self._seen:
                break
        for row in rows:
            self._context.keep(self._table, self.rows, row)

    def _boundary(self) -> datetime | None:
        """Records that were created before need not be read; None: all are."""
        times = [known.created_at for known in self._known.values() if known.created_at]
        if not times or self._context.settings.full_refresh:
            return None
        if any(known.row_hash is None for known in self._known.values()):
            return None  # of a load that was not committed as a whole
        newest = max(times)
        oldest_open = newest - timedelta(days=MAX_OPEN_DAYS)
        still_open = [
            known.created_at
            for known in self._known.values()
            if known.created_at
            and known.created_at >= oldest_open
            and str(known.status).strip().lower() not in ENDED
        ]
        lookback = timedelta(days=self._context.settings.lookback_days)
        return min([newest - lookback, *still_open])


_PLANS: Mapping[str, type[ExtraPlan]] = {
    CREDIT_CONSUMPTION.name: _ReadingPlan,
    CALLBACKS.name: _DeliveryPlan,
}


def extra_plans(context: Context) -> dict[str, ExtraPlan]:
    """By name of each extra table that is wanted, what reads it; inputs are read job by job."""
    return {
        table.name: _PLANS.get(table.name, ExtraPlan)(context, table)
        for table in EXTRA_TABLES
        if table.name in context.wanted and table is not JOB_INPUTS
    }


def _is_from(time: datetime | None, first: datetime) -> bool:
    return time is not None and time >= first


def _time(value: object) -> datetime | None:
    try:
        return parse_time(value)
    except UnfitError:
        return None
