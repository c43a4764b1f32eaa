"""Adds columns that an earlier version of this package did not have, before views read them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

from captaindata_source.sqltext import quoted
from captaindata_source.tables import ALL_TABLES, ColumnType, Table
from captaindata_source.warehouse.database.base import Database, RefusedError

__all__ = ["add_missing_columns"]

logger = logging.getLogger(__name__)

TYPES: Mapping[str, Mapping[ColumnType, str]] = {
    "duckdb": {
        "text": "varchar",
        "bigint": "bigint",
        "double": "double",
        "bool": "boolean",
        "timestamp": "timestamp with time zone",
        "json": "json",
    },
    "postgres": {
        "text": "character varying",
        "bigint": "bigint",
        "double": "double precision",
        "bool": "boolean",
        "timestamp": "timestamp with time zone",
        "json": "jsonb",
    },
}
"""Types of columns as dlt makes them."""


def add_missing_columns(database: Database, dataset: str) -> None:
    """Adds the columns that tables of the dataset lack: dlt adds them with the first row that has
    them, which may never come, and views read them at once.

    A table that can't be changed now stays as it is, and the log names it.

    Args:
        database: Outside of a transaction.
        dataset: Holds the tables.
    """
    there = database.relations(dataset)
    columns = database.column_comments(dataset)
    for table in ALL_TABLES:
        if table.name in there and not there[table.name].is_view:
            known = {name.lower() for name in columns.get(table.name, ())}
            _add_to(database, dataset, table, known)


def _add_to(database: Database, dataset: str, table: Table, known: Collection[str]) -> None:
    missing = [name for name in table.dlt_columns() if name not in known]
    if not missing:
        return
    target = f"{quoted(dataset)}.{quoted(table.name)}"
    types = TYPES[database.kind]
    try:
        with database.transaction():
            for name in missing:
                kind = types[table.columns.get(name, "bool")]
                database.run(f"alter table {target} add column if not exists {quoted(name)} {kind}")
    except RefusedError as error:
        logger.warning(
            "Table %s.%s lacks %s and can't get them now (%s): the next sync tries again",
            dataset,
            table.name,
            ", ".join(missing),
            error,
        )
