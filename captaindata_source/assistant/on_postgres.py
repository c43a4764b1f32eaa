"""The views on Postgres, as a role sees them that may read nothing else.

Each query has a session of its own, which is closed after it: no setting and no lock survives. The
query is prepared by itself first: that takes one statement alone. Then it is run within a select,
which takes no other kind of statement, in a transaction that is read-only and rolled back.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import anyio
import pyarrow as pa
from anyio import to_thread
from anyio.abc import TaskGroup
from mcp.server.mcpserver.exceptions import ToolError

from captaindata_source.assistant.answers import Answer, Ask, Kind
from captaindata_source.assistant.duckdb_process import unpacked, wrapped
from captaindata_source.assistant.failures import ONE_SELECT, postgres_failed, too_slow
from captaindata_source.sqltext import quoted

__all__ = ["PostgresReader", "bound_address", "session"]

BATCH = 20
BATCH_BYTES = 262_144
CONCURRENT = 4
LOCK_SECONDS = 2
GRACE_SECONDS = 1.0
"""The server ends a query first; then the client asks it to, then it no longer waits."""
BATCH_OPTION = "adbc.postgresql.batch_size_hint_bytes"


@contextmanager
def session(address: str) -> Iterator[Any]:
    """A connection that is in autocommit, with a cursor; closed at the end, whatever fails."""
    import adbc_driver_postgresql.dbapi as adbc  # noqa: PLC0415 - an extra

    connection = adbc.connect(address, autocommit=True)
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        with suppress(Exception):  # the query is still at its work
            connection.close()


class PostgresReader:
    """The views of a dataset.

    Args:
        address: libpq's connection string of the role.
        schema: The schema of the views.
    """

    kind = "postgres"

    def __init__(self, address: str, schema: str) -> None:
        self._address = address
        self.schema = schema
        self._limiter: anyio.CapacityLimiter | None = None
        self._running: set[Any] = set()

    async def ask(self, ask: Ask) -> Answer:
        """Runs a query."""
        self._limiter = self._limiter or anyio.CapacityLimiter(CONCURRENT)
        held: list[Any] = []
        try:
            with anyio.fail_after(ask.seconds * 2 + 3 * GRACE_SECONDS):
                return await to_thread.run_sync(
                    partial(self._run, ask, held), abandon_on_cancel=True, limiter=self._limiter
                )
        except TimeoutError:
            raise too_slow(ask.seconds) from None
        finally:
            for cursor in held:
                self._cancel(cursor)

    def start(self, tasks: TaskGroup) -> None:
        """Does nothing: the views are read as they are."""

    def as_of(self) -> str:
        """Now."""
        return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"

    def close(self) -> None:
        """Ends what still runs."""
        for cursor in list(self._running):
            self._cancel(cursor)

    def _cancel(self, cursor: Any) -> None:
        if cursor in self._running:
            with suppress(Exception):  # it has just ended
                cursor.adbc_cancel()

    def _run(self, ask: Ask, held: list[Any]) -> Answer:
        try:
            with session(self._address) as cursor:
                self._running.add(cursor)
                held.append(cursor)
                timer = threading.Timer(ask.seconds + GRACE_SECONDS, self._cancel, [cursor])
                timer.daemon = True
                timer.start()
                try:
                    return self._answer(cursor, ask)
                finally:
                    timer.cancel()
                    self._running.discard(cursor)
        except ToolError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the driver raises
            raise postgres_failed(error, seconds=ask.seconds) from None

    def _answer(self, cursor: Any, ask: Ask) -> Answer:
        for statement in (
            "begin transaction read only",
            f"set local statement_timeout = '{ask.seconds}s'",
            f"set local lock_timeout = '{LOCK_SECONDS}s'",
            "set local timezone = 'UTC'",
            "set local datestyle = 'ISO'",
            f"set local search_path = {quoted(self.schema)}",
        ):
            cursor.execute(statement)
        columns = cursor.adbc_execute_schema(ask.sql)
        if not columns.names:
            raise ToolError(ONE_SELECT)
        cursor.adbc_statement.set_options(**{BATCH_OPTION: str(BATCH_BYTES)})
        sql = wrapped(ask.sql, columns=len(columns.names), rows=ask.rows, cell=ask.cell)
        cursor.execute(sql, list(ask.values) or None)
        rows: list[Any] = []
        size = 0
        while len(rows) <= ask.rows and size <= ask.size:
            batch = cursor.fetchmany(BATCH)
            if not batch:
                break
            rows += map(unpacked, batch)
            size += sum(len(cell) for row in batch for cell in row if cell is not None)
        return Answer(
            names=columns.names,
            kinds=[_kind(column.type) for column in columns],
            rows=rows,
            as_of=self.as_of(),
        )


def _kind(column: pa.DataType) -> Kind:
    if pa.types.is_boolean(column):
        return "boolean"
    is_number = pa.types.is_integer(column) or pa.types.is_floating(column)
    return "number" if is_number or "type_name=numeric" in str(column) else "text"


def bound_address(address: str) -> str:
    """The address with a time limit for connecting and a name by which administrators know it."""
    from psycopg2.extensions import make_dsn, parse_dsn  # noqa: PLC0415 - an extra

    given = parse_dsn(address)
    usual = {"connect_timeout": "10", "application_name": "captaindata mcp"}
    return str(make_dsn(**{**usual, **given}))
