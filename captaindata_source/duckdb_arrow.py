"""Results of DuckDB as Arrow batches, whichever of the versions it is."""

from __future__ import annotations

import duckdb
import pyarrow as pa

__all__ = ["arrow_batches"]

_SINCE_1_5 = "to_arrow_reader"
_BEFORE = "fetch_arrow_reader"
"""What DuckDB 1.4 calls it; 2.0 does not know that name any more."""


def arrow_batches(relation: duckdb.DuckDBPyRelation, rows: int) -> pa.RecordBatchReader:
    """The rows of a query, as they come.

    Args:
        relation: The query.
        rows: The most rows of a batch.
    """
    kind = duckdb.DuckDBPyRelation  # a relation itself takes names for columns
    name = _SINCE_1_5 if hasattr(kind, _SINCE_1_5) else _BEFORE
    return getattr(kind, name)(relation, rows)
