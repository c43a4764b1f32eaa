"""Tables that are read as a whole each time: people, accounts and what they are connected to."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from captaindata_source.api import Parts, Record
from captaindata_source.errors import ApiError
from captaindata_source.extract.plan.context import Context
from captaindata_source.extract.rows import row_hash
from captaindata_source.extract.workers import Step, Task
from captaindata_source.tables import Row, Table

__all__ = ["ExtraPlan"]

logger = logging.getLogger(__name__)


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
        self._known = context.memory.extras.get(table.name, {})
        self._parts: list[Callable[[], list[Record]]] = []
        self._seen: set[tuple[str, ...]] = set()
        self._is_complete = True
        self.rows: deque[Row] = deque()
        """Rows that are new or changed."""
        read = context.api.extras.get(table.name)
        self.is_offered = read is not None
        """Whether the API has anything of the kind."""
        self.stages: Sequence[Step] = (
            lambda: [partial(self._find_parts, read)] if read else [],
            self._read_tasks,
        )
        """Each gives its tasks once those of the one before are done."""

    def vanished(self) -> list[Row]:
        """Rows that the API no longer lists, marked so; none where not all could be read."""
        gone = {key for key, known in self._known.items() if not known.is_deleted} - self._seen
        if not gone or not self._is_complete:
            return []
        rows = [
            {**row, "is_deleted": True, "loaded_at": self._context.now}
            for row in self._context.stored(self._table, None)
            if tuple(str(row.get(name)) for name in self._key) in gone
        ]
        self._context.count(self._table, len(rows))
        return rows

    @property
    def are_any(self) -> bool:
        """Whether the API listed any."""
        return bool(self._seen) or not self._is_complete

    @property
    def were_any(self) -> bool:
        """Whether the warehouse holds rows that are not marked as deleted."""
        return any(not known.is_deleted for known in self._known.values())

    def _find_parts(self, read: Callable[[], Parts]) -> None:
        self._guarded(lambda: self._parts.extend(read()))

    def _read_tasks(self) -> list[Task]:
        return [partial(self._guarded, partial(self._read, part)) for part in self._parts]

    def _read(self, part: Callable[[], list[Record]]) -> None:
        for record in part():
            self._compare({name: record[name] for name in self._table.columns if name in record})

    def _compare(self, record: Record) -> None:
        key = tuple(str(record.get(name)) for name in self._key)
        content = row_hash(record)
        known = self._known.get(key)
        with self._context.lock:
            if key in self._seen:
                return
            self._seen.add(key)
        if (
            known is None
            or known.is_deleted
            or known.row_hash != content
            or self._context.settings.full_refresh
        ):
            row = self._context.row(self._table, record, is_deleted=False, row_hash=content)
            self._context.keep(self._table, self.rows, row)

    def _guarded(self, call: Callable[[], None]) -> None:
        try:
            call()
        except ApiError as error:
            self._is_complete = False
            self._context.guard.set_aside(error, f"Part of {self._table.name}")
        else:
            self._context.guard.answered()
