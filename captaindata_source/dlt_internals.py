"""What leans on the inside of dlt: the files of a load package, and the step that loads it.

A load job may have done its work when its process or its connection ended, and dlt was not told.
dlt goes on with such a package where it stopped and runs the job once more, which puts its rows
into staging twice, and from there into the tables. So a package that holds tables of ours and was
begun is always loaded from its beginning: staging is emptied first, and merging the same rows again
changes nothing. Each fact about dlt has a test in `tests/unit/test_dlt_internals.py`.
"""

from __future__ import annotations

import functools
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from dlt.common.runtime import signals
from dlt.common.schema import Schema
from dlt.common.schema.utils import get_write_disposition
from dlt.common.storages.load_package import PackageStorage, ParsedLoadJobFileName
from dlt.common.storages.load_storage import LoadItemStorage
from dlt.destinations.impl.duckdb import duck
from dlt.destinations.impl.duckdb.sql_client import DuckDBDBApiCursorImpl
from dlt.extract.storage import ExtractorItemStorage
from dlt.load import Load
from dlt.load.exceptions import LoadClientJobRetry

from captaindata_source.tables import ALL_TABLES
from captaindata_source.waiting import wait_seconds

__all__ = [
    "load_packages_as_a_whole",
    "read_arrow_tables",
    "restart_package",
    "take_any_folder",
]

logger = logging.getLogger(__name__)

MADE_WHILE_LOADING = ("sql", "reference")
"""Formats of jobs that dlt adds when others are done."""
STATES = (
    PackageStorage.STARTED_JOBS_FOLDER,
    PackageStorage.COMPLETED_JOBS_FOLDER,
    PackageStorage.FAILED_JOBS_FOLDER,
    PackageStorage.NEW_JOBS_FOLDER,
)
WAITS = (1.0, 2.0, 4.0, 8.0)
"""Seconds before each further try of a package whose job failed in a way that may pass."""
MARK = "_captaindata_source"
APPEND = "append"


def load_packages_as_a_whole() -> None:
    """Lets dlt, in this process, load packages of this source as a whole or from the beginning.

    A package without a table of this source is loaded as dlt does by itself. dlt's option
    `load.raise_on_max_retries` says how often one is tried. Installed once; a second call does
    nothing.
    """
    original: Callable[[Load, str, Schema], None] = Load.load_single_package
    if hasattr(original, MARK):
        return

    @functools.wraps(original)
    def load_single_package(self: Load, load_id: str, schema: Schema) -> None:
        if not _is_ours(schema):
            original(self, load_id, schema)
            return
        storage = self.load_storage.normalized_packages
        folder = Path(storage.storage.make_full_path(storage.get_package_path(load_id)))
        configured = self.config
        more = list(WAITS)[: max(0, (configured.raise_on_max_retries or 1) - 1)]
        self.config = configured.copy()
        self.config.raise_on_max_retries = 1  # not the job is tried again, but the package
        try:
            while True:
                restart_package(folder, appended=_appended(schema))
                try:
                    original(self, load_id, schema)
                except LoadClientJobRetry:
                    if not more or signals.was_signal_received():
                        raise
                    seconds = more.pop(0)
                    logger.warning("Loading package %s again in %.0f s", load_id, seconds)
                    wait_seconds(seconds)
                else:
                    return
        finally:
            self.config = configured

    setattr(load_single_package, MARK, True)
    Load.load_single_package = load_single_package  # type: ignore[method-assign]


def restart_package(folder: Path, *, appended: Sequence[str] = ()) -> None:
    """Puts a package that was begun back to its beginning; one that was not stays as it is.

    Args:
        folder: Of the package, among dlt's normalized ones.
        appended: Tables whose jobs stay done where they are: rows that were appended once would be
            there twice.
    """
    if not _is_begun(folder):
        return
    for state in STATES:
        for file in list((folder / state).iterdir()):
            if file.suffix == ".exception":
                file.unlink()
                continue
            job = ParsedLoadJobFileName.parse(file.name)
            if job.file_format in MADE_WHILE_LOADING:
                file.unlink()
            elif not (state == PackageStorage.COMPLETED_JOBS_FOLDER and job.table_name in appended):
                name = job._replace(retry_count=0).file_name()
                file.rename(folder / PackageStorage.NEW_JOBS_FOLDER / name)
    for file in _files_in(folder / PackageStorage.PENDING_TRANSITIONS_FOLDER):
        file.unlink()
    (folder / PackageStorage.PACKAGE_COMPLETED_FILE_NAME).unlink(missing_ok=True)
    if not (update := folder / PackageStorage.SCHEMA_UPDATES_FILE_NAME).exists():
        update.write_text("{}", encoding="utf-8")
    (folder / PackageStorage.APPLIED_SCHEMA_UPDATES_FILE_NAME).unlink(missing_ok=True)


def _is_begun(folder: Path) -> bool:
    """Whether anything of a package may have reached the destination."""
    if (folder / PackageStorage.APPLIED_SCHEMA_UPDATES_FILE_NAME).exists():
        return True
    new = _files_in(folder / PackageStorage.NEW_JOBS_FOLDER)
    return any(_files_in(folder / state) for state in STATES[:-1]) or any(
        file.suffix == ".exception" or ParsedLoadJobFileName.parse(file.name).retry_count
        for file in new
    )


def _files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _is_ours(schema: Schema) -> bool:
    """By its tables: a source may be given another name."""
    names = {table.name for table in ALL_TABLES} & schema.tables.keys()
    return any("workspace_uid" in schema.tables[name].get("columns", {}) for name in names)


def _appended(schema: Schema) -> list[str]:
    tables: Any = schema.tables
    return [name for name in tables if get_write_disposition(tables, name) == APPEND]


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
