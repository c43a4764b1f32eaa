"""Names of the models of `sql/dbt`, and the raw tables that they read."""

from __future__ import annotations

from collections.abc import Mapping

from captaindata_source.people_fields import PEOPLE_TABLES
from captaindata_source.tables import ColumnType
from captaindata_source.views.people.store import TABLES as PEOPLE
from captaindata_source.views.shipped import load_views
from tests.support import dbt_sources

__all__ = ["mart", "staged", "staged_tables"]

KINDS: Mapping[str, ColumnType] = {
    "text": "text",
    "bigint": "bigint",
    "double precision": "double",
    "boolean": "bool",
    "timestamp with time zone": "timestamp",
}
"""What the connector declares its own tables with, as dlt calls it."""
NUMBERS = ("field_id", "column_place", "rows_with_value", "status")
"""Columns of the catalogue, and of dlt's own table, that hold numbers."""


def staged(table: str) -> str:
    """The model of a raw table."""
    return f"stg_captaindata__{table.lstrip('_')}"


def mart(view: str) -> str:
    """The model of a view."""
    return f"captaindata__{view}"


def staged_tables() -> dict[str, dict[str, ColumnType]]:
    """Each raw table that a view reads: column to dlt data type."""
    found: dict[str, dict[str, ColumnType]] = {
        table.name: {**table.columns, "_dlt_load_id": "text"} for table in dbt_sources.raw_tables()
    }
    for name in PEOPLE_TABLES:
        found[name] = {column: KINDS[kind] for column, kind in PEOPLE[name].items()}
    for entry in (dbt_sources.FIELDS, dbt_sources.RESULT_VIEWS, dbt_sources.LOADS):
        found[entry.name] = {column: _kind(column) for column in entry.columns}
    needed = {name for view in load_views() for name in view.tables}
    return {name: found[name] for name in sorted(needed)}


def _kind(column: str) -> ColumnType:
    if column.endswith("_at"):
        return "timestamp"
    return "bigint" if column in NUMBERS else "text"
