"""`pipeline.dataset()[…].arrow()` on DuckDB 2: dlt 1.31 calls a method that DuckDB took away."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import duckdb
from dlt.destinations.impl.duckdb.sql_client import DuckDBDBApiCursorImpl

__all__ = ["read_arrow_tables"]

REMOVED = "fetch_arrow_table"
FOR_DLT = "Arrow output on a DB-API result"
"""A warning about how dlt reads; nobody else can do anything about it."""


def read_arrow_tables() -> None:
    """Lets dlt read whole Arrow tables from DuckDB, in all pipelines of this process.

    Does nothing where dlt and DuckDB fit together by themselves, nor when called again.
    """
    if hasattr(duckdb.DuckDBPyConnection, REMOVED) or REMOVED in vars(DuckDBDBApiCursorImpl):
        return

    def fetch_arrow_table(cursor: Any) -> Any:
        return cursor.native_cursor.to_arrow_table()

    in_parts = DuckDBDBApiCursorImpl.iter_arrow

    def iter_arrow(cursor: Any, chunk_size: int) -> Iterator[Any]:
        if chunk_size:
            yield from in_parts(cursor, chunk_size)
        else:
            yield fetch_arrow_table(cursor)

    setattr(DuckDBDBApiCursorImpl, REMOVED, fetch_arrow_table)
    DuckDBDBApiCursorImpl.iter_arrow = iter_arrow  # type: ignore[method-assign, assignment]
    warnings.filterwarnings("ignore", message=FOR_DLT, category=UserWarning)
