"""Queries of the rows of one workspace in the destination.

Rows count only where their load is recorded in `_dlt_loads`, that is, where it was committed as a
whole.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import dlt
from dlt.common.destination.exceptions import DestinationUndefinedEntity, SqlClientNotAvailable
from dlt.common.runtime import signals
from dlt.common.schema import Schema
from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.impl.duckdb.sql_client import WithTableScanners
from dlt.destinations.sql_client import SqlClientBase

from captaindata_source.errors import DestinationError
from captaindata_source.table import TABLE_FORMATS
from captaindata_source.tables import JOBS, LEDGER, LOADS, SUCCESSFUL_JOBS, Table
from captaindata_source.waiting import wait_seconds
from captaindata_source.warehouse.database import RUN_BY_DUCKDB, WITH_VIEWS, use_utc
from captaindata_source.warehouse.portable import portable
from captaindata_source.warehouse.remedies import as_destination_error, is_passing, message_of

__all__ = ["COMMITTED", "IS_COMMITTED", "OPEN_WAITS", "WorkspaceQueries", "is_committed"]

logger = logging.getLogger(__name__)

LOADED = 0
"""Status in `_dlt_loads` of a load that was committed."""


def is_committed(alias: str) -> str:
    """A condition in SQL: whether the load of a row was committed."""
    return f"coalesce({_is_among_loads(alias)}, false)"


def _is_among_loads(alias: str) -> str:
    return (
        f"{alias}._dlt_load_id in (select committed.load_id from {{{LOADS}}} as committed "
        f"where committed.status = {LOADED})"
    )


IS_COMMITTED = is_committed("t")
COMMITTED = f"case when {_is_among_loads('t')} then 1 else 0 end"
"""The same as a number, for databases that select no conditions."""
SPARED_MEMORY = "96MB"
NO_LOOPS = "enable_nestloop = off"
OPEN_WAITS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before each further try to open the destination while a sync is under way: another
process may load into the same DuckDB file."""


class WorkspaceQueries:
    """Queries of one workspace's rows in the dataset of a pipeline.

    Args:
        pipeline: Gives destination and dataset.
        workspace_uid: The workspace.
    """

    def __init__(self, pipeline: dlt.Pipeline, *, workspace_uid: str) -> None:
        self._pipeline = pipeline
        self._workspace_uid = workspace_uid
        self._client: SqlClientBase[Any] | None = None
        self._lock = threading.Lock()

    @property
    def can_join(self) -> bool:
        """Whether the destination is a database that finds rows by a join."""
        kind = self._pipeline.destination.destination_type
        return self._client is not None and kind in WITH_VIEWS

    @property
    def _is_own_dialect(self) -> bool:
        """Whether our SQL is that of DuckDB or Postgres."""
        kind = self._pipeline.destination.destination_type
        return kind in WITH_VIEWS or isinstance(self._client, WithTableScanners)

    @property
    def workspace_uid(self) -> str:
        """The workspace."""
        return self._workspace_uid

    @property
    def is_embedded(self) -> bool:
        """Whether the database works in this process."""
        return self._pipeline.destination.destination_type in RUN_BY_DUCKDB

    def prepare_joins(self) -> None:
        """Until the connection ends, bounds what DuckDB keeps in memory, and lets Postgres join no
        large tables row by row: it takes the rows that conditions leave for far fewer."""
        if self._client is not None:
            bound = f"memory_limit = '{SPARED_MEMORY}'" if self.is_embedded else NO_LOOPS
            self._client.execute_sql(f"set {bound}")

    @contextmanager
    def again(self) -> Iterator[None]:
        """Opens the destination while a sync is under way, for one thread at a time."""
        with self._lock, self.connection(waits=OPEN_WAITS):
            yield

    def columns_of(self, table: Table) -> Collection[str]:
        """The columns that are there now: a table of an older version lacks some."""
        client = self._client
        if client is None:
            return ()
        name = client.make_qualified_table_name(table.name)
        try:
            with client.execute_query(f"select * from {name} where 1 = 0") as cursor:
                return {name.lower() for name in cursor.columns_schema}
        except (DestinationUndefinedEntity, DatabaseException):
            use_utc(self._pipeline, client)
            return table.columns.keys()  # the query itself says what is wrong

    def query(
        self,
        table: Table,
        selected: Sequence[str],
        condition: str,
        parameters: Sequence[object],
        ending: str = "",
        *,
        of_all: bool = False,
        joins: str = "",
        first: Sequence[object] = (),
    ) -> list[tuple[Any, ...]]:
        """Rows, all at once: a cursor that is left half read keeps a transaction open.

        Args:
            table: The table, `t` in what follows.
            selected: Expressions.
            condition: Of the rows, beside the workspace.
            parameters: Of condition and ending.
            ending: Of the statement.
            of_all: Whether rows of all workspaces count.
            joins: Further tables, each named in braces.
            first: Parameters of the expressions.
        """
        client = self._client
        if client is None:
            return []
        name = client.make_qualified_table_name
        if _keeps_versions(client, table):  # what was there before a broken load still is
            condition = f"{condition} and {IS_COMMITTED}"
        sql = (
            f"select {', '.join(selected)} from {name(table.name)} as t {joins} "
            f"where {'1 = 1' if of_all else 't.workspace_uid = %s'} and {condition} {ending}"
        )
        for named in (LOADS, JOBS.name, LEDGER.name, SUCCESSFUL_JOBS.name):
            sql = sql.replace(f"{{{named}}}", name(named))
        if not self._is_own_dialect:
            sql = portable(sql, client.capabilities.sqlglot_dialect)
        try:
            owner = () if of_all else (self._workspace_uid,)
            with client.execute_query(sql, *first, *owner, *parameters) as cursor:
                return cursor.fetchall()
        except DestinationUndefinedEntity:
            use_utc(self._pipeline, client)
            return []
        except DatabaseException as error:
            raise as_destination_error(error) or DestinationError(
                f"What was loaded before could not be read from {table.name}: {message_of(error)}"
            ) from error

    @contextmanager
    def connection(self, *, waits: Sequence[float] = ()) -> Iterator[None]:
        """Opens the destination; what can't be queried is taken for empty.

        Args:
            waits: Seconds before each further try where it may work a moment later.
        """
        try:
            client = self._pipeline.sql_client()
        except SqlClientNotAvailable:
            logger.warning(
                "%s can't be queried: nothing is known of earlier loads",
                self._pipeline.destination.destination_name,
            )
            yield
            return
        if isinstance(client, WithTableScanners):
            for schema in client.schemas.values():
                _show_all(schema)
        with ExitStack() as stack:
            self._client = _open(stack, client, waits)
            use_utc(self._pipeline, client)
            yield
        self._client = None


def _keeps_versions(client: Any, table: Table) -> bool:
    """Whether a table consists of files to which each load adds."""
    if not isinstance(client, WithTableScanners):
        return False
    known = client.schema.tables.get(table.name, {})
    return known.get("table_format") not in TABLE_FORMATS


def _open(stack: ExitStack, client: Any, waits: Sequence[float]) -> SqlClientBase[Any]:
    for seconds in waits:
        try:
            return stack.enter_context(client)
        except Exception as error:
            if signals.was_signal_received() or not is_passing(error):
                raise
            logger.info("%s. Trying again in %.1f s", message_of(error), seconds)
            wait_seconds(seconds)
    return stack.enter_context(client)


def _show_all(schema: Schema) -> None:
    """dlt reads those tables from files that it knows to hold rows, and forgets it of a table as
    soon as a sync brings it none."""
    for table in schema.data_tables():
        table["x-normalizer"] = {**(table.get("x-normalizer") or {}), "seen-data": True}
