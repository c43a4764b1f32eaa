"""What exports with `--new` have written: files, and the keys of their rows.

Both are tables of the dataset. A row is recorded in the transaction that marks its file as
complete, once the file is in its place. A process that dies before leaves a row of `exports` that
is not finished: the next export writes the same file again, with the same number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dlt
import pyarrow as pa

from captaindata_source.errors import BusyError, DestinationError
from captaindata_source.sqltext import literal, quoted
from captaindata_source.warehouse.database import (
    POSTGRES,
    Database,
    RefusedError,
    SessionLock,
)

__all__ = ["DEFAULT_NAME", "EXPORTED_ROWS", "EXPORTS", "Bookmark", "File", "alone"]

EXPORTS, EXPORTED_ROWS = "exports", "exported_rows"
DEFAULT_NAME = "default"
DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that is about to take its place.

    Args:
        target: What is exported: a view, or all results of a workspace.
        number: Number of the export, from 1.
        path: The file.
    """

    target: str
    number: int
    path: Path


@contextmanager
def alone(pipeline: dlt.Pipeline, name: str) -> Iterator[None]:
    """Keeps other exports of a name away; a DuckDB file has one process at a time anyway.

    Raises:
        BusyError: There is one.
    """
    if pipeline.destination.destination_type != POSTGRES:
        yield
        return
    client = pipeline.sql_client()
    lock = SessionLock(client.credentials.to_native_representation())
    names = (f"captaindata export {client.dataset_name}", name)
    try:
        if (holder := lock.take(*names)) is not None:
            raise BusyError(f"Another export --new --name {name} is running ({holder})")
        yield
    finally:
        lock.release()


class Bookmark:
    """The exports of one name.

    Args:
        database: Outside of a transaction.
        dataset: Holds the tables.
        name: What tells consumers apart.

    Raises:
        DestinationError: The tables can't be made.
    """

    def __init__(self, database: Database, dataset: str, name: str) -> None:
        self._database = database
        self._name = name
        self._files = f"{quoted(dataset)}.{EXPORTS}"
        self._rows = f"{quoted(dataset)}.{EXPORTED_ROWS}"
        self._dataset = dataset
        self._make()

    def exported(self, view: str) -> str:
        """A select of the keys and hashes of the rows of a view that were exported."""
        return f"select row_key, row_hash from {self._rows} where export_uid = '{self._uid(view)}'"

    def begin(self, target: str, path: Path, *, is_numbered: bool) -> File:
        """Names a file that nobody has got yet.

        Args:
            target: A view, or what a workbook holds.
            path: The file as it was asked for.
            is_numbered: Whether its name has a number anyway; else only where the file is there.

        Raises:
            DestinationError: The tables can't be written.
        """
        begun = self._database.query(
            f"select number, file, finished_at is not null from {self._files} "
            "where export_name = %s and target = %s order by number desc limit 1",
            (self._name, target),
        )
        last, last_path, is_finished = begun[0] if begun else (0, "", True)
        number = int(last) + 1 if is_finished else int(last)
        numbered = _numbered(path, number)
        own = "" if is_finished else last_path
        while numbered.exists() and str(numbered.absolute()) != own:  # of another name or dataset
            number += 1
            numbered = _numbered(path, number)
        same = [each for each in (path, numbered) if str(each.absolute()) == last_path]
        if is_finished or not same:
            same = [numbered if is_numbered or path.exists() else path]
        file = File(target=target, number=number, path=same[0])
        with self._writing():
            self._forget(target)
            self._database.run(
                f"insert into {self._files} (export_name, target, number, file, begun_at) values "
                f"({literal(self._name)}, {literal(target)}, {number}, "
                f"{literal(str(file.path.absolute()))}, "
                f"timestamptz '{datetime.now(UTC).isoformat()}')"
            )
        return file

    def finish(self, file: File, rows: int, keys: Mapping[str, Iterable[pa.Table]]) -> None:
        """Records the rows of a file that is in its place.

        Args:
            file: The file.
            rows: How many it has.
            keys: By view: the keys and hashes of its rows.

        Raises:
            DestinationError: The tables can't be written.
        """
        with self._writing():
            for view, tables in keys.items():
                uid = self._uid(view)
                for table in tables:
                    count = table.num_rows
                    columns = [pa.repeat(uid, count), *table.columns, pa.repeat(file.number, count)]
                    names = ["export_uid", "row_key", "row_hash", "number"]
                    self._database.fill(self._rows, pa.table(columns, names=names))
                # rows that changed
                self._database.run(
                    f"delete from {self._rows} where export_uid = '{uid}' "
                    f"and number < {file.number} and row_hash is not null and row_key in (select "
                    f"row_key from {self._rows} where export_uid = '{uid}' "
                    f"and number = {file.number})"
                )
            self._database.run(
                f"update {self._files} set row_count = {rows}, "
                f"finished_at = timestamptz '{datetime.now(UTC).isoformat()}' "
                f"where export_name = {literal(self._name)} and target = {literal(file.target)} "
                f"and number = {file.number}"
            )

    def _forget(self, target: str) -> None:
        """Removes the row of an export that was not finished."""
        self._database.run(
            f"delete from {self._files} where export_name = {literal(self._name)} "
            f"and target = {literal(target)} and finished_at is null"
        )

    def _uid(self, view: str) -> str:
        text = f"{view}\n{self._name}".encode("utf-8", "surrogatepass")
        return hashlib.md5(text, usedforsecurity=False).hexdigest()

    def _make(self) -> None:
        there = self._database.relations(self._dataset)
        if EXPORTS in there and EXPORTED_ROWS in there:
            return
        with self._writing():
            self._database.run(
                f"create table if not exists {self._files} (export_name text not null, "
                "target text not null, number bigint not null, file text not null, "
                "row_count bigint, begun_at timestamp with time zone not null, "
                "finished_at timestamp with time zone)"
            )
            self._database.run(
                f"create table if not exists {self._rows} (export_uid uuid not null, "
                "row_key uuid not null, row_hash uuid, number bigint not null)"
            )
            if self._database.kind == "postgres":
                self._database.run(
                    "create index if not exists exported_rows_key "
                    f"on {self._rows} (export_uid, row_key)"
                )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with self._database.transaction():
                yield
        except RefusedError as error:
            raise DestinationError(
                f"--new keeps its bookmark in the tables {EXPORTS} and {EXPORTED_ROWS} of dataset "
                f"{self._dataset}, and can't write there: {error}. Use a role that may make and "
                "write tables there, or export without --new"
            ) from error


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}-{number:0{DIGITS}}{path.suffix}")
