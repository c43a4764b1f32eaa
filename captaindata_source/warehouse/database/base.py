"""What the views need of a database, whichever it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from captaindata_source.errors import DestinationError

__all__ = ["Database", "RefusedError", "Relation", "Rows", "nested"]

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view that is there."""

    is_view: bool
    comment: str


class RefusedError(DestinationError):
    """The database did not do it; its transaction is undone.

    Args:
        message: What the database said.
        is_busy: Others hold what was to be changed; later it may work.
    """

    def __init__(self, message: str, *, is_busy: bool = False) -> None:
        super().__init__(message)
        self.is_busy = is_busy


class Database(Protocol):
    """An open connection, outside of a transaction."""

    kind: str
    is_lake: bool
    """Whether it is a DuckLake: without keys, and without comments on columns of views."""

    @property
    def dialect(self) -> str:
        """Its kind, or `OLD_DUCKDB` for a file that DuckDB 1 can read: its views do without what
        DuckDB 2 brought."""

    def query(self, sql: str, parameters: Sequence[object] = ()) -> Rows:
        """Runs one statement; parameters are `%s`."""

    def run(self, sql: str) -> None:
        """Runs statements without parameters."""

    def transaction(self) -> Any:
        """A context: all or nothing. Raises `RefusedError` for what the database refuses."""

    def reader(self, sql: str, rows: int) -> Any:
        """A context: the rows of a query as Arrow batches, as they come; times are UTC."""

    def fill(self, table: str, rows: pa.Table) -> None:
        """Adds rows to a table that has their columns, in their order."""

    def has_schema(self, schema: str) -> bool:
        """Whether a schema is there."""

    def relations(self, schema: str) -> dict[str, Relation]:
        """Tables and views of a schema, with their comments."""

    def columns(self, schema: str, relation: str, /) -> list[tuple[str, str]]:
        """Names and types of a table's or view's columns, in their order."""

    def column_comments(self, schema: str) -> dict[str, dict[str, str]]:
        """Table to column to comment, empty where there is none, of all tables of a schema."""

    def dependents(self, schema: str, relation: str, /) -> list[tuple[str, str]]:
        """Schema and name of what depends on a relation, directly or not."""

    def grants(self, schema: str, relation: str, /) -> list[str]:
        """Statements that grant again what is granted on a relation."""


def nested(rows: Rows) -> dict[str, dict[str, str]]:
    """First value to second to third."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for first, second, third in rows:
        found[first][second] = third
    return dict(found)
