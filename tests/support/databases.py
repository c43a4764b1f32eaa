"""The two databases that every expectation is held against."""

from __future__ import annotations

import functools
import json
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import dlt
import duckdb
import psycopg2

from captaindata_source.sqltext import OLD_DUCKDB

Row = dict[str, Any]


class Database(Protocol):
    """A fresh, empty database of one kind."""

    name: str
    dialect: str
    dataset: str

    def environment(self) -> dict[str, str]:
        """dlt's configuration for it."""

    def destination(self) -> Any:
        """dlt's destination, for a pipeline of one's own."""

    def hold(self) -> None:
        """Stays connected until `release`, which is faster."""

    def release(self) -> None:
        """Ends what `hold` began, if it did."""

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Runs SQL in the dataset; times are UTC, JSON is parsed."""


class DuckDb:
    """A DuckDB file."""

    name = "duckdb"
    dialect = OLD_DUCKDB if duckdb.__version__ < "2" else "duckdb"
    dataset = "captaindata"

    def __init__(self, folder: Path) -> None:
        self.path = folder / "warehouse.duckdb"

    def hold(self) -> None:
        """Keeps the file open in this process until `release`: for tests without another one."""
        if self.path not in _held:
            _running_duckdb().execute(f"attach '{self.path}' as {_alias(self.path)}")
            _held.add(self.path)

    def release(self) -> None:
        """Closes the file if it is held."""
        if self.path in _held:
            _held.remove(self.path)
            _running_duckdb().execute(f"detach {_alias(self.path)}")

    def environment(self) -> dict[str, str]:
        return {"DESTINATION__DUCKDB__CREDENTIALS": str(self.path)}

    def destination(self) -> Any:
        return dlt.destinations.duckdb(str(self.path))

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        with open_file(self.path) as connection:
            connection.execute(f"use {self.dataset}; set timezone = 'UTC'")
            cursor = connection.execute(sql.replace("%s", "?"), list(parameters))
            if not cursor.description:
                return []
            names = [column[0] for column in cursor.description]
            is_json = [str(column[1]) == "JSON" for column in cursor.description]
            return [
                {
                    name: _value(value, is_json=json_column)
                    for name, value, json_column in zip(names, values, is_json, strict=True)
                }
                for values in cursor.fetchall()
            ]


class Postgres:
    """A schema in a real PostgreSQL server."""

    name = dialect = "postgres"

    def __init__(self, socket_folder: Path) -> None:
        self.socket_folder = socket_folder
        self.dataset = f"captaindata_{uuid.uuid4().hex[:8]}"
        self._held: psycopg2.extensions.connection | None = None

    def hold(self) -> None:
        """Keeps one connection until `release`; each `execute` starts with its first settings."""
        self._held = self._held or self._connect()

    def release(self) -> None:
        """Closes the connection if one is held."""
        if self._held is not None:
            self._held.close()
            self._held = None

    def another(self) -> Postgres:
        """Another schema in the same server."""
        return Postgres(self.socket_folder)

    @property
    def uri(self) -> str:
        return f"postgresql://postgres:x@localhost/postgres?host={self.socket_folder}"

    def environment(self) -> dict[str, str]:
        return {"DESTINATION__POSTGRES__CREDENTIALS": self.uri}

    def destination(self) -> Any:
        return dlt.destinations.postgres(self.uri)

    def drop(self) -> None:
        """Removes the dataset and the staging datasets beside it: ADBC reads the whole catalogue
        of the server each time it connects, which is once for each file that is loaded."""
        like = f"{self.dataset.replace('_', chr(92) + '_')}%"
        for row in self.execute("select nspname from pg_namespace where nspname like %s", [like]):
            self.execute(f'drop schema "{row["nspname"]}" cascade')

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        connection = self._held or self._connect()
        try:
            with connection, connection.cursor() as cursor:
                if connection is self._held:
                    cursor.execute("reset all")
                cursor.execute(sql, tuple(parameters))
                if not cursor.description:
                    return []
                names = [column[0] for column in cursor.description]
                return [
                    {
                        name: _value(value, is_json=False)
                        for name, value in zip(names, values, strict=True)
                    }
                    for values in cursor.fetchall()
                ]
        finally:
            if connection is not self._held:
                connection.close()

    def _connect(self) -> psycopg2.extensions.connection:
        return psycopg2.connect(self.uri, options=f"-c search_path={self.dataset} -c timezone=UTC")


@contextmanager
def open_file(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a DuckDB file, which is closed afterwards.

    It takes 17 ms to start DuckDB, 6 ms to open a file in one that runs and as much to close it.
    """
    name = _alias(path)
    with _one_at_a_time, _running_duckdb().cursor() as connection:
        if path in _held:
            connection.execute(f"use {name}")
            yield connection
            return
        try:
            connection.execute(f"attach '{path}' as {name}")
        except duckdb.Error as error:
            if "Unique file handle conflict" not in str(
                error
            ):  # this process has it open in a DuckDB of its own
                raise
            with duckdb.connect(str(path)) as other:
                yield other
            return
        try:
            connection.execute(f"use {name}")
            yield connection
        finally:
            connection.execute(f"use memory; detach {name}")


def _alias(path: Path) -> str:
    return f'"{path.stem}"'


_one_at_a_time = threading.RLock()
_held: set[Path] = set()
_running_duckdb = functools.cache(functools.partial(duckdb.connect, config={"threads": 1}))
"""Of one thread: with so few rows more of them only take time."""


def _value(value: Any, *, is_json: bool) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return json.loads(value) if is_json and value is not None else value
