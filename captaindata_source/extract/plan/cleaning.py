"""Rows that were loaded with secrets, written again without them."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from captaindata_source.api.credentials import strip_record
from captaindata_source.extract.plan.context import Context
from captaindata_source.tables import Row, Table

__all__ = ["CleaningPlan"]

logger = logging.getLogger(__name__)

ROWS_PER_BATCH = 500


class CleaningPlan:
    """Cleans what an earlier sync loaded, without a call; nothing else of a row changes.

    Args:
        context: The sync.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    def rows(self, table: Table) -> Iterator[list[Row]]:
        """Rows of a table, in batches, but for those that the sync writes again anyway.

        Args:
            table: One whose other rows of the load package are all found.
        """
        unclean = self._context.memory.unclean.get(table.name)
        cleaned = 0
        while unclean:
            batch = [unclean.pop() for _ in range(min(len(unclean), ROWS_PER_BATCH))]
            rows = list(self._cleaned(table, batch))
            self._context.count(table, len(rows))
            cleaned += len(rows)
            yield rows
        if cleaned:
            logger.warning(
                "Workspace %s: session cookies, tokens or passwords are removed from %d rows of %s "
                "that were loaded before",
                self._context.settings.name,
                cleaned,
                table.name,
            )

    def _cleaned(self, table: Table, uids: list[str]) -> Iterator[Row]:
        for row in self._context.read_rows(table, uids):
            stripped = strip_record(row)
            if stripped != row:
                yield {**stripped, "loaded_at": self._context.now}
