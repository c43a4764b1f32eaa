"""What a table of the warehouse is: its columns, types and key, and how rows are written to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:  # the command line reads the names without dlt
    from dlt.common.schema.typing import TColumnSchema, TWriteDispositionConfig

__all__ = ["DELETE_MARK", "TABLE_FORMATS", "ColumnType", "Row", "Table"]

Row = dict[str, Any]
"""A row of a table: column to value."""
ColumnType = Literal["text", "bigint", "double", "bool", "timestamp", "json"]
TABLE_FORMATS = ("delta", "iceberg")
"""Formats of tables in a folder or bucket."""

MERGE: TWriteDispositionConfig = {"disposition": "merge", "strategy": "delete-insert"}
DELETE_MARK = "_deleted"
"""True in a row that deletes other rows. Files without a table format keep such rows; elsewhere the
column is always null."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the warehouse.

    Args:
        name: Its name, also that of the resource.
        columns: Column to dlt data type.
        key: Columns that identify a row, or a group of rows with `replaces_by_key`.
        replaces_by_key: A new row replaces all rows with its key.
        has_delete_mark: A row with `DELETE_MARK` deletes the rows with its key.
        not_null: Columns that are never null, in addition to the key.
        is_latest_kept: If a load package has several rows with one key, the one with the latest
            `loaded_at` is kept.
        file_format: Format of the load files; None for the destination's default.
    """

    name: str
    columns: Mapping[str, ColumnType]
    key: tuple[str, ...] = ("workspace_uid", "uid")
    replaces_by_key: bool = False
    has_delete_mark: bool = False
    not_null: frozenset[str] = field(default=frozenset())
    is_latest_kept: bool = False
    file_format: str | None = "parquet"

    def hints(self, table_format: str | None = None) -> dict[str, Any]:
        """The table as arguments of `dlt.resource` and `dlt.mark.make_hints`.

        Args:
            table_format: One of `TABLE_FORMATS`: dlt appends, and `dlt_internals.open_tables` makes
                of that what the key says; None: what the destination has.
        """
        hints: dict[str, Any] = {
            "table_name": self.name,
            "write_disposition": MERGE,
            "merge_key" if self.replaces_by_key else "primary_key": self.key,
            "columns": self.dlt_columns(),
            "file_format": self.file_format,
        }
        if table_format is not None:
            hints |= {
                "write_disposition": "append",
                "file_format": "parquet",
                "table_format": table_format,
            }
            for column in hints["columns"].values():  # dlt warns of what it does not heed
                column.pop("dedup_sort", None)
                column.pop("hard_delete", None)
        return hints

    def dlt_columns(self) -> dict[str, TColumnSchema]:
        columns: dict[str, TColumnSchema] = {
            name: {"name": name, "data_type": kind, "nullable": name not in self.required}
            for name, kind in self.columns.items()
        }
        if self.is_latest_kept:
            columns["loaded_at"]["dedup_sort"] = "desc"
        if self.has_delete_mark:
            columns[DELETE_MARK] = {
                "name": DELETE_MARK,
                "data_type": "bool",
                "nullable": True,
                "hard_delete": True,
            }
        return columns

    @property
    def required(self) -> frozenset[str]:
        return self.not_null | frozenset(self.key)
