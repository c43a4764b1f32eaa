"""Reads what the destination already holds.

The warehouse itself is the connector's memory: a load that was lost is a load that is made again,
and losing dlt's working folder or its state loses nothing. Rows count only where their load is
recorded in `_dlt_loads`, that is, where it was committed as a whole.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import dlt
from dlt.common.destination.exceptions import DestinationUndefinedEntity, SqlClientNotAvailable
from dlt.common.runtime import signals
from dlt.common.schema import Schema
from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.impl.duckdb.sql_client import WithTableScanners
from dlt.destinations.sql_client import SqlClientBase

from captaindata_source.api import Coverage
from captaindata_source.errors import DestinationError
from captaindata_source.tables import (
    CHECKPOINTS,
    DELETE_MARK,
    EXTRA_TABLES,
    JOB_RESULTS,
    JOBS,
    LEDGER,
    LOADS,
    QUOTA_READINGS,
    SUCCESSFUL_JOBS,
    SYNC_RUNS,
    WORKFLOWS,
    WORKSPACES,
    Row,
    Table,
)
from captaindata_source.times import parse_time
from captaindata_source.waiting import wait_seconds
from captaindata_source.warehouse.answers import Answer
from captaindata_source.warehouse.database import use_utc
from captaindata_source.warehouse.loaded_version import loaded_version
from captaindata_source.warehouse.remedies import as_destination_error, is_passing, message_of

__all__ = ["KnownJob", "KnownRow", "KnownWorkflow", "Memory", "Warehouse"]

logger = logging.getLogger(__name__)

LOADED = 0
"""Status in `_dlt_loads` of a load that was committed."""
DLT_PREFIX = "_dlt_"
IS_COMMITTED = (
    f"exists (select 1 from {{{LOADS}}} as l "
    f"where l.load_id = t._dlt_load_id and l.status = {LOADED})"
)
OLDEST_FIRST = "order by t._dlt_load_id, t.loaded_at"
"""Of a row's versions, which files keep, the last one counts."""
OPEN_WAITS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before each further try to open the destination while a sync is under way: another
process may load into the same DuckDB file."""
MAX_NAMED = 1_000
"""Rows that the destination is asked for by name; more are sorted out here."""


class KnownWorkflow(NamedTuple):
    """A row of `workflows`, as far as it decides what to do next.

    `row_hash` is None where the row's load was not committed as a whole: it is there, but must be
    written again.
    """

    row_hash: str | None
    details_fetched_at: datetime | None
    is_deleted: bool
    created_at: datetime | None = None
    updated_at: datetime | None = None


class KnownJob(NamedTuple):
    """A row of `jobs`, as far as it decides what to do next; `row_hash` as in `workflows`."""

    row_hash: str | None
    workflow_uid: str | None
    status: str | None
    results_version: str | None
    finish_time: datetime | None
    row_count: int | None
    total_row_count: int | None
    is_deleted: bool
    created_at: datetime | None = None
    updated_at: datetime | None = None
    retry_count: int | None = None
    scheduled_time: datetime | None = None


class KnownRow(NamedTuple):
    """A row of another table; `row_hash` as in `workflows`."""

    row_hash: str | None
    is_deleted: bool


@dataclass(slots=True, kw_only=True)
class Memory:
    """What the destination holds of one workspace; empty on a first load.

    Args:
        api_version: Version of the API that it was last loaded through, or begun to; None where it
            was not, or nothing tells.
        workspace_hash: `row_hash` of its row in `workspaces`.
        workflows: By uid.
        jobs: By uid; every job ever seen.
        unread_times: By uid of a job: texts of times that could not be read when it was loaded, by
            column.
        successful_jobs: uid to `row_hash`, None as above.
        results: By uid of a job whose results are completely loaded.
        quota_readings: uid to `row_hash`, None as above.
        covered: Spans of time within which every job that changed is in `jobs`.
        checkpoint: Under which uid that was found; None where it was not.
        extras: By name of an extra table: key, but for the workspace, to row.
        unclean: By name of a table: uids of the rows that may hold a secret and are not written
            again yet.
    """

    api_version: str | None = None
    workspace_hash: str | None = None
    workflows: dict[str, KnownWorkflow] = field(default_factory=dict)
    jobs: dict[str, KnownJob] = field(default_factory=dict)
    unread_times: dict[str, dict[str, str]] = field(default_factory=dict)
    successful_jobs: dict[str, str | None] = field(default_factory=dict)
    results: dict[str, Answer] = field(default_factory=dict)
    quota_readings: dict[str, str | None] = field(default_factory=dict)
    covered: Coverage = field(default_factory=Coverage)
    checkpoint: str | None = None
    extras: dict[str, dict[tuple[str, ...], KnownRow]] = field(default_factory=dict)
    unclean: dict[str, set[str]] = field(default_factory=dict)


class Warehouse:
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

    def remember(self, *, wanted: Collection[str] = (), fresh: Collection[str] = ()) -> Memory:
        """Reads what is needed to compare a listing with.

        Args:
            wanted: Extra tables that are needed.
            fresh: Tables that are about to be emptied; what they hold does not count.

        Raises:
            DestinationError: The destination can't be read.
        """
        memory = Memory()
        with self._connection():
            self._remember(memory, fresh)
            for table in EXTRA_TABLES:
                if table.name in wanted:
                    memory.extras[table.name] = self._known_rows(table, fresh)
        return memory

    def _remember(self, memory: Memory, fresh: Collection[str]) -> None:
        memory.api_version = self._last_version() or self._version_of_rows(fresh)
        for is_valid, row_hash in self._known(WORKSPACES, ["row_hash"], fresh):
            memory.workspace_hash = row_hash if is_valid else None
        columns = ["uid", *KnownWorkflow._fields]
        for is_valid, uid, row_hash, *values in self._known(WORKFLOWS, columns, fresh):
            memory.workflows[uid] = KnownWorkflow(row_hash if is_valid else None, *values)
        columns = ["uid", *KnownJob._fields]
        for is_valid, uid, row_hash, *values in self._known(JOBS, columns, fresh):
            memory.jobs[uid] = KnownJob(row_hash if is_valid else None, *values)
        if memory.jobs:
            memory.unread_times = self._unread_times()
        columns = ["uid", "row_hash"]
        for is_valid, uid, row_hash in self._known(SUCCESSFUL_JOBS, columns, fresh):
            memory.successful_jobs[uid] = row_hash if is_valid else None
        if JOB_RESULTS.name not in fresh:
            self._remember_results(memory)
        for is_valid, uid, row_hash in self._known(QUOTA_READINGS, columns, fresh):
            memory.quota_readings[uid] = row_hash if is_valid else None
        if memory.jobs:
            self._remember_covered(memory)

    def _unread_times(self) -> dict[str, dict[str, str]]:
        there = self._columns_of(JOBS)
        times = [name for name, kind in JOBS.columns.items() if kind == "timestamp"]
        names = [name for name in times if {name, f"api_{name}"} <= set(there)]
        if not names:
            return {}
        condition = " or ".join(f"(t.api_{n} is not null and t.{n} is null)" for n in names)
        texts = [f"case when t.{n} is null then t.api_{n} end" for n in names]
        return {
            uid: {name: text for name, text in zip(names, found, strict=True) if text is not None}
            for uid, *found in self._query(JOBS, ["t.uid", *texts], f"({condition})", ())
        }

    def _last_version(self) -> str | None:
        if "api_version" not in self._columns_of(SYNC_RUNS):
            return None
        ending = "order by t.started_at desc limit 1"
        found = self._query(SYNC_RUNS, ["t.api_version"], "t.outcome <> 'failed'", (), ending)
        return next((version for (version,) in found), None)

    def _version_of_rows(self, fresh: Collection[str]) -> str | None:
        def has_row(table: Table, condition: str) -> bool:
            if table.name in fresh:
                return False
            return bool(self._query(table, ["1"], condition, (), "limit 1"))

        return loaded_version(has_row, self._columns_of)

    def _remember_covered(self, memory: Memory) -> None:
        columns = ["uid", "covered", "jobs"]
        for is_valid, uid, covered, jobs in self._known(CHECKPOINTS, columns, ()):
            if not is_valid:
                continue
            memory.checkpoint = uid
            if len(memory.jobs) < jobs:
                logger.warning("%s lacks rows that it had: the list is read again", JOBS.name)
                memory.covered = Coverage()
            else:
                spans = json.loads(covered) if isinstance(covered, str) else covered
                memory.covered = Coverage.from_json(spans)

    def _known_rows(self, table: Table, fresh: Collection[str]) -> dict[tuple[str, ...], KnownRow]:
        key = [name for name in table.key if name != "workspace_uid"]
        return {
            tuple(values): KnownRow(row_hash if is_valid else None, bool(is_deleted))
            for is_valid, row_hash, is_deleted, *values in self._known(
                table, ["row_hash", "is_deleted", *key], fresh
            )
        }

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
        with self._lock, self._connection(waits=OPEN_WAITS):
            # not from the schema: dlt reads that anew, in place, whenever any thread asks for it
            there = [name for name in self._columns_of(table) if name != DELETE_MARK]
            names = [name for name in there if name[: len(DLT_PREFIX)] != DLT_PREFIX]
            if not names:
                return
            found = self._query(
                table, [f"t.{n}" for n in names], condition, named or (), OLDEST_FIRST
            )
            newest: dict[tuple[Any, ...], Row] = {}
            for values in _typed(found, [table.columns.get(name) for name in names]):
                row = dict(zip(names, values, strict=True))
                newest[tuple(row[name] for name in table.key)] = row
            for row in newest.values():
                if uids is not None and row["uid"] not in wanted:
                    continue
                yield {name: _plain(value) for name, value in row.items() if value is not None}

    def _remember_results(self, memory: Memory) -> None:
        columns = [
            *("job_uid", "fingerprint", "result_rows", "content_hash", "equal_answers"),
            *("answered_at", "next_check_at", "results_load_id", "_dlt_load_id"),
        ]
        has_rows = False
        loads: dict[str, str] = {}
        for is_valid, uid, *values, load_id, row_load_id in self._known(LEDGER, columns, ()):
            if is_valid:
                version, rows, content, equal, answered_at, next_check_at = values
                # one text for all jobs of a load
                load = load_id or row_load_id
                load = loads.setdefault(load, load)
                memory.results[uid] = Answer(
                    version,
                    rows,
                    content=content,
                    equal=equal or 0,
                    answered_at=_aware(answered_at),
                    next_check_at=_aware(next_check_at),
                    load_id=load,
                )
                has_rows = has_rows or bool(rows)
        if has_rows and not self._has_results():
            logger.warning("%s was emptied: all results are fetched again", JOB_RESULTS.name)
            memory.results.clear()

    def count_results(self, uids: Sequence[str]) -> Mapping[str, int]:
        """How many results of jobs there are; jobs that have none are left out."""
        named = () if len(uids) > MAX_NAMED else uids
        condition = f"t.job_uid in ({', '.join(['%s'] * len(named))})" if named else "1 = 1"
        selected = ["t.job_uid", "count(*)"]
        with self._lock, self._connection(waits=OPEN_WAITS):
            found = self._query(JOB_RESULTS, selected, condition, named, "group by t.job_uid")
            return dict(found)

    def _has_results(self) -> bool:
        return bool(self._query(JOB_RESULTS, ["t.job_uid"], "1 = 1", (), "limit 1"))

    def _known(
        self, table: Table, columns: Sequence[str], fresh: Collection[str]
    ) -> Iterator[tuple[Any, ...]]:
        """The columns of all rows, the oldest first, after whether their load was committed."""
        if table.name in fresh:
            return iter(())
        there = self._columns_of(table)
        selected = [IS_COMMITTED, *(f"t.{name}" if name in there else "null" for name in columns)]
        rows = self._query(table, selected, "1 = 1", (), OLDEST_FIRST)
        return _typed(rows, [None, *map(table.columns.get, columns)])

    def _columns_of(self, table: Table) -> Collection[str]:
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

    def _query(
        self,
        table: Table,
        selected: Sequence[str],
        condition: str,
        parameters: Sequence[object],
        ending: str = "",
    ) -> list[tuple[Any, ...]]:
        """Rows, all at once: a cursor that is left half read keeps a transaction open."""
        client = self._client
        if client is None:
            return []
        name = client.make_qualified_table_name
        if isinstance(client, WithTableScanners):  # what was there before a broken load still is
            condition = f"{condition} and {IS_COMMITTED}"
        sql = (
            f"select {', '.join(selected)} from {name(table.name)} as t "
            f"where t.workspace_uid = %s and {condition} {ending}"
        ).replace(f"{{{LOADS}}}", name(LOADS))
        try:
            with client.execute_query(sql, self._workspace_uid, *parameters) as cursor:
                return cursor.fetchall()
        except DestinationUndefinedEntity:
            use_utc(self._pipeline, client)
            return []
        except DatabaseException as error:
            raise as_destination_error(error) or DestinationError(
                f"What was loaded before could not be read from {table.name}: {message_of(error)}"
            ) from error

    @contextmanager
    def _connection(self, *, waits: Sequence[float] = ()) -> Iterator[None]:
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


def _typed(
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


def _aware(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time


def _plain(value: object) -> object:
    """JSON as text: some drivers parse it."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value
