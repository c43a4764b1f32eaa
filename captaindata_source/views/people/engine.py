"""Where people are worked out: in DuckDB, whichever database the results are in.

The same SQL runs for both, so that both have the same rows. Rows of Postgres stream into an engine
in memory, and what was found goes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import duckdb
import pyarrow as pa

from captaindata_source.duckdb_arrow import arrow_batches
from captaindata_source.warehouse.database import Database, PostgresDatabase

__all__ = ["Engine", "opened_engine"]

SETTINGS: dict[str, str | bool | int | float | list[str]] = {"temp_directory": ""}
"""Of the engine in memory: nothing is put on disk."""
BATCH_ROWS = 100_000
BATCH_BYTES = 64 * 1024 * 1024
"""To plan a query on a batch takes as long as to read some thousand rows."""


class Engine(Protocol):
    """A session of DuckDB. Its temporary tables are handed over by name.

    Attributes:
        batch_rows: Results that are best read in one transaction.
    """

    batch_rows: int

    def run(self, sql: str) -> None:
        """Runs statements."""

    def arrow(self, sql: str) -> pa.Table:
        """The rows of a query."""

    def put(self, name: str, columns: str, rows: pa.Table) -> None:
        """Makes a temporary table of rows."""

    def stream(self, sql: str, tables: Sequence[str]) -> Iterator[str]:
        """Rows of the destination in parts, each as a relation that a query can name.

        Args:
            sql: A query on the destination, which is not within a transaction.
            tables: Temporary tables that it names.
        """

    def write(self, target: str, columns: Sequence[str], source: str) -> None:
        """Adds the rows of a relation to a table of the destination."""

    def hand_over(self, name: str, columns: str) -> None:
        """Lets the destination see a temporary table, within a transaction."""

    def take_back(self, name: str) -> None:
        """Ends that."""


@contextmanager
def opened_engine(database: Database) -> Iterator[Engine]:
    """An engine for the results of a database.

    Args:
        database: Outside of a transaction.
    """
    if isinstance(database, PostgresDatabase):
        with duckdb.connect(config=SETTINGS) as connection:
            yield _Beside(database, connection)
    else:
        yield _InPlace(database)


class _InPlace:
    """The session of the DuckDB file itself, which puts on disk what memory can't hold."""

    batch_rows = 1_000_000

    def __init__(self, database: Database) -> None:
        self._database = database

    def run(self, sql: str) -> None:
        self._database.run(sql)

    def arrow(self, sql: str) -> pa.Table:
        with self._database.reader(sql, BATCH_ROWS) as found:
            return found.read_all()

    def put(self, name: str, columns: str, rows: pa.Table) -> None:
        self._database.run(f"create or replace temp table {name} ({columns})")
        self._database.fill(name, rows)

    def stream(self, sql: str, tables: Sequence[str]) -> Iterator[str]:  # noqa: ARG002 - they are here
        yield f"({sql})"

    def write(self, target: str, columns: Sequence[str], source: str) -> None:
        names = ", ".join(columns)
        self._database.run(f"insert into {target} ({names}) select {names} from {source} as found")

    def hand_over(self, name: str, columns: str) -> None:
        """It is there."""

    def take_back(self, name: str) -> None:
        """It stays."""


class _Beside:
    """An engine in memory, beside a Postgres."""

    batch_rows = 400_000

    def __init__(self, database: PostgresDatabase, connection: duckdb.DuckDBPyConnection) -> None:
        self._database = database
        self._connection = connection
        connection.execute("set timezone = 'UTC'")

    def run(self, sql: str) -> None:
        self._connection.execute(sql)

    def arrow(self, sql: str) -> pa.Table:
        return self._connection.sql(sql).to_arrow_table()

    def put(self, name: str, columns: str, rows: pa.Table) -> None:
        self.run(f"create or replace temp table {name} ({columns})")
        self._connection.register("rows_at_hand", rows)
        self.run(f"insert into {name} select * from rows_at_hand")
        self._connection.unregister("rows_at_hand")

    def stream(self, sql: str, tables: Sequence[str]) -> Iterator[str]:
        there = {name: self.arrow(f"select * from {name}") for name in tables}
        with self._database.reader(sql, tables=there) as batches:
            for rows in _gathered(batches):
                self._connection.register("rows_of_postgres", rows)
                yield "rows_of_postgres"
                self._connection.unregister("rows_of_postgres")

    def write(self, target: str, columns: Sequence[str], source: str) -> None:
        names = ", ".join(columns)
        query = f"select {names} from {source} as found"
        for batch in arrow_batches(self._connection.sql(query), BATCH_ROWS):
            self._database.fill(f"{target} ({names})", pa.Table.from_batches([batch]))

    def hand_over(self, name: str, columns: str) -> None:
        self._database.run(f"create temporary table {name} ({columns})")
        self._database.fill(name, self.arrow(f"select * from {name}"))
        self._database.run(f"analyze {name}")

    def take_back(self, name: str) -> None:
        self._database.run(f"drop table {name}")


def _gathered(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The same rows in tables of some size."""
    waiting: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        waiting.append(batch)
        size += batch.nbytes
        if size >= BATCH_BYTES:
            yield pa.Table.from_batches(waiting)
            waiting, size = [], 0
    if waiting:
        yield pa.Table.from_batches(waiting)
