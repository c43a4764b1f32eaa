"""Reads the rows of one workspace from the destination.

Rows count only where their load is recorded in `_dlt_loads`, that is, where it was committed as a
whole.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Any, NamedTuple

import dlt
from dlt.common.destination.exceptions import DestinationUndefinedEntity, SqlClientNotAvailable
from dlt.common.runtime import signals
from dlt.common.schema import Schema
from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.impl.duckdb.sql_client import WithTableScanners
from dlt.destinations.sql_client import SqlClientBase

from captaindata_source.errors import DestinationError
from captaindata_source.tables import (
    DELETE_MARK,
    JOB_RESULTS,
    JOBS,
    LEDGER,
    LOADS,
    SUCCESSFUL_JOBS,
    WORKSPACES,
    Row,
    Table,
)
from captaindata_source.times import parse_time
from captaindata_source.waiting import wait_seconds
from captaindata_source.warehouse.database import DUCKDB, POSTGRES, use_utc
from captaindata_source.warehouse.remedies import as_destination_error, is_passing, message_of

__all__ = ["LoadedRows", "StoredResult", "in_batches", "is_committed", "typed"]

logger = logging.getLogger(__name__)

LOADED = 0
"""Status in `_dlt_loads` of a load that was committed."""
DLT_PREFIX = "_dlt_"


def is_committed(alias: str) -> str:
    """A condition in SQL: whether the load of a row was committed."""
    return (
        f"exists (select 1 from {{{LOADS}}} as committed "
        f"where committed.load_id = {alias}._dlt_load_id and committed.status = {LOADED})"
    )


IS_COMMITTED = is_committed("t")
SPARED_MEMORY = "128MB"
STORED_BATCH = 5_000
"""Results of a job that are read at once."""
OLDEST_FIRST = "order by t._dlt_load_id, t.loaded_at"
"""Of a row's versions, which files keep, the last one counts."""
OPEN_WAITS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before each further try to open the destination while a sync is under way: another
process may load into the same DuckDB file."""
MAX_NAMED = 1_000
"""Rows that the destination is asked for by name; more are sorted out here."""


class StoredResult(NamedTuple):
    """A result of a job as it is loaded."""

    uid: str
    position: int
    data: str | None
    created_at: datetime | None


class LoadedRows:
    """One workspace's rows in the dataset of a pipeline.

    Args:
        pipeline: Gives destination and dataset.
        workspace_uid: The workspace.
    """

    def __init__(self, pipeline: dlt.Pipeline, *, workspace_uid: str) -> None:
        self._pipeline = pipeline
        self._workspace_uid = workspace_uid
        self._client: SqlClientBase[Any] | None = None
        self._lock = threading.Lock()

    def known(
        self,
        table: Table,
        columns: Sequence[str],
        fresh: Collection[str],
        *,
        uids: Sequence[str] | None = None,
    ) -> Iterator[tuple[Any, ...]]:
        """The columns of rows, the oldest first, after whether their load was committed.

        Args:
            table: The table.
            columns: Those to read; null where the table lacks one.
            fresh: Tables that are taken for empty.
            uids: Of which jobs; None: of all.
        """
        if table.name in fresh:
            return
        there = self.columns_of(table)
        selected = [IS_COMMITTED, *(f"t.{name}" if name in there else "null" for name in columns)]
        kinds = [None, *map(table.columns.get, columns)]
        if uids is None:
            yield from typed(self.query(table, selected, "1 = 1", (), OLDEST_FIRST), kinds)
            return
        key = "job_uid" if "job_uid" in table.key else "uid"
        for condition, named in in_batches(f"t.{key}", uids):
            yield from typed(self.query(table, selected, condition, named, OLDEST_FIRST), kinds)

    def count(self, table: Table) -> int:
        """How many rows there are."""
        return next((count for (count,) in self.query(table, ["count(*)"], "1 = 1", ())), 0)

    @property
    def can_join(self) -> bool:
        """Whether the destination is a database that finds rows by a join."""
        kind = self._pipeline.destination.destination_type
        return self._client is not None and kind in (DUCKDB, POSTGRES)

    @property
    def workspace_uid(self) -> str:
        """The workspace."""
        return self._workspace_uid

    @property
    def is_embedded(self) -> bool:
        """Whether the database works in this process."""
        return self._pipeline.destination.destination_type == DUCKDB

    def spare_memory(self) -> None:
        """Bounds what DuckDB keeps in memory until the connection ends."""
        if self._client is not None and self.is_embedded:
            self._client.execute_sql(f"set memory_limit = '{SPARED_MEMORY}'")

    @contextmanager
    def again(self) -> Iterator[None]:
        """Opens the destination while a sync is under way, for one thread at a time."""
        with self._lock, self.connection(waits=OPEN_WAITS):
            yield

    def rows(self, table: Table, uids: Sequence[str] | None) -> Iterator[Row]:
        """Whole rows of `table`, ready to be loaded again; JSON columns as text.

        Args:
            table: The table.
            uids: Of which rows; None: of all.
        """
        if uids is not None and not uids:
            return
        named = None if uids is None or len(uids) > MAX_NAMED else uids
        condition = "1 = 1" if named is None else f"t.uid in ({', '.join(['%s'] * len(named))})"
        wanted = set(uids or ())
        with self._lock, self.connection(waits=OPEN_WAITS):
            # not from the schema: dlt reads that anew, in place, whenever any thread asks for it
            there = [name for name in self.columns_of(table) if name != DELETE_MARK]
            names = [name for name in there if name[: len(DLT_PREFIX)] != DLT_PREFIX]
            if not names:
                return
            found = self.query(
                table, [f"t.{n}" for n in names], condition, named or (), OLDEST_FIRST
            )
            newest: dict[tuple[Any, ...], Row] = {}
            for values in typed(found, [table.columns.get(name) for name in names]):
                row = dict(zip(names, values, strict=True))
                newest[tuple(row[name] for name in table.key)] = row
            for row in newest.values():
                if uids is not None and row["uid"] not in wanted:
                    continue
                yield {name: _as_text(value) for name, value in row.items() if value is not None}

    def count_results(self, uids: Sequence[str]) -> Mapping[str, int]:
        """How many results of jobs there are; jobs that have none are left out."""
        named = () if len(uids) > MAX_NAMED else uids
        condition = f"t.job_uid in ({', '.join(['%s'] * len(named))})" if named else "1 = 1"
        selected = ["t.job_uid", "count(*)"]
        with self._lock, self.connection(waits=OPEN_WAITS):
            found = self.query(JOB_RESULTS, selected, condition, named, "group by t.job_uid")
            return dict(found)

    def results_of(self, job_uid: str) -> Iterator[Sequence[StoredResult]]:
        """The results of a job by position, some thousands at a time; some may come twice."""
        selected = ["t.result_uid", "t.position", "cast(t.data as varchar)", "t.created_at"]
        kinds = [None, None, None, "timestamp"]
        condition = (
            "t.job_uid = %s and t.result_uid is not null "
            "and (t.position > %s or (t.position = %s and t.result_uid > %s))"
        )
        ending = f"order by t.position, t.result_uid limit {STORED_BATCH}"
        place, uid = -1, ""
        while True:
            with self._lock, self.connection(waits=OPEN_WAITS):
                found = self.query(
                    JOB_RESULTS, selected, condition, (job_uid, place, place, uid), ending
                )
            batch = [StoredResult(*values) for values in typed(found, kinds)]
            yield batch
            if len(batch) < STORED_BATCH:
                return
            uid, place = batch[-1].uid, batch[-1].position

    def uids_named(self, name: str) -> Collection[str]:
        """UIDs of the workspaces that were loaded under a configured name."""
        with self._lock, self.connection(waits=OPEN_WAITS):
            selected, condition = ["distinct t.workspace_uid"], "t.configured_name = %s"
            if "configured_name" not in self.columns_of(WORKSPACES):
                return ()
            found = self.query(WORKSPACES, selected, condition, (name,), of_all=True)
            return {uid for (uid,) in found}

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
        if isinstance(client, WithTableScanners):  # what was there before a broken load still is
            condition = f"{condition} and {IS_COMMITTED}"
        sql = (
            f"select {', '.join(selected)} from {name(table.name)} as t {joins} "
            f"where {'1 = 1' if of_all else 't.workspace_uid = %s'} and {condition} {ending}"
        )
        for named in (LOADS, JOBS.name, LEDGER.name, SUCCESSFUL_JOBS.name):
            sql = sql.replace(f"{{{named}}}", name(named))
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


def in_batches(column: str, uids: Sequence[str]) -> Iterator[tuple[str, Sequence[str]]]:
    """Conditions that a column holds one of the texts, with their parameters."""
    for first in range(0, len(uids), MAX_NAMED):
        named = uids[first : first + MAX_NAMED]
        yield f"{column} in ({', '.join(['%s'] * len(named))})", named


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


def typed(
    rows: Iterable[tuple[Any, ...]], kinds: Sequence[str | None]
) -> Iterator[tuple[Any, ...]]:
    """Values as their columns have them: some databases keep times as text, and truth as a number.

    Args:
        rows: As the database gave them.
        kinds: Of the columns; None: whatever it is.
    """
    times = [place for place, kind in enumerate(kinds) if kind == "timestamp"]
    flags = [place for place, kind in enumerate(kinds) if kind == "bool"]
    for values in rows:
        row = list(values)
        for place in times:
            if row[place] is not None:
                row[place] = parse_time(row[place])
        for place in flags:
            if row[place] is not None:
                row[place] = bool(row[place])
        yield tuple(row)


def _show_all(schema: Schema) -> None:
    """dlt reads those tables from files that it knows to hold rows, and forgets it of a table as
    soon as a sync brings it none."""
    for table in schema.data_tables():
        table["x-normalizer"] = {**(table.get("x-normalizer") or {}), "seen-data": True}


def _as_text(value: object) -> object:
    """JSON as text: some drivers parse it."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value
