"""How dlt reads and writes files: in folders with odd names, and as Arrow tables."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pyarrow as pa
from dlt.common.storages.load_storage import LoadItemStorage
from dlt.destinations.impl.duckdb import duck
from dlt.destinations.impl.duckdb.sql_client import DuckDBDBApiCursorImpl
from dlt.extract.storage import ExtractorItemStorage

__all__ = ["read_arrow_tables", "take_any_folder"]

FILE_ID = "%s"
"""What dlt puts into the template of a file's path."""
PATTERN = re.compile(r"[*?\[]")
"""What DuckDB takes for a pattern of paths."""


class _CopyJob(duck.DuckDbCopyJob):
    """A load of a file into DuckDB whose path is quoted."""

    def run(self) -> None:
        path = self._file_path
        self._file_path = PATTERN.sub(r"[\g<0>]", path).replace("'", "''")
        try:
            super().run()
        finally:
            self._file_path = path


def take_any_folder() -> None:
    """Lets dlt work in a folder whose name has quotes, percent signs or brackets."""
    if duck.DuckDbCopyJob is _CopyJob:
        return
    duck.DuckDbCopyJob = _CopyJob  # type: ignore[misc]
    for storage in (ExtractorItemStorage, LoadItemStorage):
        make = storage._get_data_item_path_template
        storage._get_data_item_path_template = _escaping(make)  # type: ignore[method-assign]


def _escaping(make: Callable[..., str]) -> Callable[..., str]:
    def template(*arguments: Any) -> str:
        folder, file_id, rest = make(*arguments).rpartition(FILE_ID)
        return f"{folder.replace('%', '%%')}{file_id}{rest}"

    return template


SINCE_1_5 = "to_arrow_table"
"""What DuckDB 1.5 calls what dlt calls by its older name; 1.5 warns of that, 2.0 lacks it."""
FOR_DLT = "Arrow output on a DB-API result"
"""A warning about how dlt reads; nobody else can do anything about it."""


def read_arrow_tables() -> None:
    """Lets dlt read Arrow tables from DuckDB, in all pipelines of this process.

    Does nothing where dlt and DuckDB fit together by themselves.
    """
    if hasattr(duckdb.DuckDBPyConnection, SINCE_1_5):
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
