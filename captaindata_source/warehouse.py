"""Reads what the destination already holds.

The warehouse itself is the connector's memory: a load that was lost is a load that is made again,
and losing dlt's working folder or its state loses nothing. Rows count only where their load is
recorded in `_dlt_loads`, that is, where it was committed as a whole.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import dlt
from dlt.common.destination.exceptions import DestinationUndefinedEntity, SqlClientNotAvailable
from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase

from captaindata_source.api import Coverage
from captaindata_source.database import use_utc
from captaindata_source.errors import DestinationError
from captaindata_source.records import Row
from captaindata_source.remedies import as_destination_error, message_of
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
    Table,
)

__all__ = ["KnownJob", "KnownRow", "KnownWorkflow", "Memory", "Warehouse"]

logger = logging.getLogger(__name__)

LOADED = 0
"""Status in `_dlt_loads` of a load that was committed."""
DLT_PREFIX = "_dlt_"
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


class KnownRow(NamedTuple):
    """A row of another table; `row_hash` as in `workflows`."""

    row_hash: str | None
    is_deleted: bool


@dataclass(slots=True, kw_only=True)
class Memory:
    """What the destination holds of one workspace; empty on a first load.

    Args:
        api_version: Version of the API that it was last loaded through; None where it was not, or
            nothing tells.
        workspace_hash: `row_hash` of its row in `workspaces`.
        workflows: By uid.
        jobs: By uid; every job ever seen.
        unread_times: By uid of a job: texts of times that could not be read when it was loaded, by
            column.
        successful_jobs: uid to `row_hash`, None as above.
        results: Job uid to the `results_version` whose results are completely loaded.
        quota_readings: uid to `row_hash`, None as above.
        covered: Spans of time within which every job that changed is in `jobs`.
        checkpoint: Under which uid that was found; None where it was not.
        extras: By name of an extra table: key, but for the workspace, to row.
    """

    api_version: str | None = None
    workspace_hash: str | None = None
    workflows: dict[str, KnownWorkflow] = field(default_factory=dict)
    jobs: dict[str, KnownJob] = field(default_factory=dict)
    unread_times: dict[str, dict[str, str]] = field(default_factory=dict)
    successful_jobs: dict[str, str | None] = field(default_factory=dict)
    results: dict[str, str] = field(default_factory=dict)
    quota_readings: dict[str, str | None] = field(default_factory=dict)
    covered: Coverage = field(default_factory=Coverage)
    checkpoint: str | None = None
    extras: dict[str, dict[tuple[str, ...], KnownRow]] = field(default_factory=dict)


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
        memory.api_version = self._last_version()
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
        if self._pipeline.default_schema_name is None:
            return
        condition = "1 = 1" if named is None else f"t.uid in ({', '.join(['%s'] * len(named))})"
        wanted = set(uids or ())
        with self._lock, self._connection():
            # not from the schema: dlt reads that anew, in place, whenever any thread asks for it
            there = [name for name in self._columns_of(table) if name != DELETE_MARK]
            names = [name for name in there if name[: len(DLT_PREFIX)] != DLT_PREFIX]
            found = self._query(table, [f"t.{n}" for n in names], condition, named or ())
            for values in found:
                row = dict(zip(names, values, strict=True))
                if uids is not None and row["uid"] not in wanted:
                    continue
                yield {name: _plain(value) for name, value in row.items() if value is not None}

    def _remember_results(self, memory: Memory) -> None:
        columns = ["job_uid", "fingerprint", "result_rows"]
        has_rows = False
        for is_valid, uid, version, rows in self._known(LEDGER, columns, ()):
            if is_valid:
                memory.results[uid] = version
                has_rows = has_rows or bool(rows)
        if has_rows and not self._has_results():
            logger.warning("%s was emptied: all results are fetched again", JOB_RESULTS.name)
            memory.results.clear()

    def _has_results(self) -> bool:
        rows = self._query(JOB_RESULTS, ["t.job_uid"], "1 = 1", (), "limit 1")
        return next(rows, None) is not None

    def _known(
        self, table: Table, columns: Sequence[str], fresh: Collection[str]
    ) -> Iterator[tuple[Any, ...]]:
        """The columns of all rows, the oldest first, after whether their load was committed."""
        if table.name in fresh:
            return iter(())
        is_valid = (
            f"exists (select 1 from {{{LOADS}}} as l "
            f"where l.load_id = t._dlt_load_id and l.status = {LOADED})"
        )
        there = self._columns_of(table)
        selected = [is_valid, *(f"t.{name}" if name in there else "null" for name in columns)]
        return self._query(table, selected, "1 = 1", (), "order by t.loaded_at")

    def _columns_of(self, table: Table) -> Collection[str]:
        """The columns that are there now: a table of an older version lacks some."""
        client = self._client
        if client is None:
            return ()
        name = client.make_qualified_table_name(table.name)
        try:
            with client.execute_query(f"select * from {name} where 1 = 0") as cursor:
                return {column[0].lower() for column in cursor.native_cursor.description}
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
    ) -> Iterator[tuple[Any, ...]]:
        client = self._client
        if client is None:
            return
        name = client.make_qualified_table_name
        sql = (
            f"select {', '.join(selected)} from {name(table.name)} as t "
            f"where t.workspace_uid = %s and {condition} {ending}"
        ).replace(f"{{{LOADS}}}", name(LOADS))
        try:
            with client.execute_query(sql, self._workspace_uid, *parameters) as cursor:
                yield from cursor.fetchall()
        except DestinationUndefinedEntity:
            use_utc(self._pipeline, client)
            return
        except DatabaseException as error:
            raise as_destination_error(error) or DestinationError(
                f"What was loaded before could not be read from {table.name}: {message_of(error)}"
            ) from error

    @contextmanager
    def _connection(self) -> Iterator[None]:
        """Opens the destination; what can't be queried is taken for empty."""
        try:
            client = self._pipeline.sql_client()
        except SqlClientNotAvailable:
            logger.warning(
                "%s can't be queried: nothing is known of earlier loads",
                self._pipeline.destination.destination_name,
            )
            yield
            return
        with client as self._client:
            use_utc(self._pipeline, client)
            yield
        self._client = None


def _plain(value: object) -> object:
    """JSON as text: some drivers parse it."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value
