"""The raw tables without a sync: created as dlt creates them, filled with literal rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from captaindata_source.tables import (
    CHANGE_TABLES,
    CHECKPOINTS,
    LEDGER,
    LOADS,
    QUOTA_READINGS,
    SELECTABLE,
    SYNC_RUNS,
    WEBHOOK_EVENTS,
    ColumnType,
    Table,
    views_schema,
)
from captaindata_source.views.shipped import ViewDefinition, load_views
from tests.support.databases import Database, DuckDb, Row, open_file

RAW_TABLES = (
    *(*SELECTABLE, QUOTA_READINGS, CHECKPOINTS, SYNC_RUNS, LEDGER, WEBHOOK_EVENTS),
    *CHANGE_TABLES.values(),
)
COMMITTED = ("1767225600.1", "1767312000.2")
"""Ids of loads that were committed."""
TYPES: Mapping[str, Mapping[ColumnType, str]] = {
    "duckdb": {
        "text": "VARCHAR",
        "bigint": "BIGINT",
        "double": "DOUBLE",
        "bool": "BOOLEAN",
        "timestamp": "TIMESTAMP WITH TIME ZONE",
        "json": "JSON",
    },
    "postgres": {
        "text": "character varying",
        "bigint": "bigint",
        "double": "double precision",
        "bool": "boolean",
        "timestamp": "timestamp with time zone",
        "json": "json",
    },
}
"""Type of a dlt data type, as the information schema names it."""


def create_raw_tables(database: Database, *, json_type: str | None = None) -> None:
    """Creates all raw tables, empty, in a new dataset.

    Args:
        database: A fresh one.
        json_type: In place of the database's type of JSON columns.
    """
    if isinstance(database, DuckDb):
        with open_file(database.path) as connection:
            connection.execute(f"create schema {database.dataset}")
    else:
        database.execute(f"create schema {database.dataset}")
    types = {**TYPES[database.name]}
    types["json"] = json_type or types["json"]
    database.execute(";".join(_create(table, types) for table in RAW_TABLES))
    database.execute(
        f"create table {LOADS} (load_id {types['text']}, status {types['bigint']}, "
        f"inserted_at {types['timestamp']});"
        + f"insert into {LOADS} (load_id, status) values "
        + ", ".join(f"('{load_id}', 0)" for load_id in COMMITTED)
    )


def renew(database: Database, *tables: Table) -> None:
    """Makes tables anew, empty, whether a sync made them or not; views on them may be gone."""
    types = TYPES[database.name]
    database.execute(
        ";".join(
            f"drop table if exists {table.name} cascade; {_create(table, types)}"
            for table in tables
        )
    )


def insert(database: Database, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Inserts rows; columns that a row leaves out are null, nested values become JSON."""
    names = list(dict.fromkeys([*table.columns, "_dlt_load_id"]))
    values = [[_plain(row.get(name)) for name in names] for row in rows]
    if not values:
        return
    marks = ", ".join(["%s"] * len(names))
    database.execute(
        f"insert into {table.name} ({', '.join(map(_quoted, names))}) "
        f"values {', '.join([f'({marks})'] * len(values))}",
        [value for each in values for value in each],
    )


def raw_views() -> dict[str, ViewDefinition]:
    """The views that read no other tables than these."""
    names = {LOADS, *(table.name for table in RAW_TABLES)}
    return {view.name: view for view in load_views() if view.tables <= names}


def create_views(database: Database) -> None:
    """Creates these views as their files have them, or makes them anew."""
    dataset = database.dataset
    schema = views_schema(dataset)
    statements = [f"create schema if not exists {schema}"]
    for view in raw_views().values():
        query = view.query_on(dataset, dialect=database.dialect)
        statements.append(f"create or replace view {schema}.{view.name} as {query}")
    database.execute(";".join(statements))


def view_rows(
    database: Database, view: str, *, columns: str = "*", where: str = "true", zone: str = "UTC"
) -> list[Row]:
    """Rows of a view, read in a session of a time zone; floats have nine places."""
    found = database.execute(
        f"set timezone = '{zone}'; "
        f"select {columns} from {views_schema(database.dataset)}.{view} where {where}"
    )
    return [{name: _rounded(value) for name, value in row.items()} for row in found]


def _create(table: Table, types: Mapping[ColumnType, str]) -> str:
    columns = [f"{_quoted(name)} {types[kind]}" for name, kind in table.columns.items()]
    if "_dlt_load_id" not in table.columns:
        columns.append(f"_dlt_load_id {types['text']}")
    if table.has_delete_mark:
        columns.append(f"_deleted {types['bool']}")
    return f"create table {table.name} ({', '.join(columns)})"


def _quoted(name: str) -> str:
    return f'"{name}"'


def _plain(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (dict, list)) else value


def _rounded(value: Any) -> Any:
    return round(value, 9) if isinstance(value, float) else value
