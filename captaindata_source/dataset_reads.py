"""`pipeline.dataset()[…].arrow()` on DuckDB 2: dlt 1.31 calls a method that DuckDB took away."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa
from dlt.destinations.impl.duckdb.sql_client import DuckDBDBApiCursorImpl

__all__ = ["read_arrow_tables"]

REMOVED = "fetch_arrow_table"
FOR_DLT = "Arrow output on a DB-API result"
"""A warning about how dlt reads; nobody else can do anything about it."""


def read_arrow_tables() -> None:
    """Lets dlt read Arrow tables from DuckDB, in all pipelines of this process.

    Does nothing where dlt and DuckDB fit together by themselves.
    """
    if not hasattr(duckdb.DuckDBPyConnection, REMOVED):
        DuckDBDBApiCursorImpl.iter_arrow = _iter_arrow  # type: ignore[method-assign, assignment]


def _iter_arrow(cursor: DuckDBDBApiCursorImpl, chunk_size: int) -> Iterator[pa.Table]:
    connection: Any = cursor.native_cursor
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=FOR_DLT, category=UserWarning)
        if chunk_size:
            found = connection.to_arrow_reader(chunk_size)
        else:
            found = connection.to_arrow_table()
    if chunk_size:
        yield from (pa.Table.from_batches([batch]) for batch in found)
    else:
        yield found
