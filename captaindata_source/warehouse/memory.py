"""What the destination already holds of a workspace.

The warehouse itself is the connector's memory: a load that was lost is a load that is made again,
and losing dlt's working folder or its state loses nothing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from captaindata_source.api import Coverage
from captaindata_source.tables import (
    CHECKPOINTS,
    EXTRA_TABLES,
    JOB_INPUTS,
    JOB_RESULTS,
    JOBS,
    LEDGER,
    QUOTA_READINGS,
    SUCCESSFUL_JOBS,
    SYNC_RUNS,
    WORKFLOWS,
    WORKSPACES,
    Table,
)
from captaindata_source.times import parse_time
from captaindata_source.warehouse.answers import Answer
from captaindata_source.warehouse.input_memory import KnownInputs, known_inputs
from captaindata_source.warehouse.loaded_rows import LoadedRows
from captaindata_source.warehouse.past_loads import loaded_version

__all__ = ["RUNS", "KnownJob", "KnownList", "KnownRow", "KnownWorkflow", "Memory", "remember"]

logger = logging.getLogger(__name__)

RUNS = "runs"
"""The list of v4's runs, in `Memory.lists`."""


INCREMENTAL = "incremental"
"""`sync_mode` of runs that can be continued (documented in API v4)."""


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
    is_archived: bool = False
    sync_mode: str | None = None

    @property
    def can_continue(self) -> bool:
        """Whether it may be continued under its uid: its newest answer may lack earlier results."""
        return (self.sync_mode or "").strip().lower() == INCREMENTAL


class KnownList(NamedTuple):
    """A list of jobs, or of members, as far as earlier syncs learned it."""

    is_newest_first: bool | None = None
    page_size: int | None = None
    read_at: datetime | None = None
    listed_at: datetime | None = None


class KnownRow(NamedTuple):
    """A row of another table; `row_hash` as in `workflows`."""

    row_hash: str | None
    is_deleted: bool
    status: str | None = None
    created_at: datetime | None = None


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
        lists: By uid of the checkpoint of a list: what was learned of it.
        synced_at: When the last sync that did not fail began; None: nothing tells.
        extras: By name of an extra table: key, but for the workspace, to row.
        inputs: By uid of a job whose inputs are loaded.
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
    lists: dict[str, KnownList] = field(default_factory=dict)
    synced_at: datetime | None = None
    extras: dict[str, dict[tuple[str, ...], KnownRow]] = field(default_factory=dict)
    inputs: dict[str, KnownInputs] = field(default_factory=dict)
    unclean: dict[str, set[str]] = field(default_factory=dict)


def remember(
    rows: LoadedRows, *, wanted: Collection[str] = (), fresh: Collection[str] = ()
) -> Memory:
    """Reads what is needed to compare a listing with.

    Args:
        rows: Of the workspace.
        wanted: Extra tables that are needed.
        fresh: Tables that are about to be emptied; what they hold does not count.

    Raises:
        DestinationError: The destination can't be read.
    """
    memory = Memory()
    with rows.connection():
        _remember(rows, memory, fresh)
        for table in EXTRA_TABLES:
            if table is JOB_INPUTS and table.name in wanted:
                memory.inputs = known_inputs(rows, fresh=fresh)
            elif table.name in wanted:
                memory.extras[table.name] = _known_rows(rows, table, fresh)
    return memory


def _remember(rows: LoadedRows, memory: Memory, fresh: Collection[str]) -> None:
    memory.api_version, memory.synced_at = _last_sync(rows)
    memory.api_version = memory.api_version or _version_of_rows(rows, fresh)
    for is_valid, row_hash in rows.known(WORKSPACES, ["row_hash"], fresh):
        memory.workspace_hash = row_hash if is_valid else None
    columns = ["uid", *KnownWorkflow._fields]
    for is_valid, uid, row_hash, *values in rows.known(WORKFLOWS, columns, fresh):
        memory.workflows[uid] = KnownWorkflow(row_hash if is_valid else None, *values)
    columns = ["uid", *KnownJob._fields]
    for is_valid, uid, row_hash, *values in rows.known(JOBS, columns, fresh):
        memory.jobs[uid] = KnownJob(row_hash if is_valid else None, *values)
    if memory.jobs:
        memory.unread_times = _unread_times(rows)
    columns = ["uid", "row_hash"]
    for is_valid, uid, row_hash in rows.known(SUCCESSFUL_JOBS, columns, fresh):
        memory.successful_jobs[uid] = row_hash if is_valid else None
    if JOB_RESULTS.name not in fresh:
        _remember_results(rows, memory)
    for is_valid, uid, row_hash in rows.known(QUOTA_READINGS, columns, fresh):
        memory.quota_readings[uid] = row_hash if is_valid else None
    if memory.jobs or memory.workspace_hash:
        _remember_covered(rows, memory)


def _unread_times(rows: LoadedRows) -> dict[str, dict[str, str]]:
    there = rows.columns_of(JOBS)
    times = [name for name, kind in JOBS.columns.items() if kind == "timestamp"]
    names = [name for name in times if {name, f"api_{name}"} <= set(there)]
    if not names:
        return {}
    condition = " or ".join(f"(t.api_{n} is not null and t.{n} is null)" for n in names)
    texts = [f"case when t.{n} is null then t.api_{n} end" for n in names]
    return {
        uid: {name: text for name, text in zip(names, found, strict=True) if text is not None}
        for uid, *found in rows.query(JOBS, ["t.uid", *texts], f"({condition})", ())
    }


def _last_sync(rows: LoadedRows) -> tuple[str | None, datetime | None]:
    if "api_version" not in rows.columns_of(SYNC_RUNS):
        return None, None
    ending = "order by t.started_at desc limit 1"
    columns = ["t.api_version", "t.started_at"]
    found = rows.query(SYNC_RUNS, columns, "t.outcome <> 'failed'", (), ending)
    for version, started_at in found:
        return version, _aware(parse_time(started_at))
    return None, None


def _version_of_rows(rows: LoadedRows, fresh: Collection[str]) -> str | None:
    def has_row(table: Table, condition: str) -> bool:
        if table.name in fresh:
            return False
        return bool(rows.query(table, ["1"], condition, (), "limit 1"))

    return loaded_version(has_row, rows.columns_of)


def _remember_covered(rows: LoadedRows, memory: Memory) -> None:
    columns = ["uid", "covered", "jobs", *KnownList._fields]
    is_lost = False
    for is_valid, uid, covered, jobs, *learned in rows.known(CHECKPOINTS, columns, ()):
        if is_valid and covered is None:
            flag, size, *times = learned
            memory.lists[uid] = KnownList(flag, size, *map(_aware, times))
        elif is_valid:
            memory.checkpoint = uid
            spans = json.loads(covered) if isinstance(covered, str) else covered
            memory.covered = Coverage.from_json(spans)
            memory.lists[RUNS] = KnownList(read_at=_aware(learned[2]))
        is_lost = is_lost or (is_valid and len(memory.jobs) < jobs)
    if is_lost:
        logger.warning("%s lacks rows that it had: the lists are read again", JOBS.name)
        memory.covered = Coverage()
        memory.lists.clear()


def _known_rows(
    rows: LoadedRows, table: Table, fresh: Collection[str]
) -> dict[tuple[str, ...], KnownRow]:
    key = [name for name in table.key if name != "workspace_uid"]
    return {
        tuple(values): KnownRow(
            row_hash if is_valid else None, bool(is_deleted), status, _aware(created_at)
        )
        for is_valid, row_hash, is_deleted, status, created_at, *values in rows.known(
            table, ["row_hash", "is_deleted", "status", "created_at", *key], fresh
        )
    }


def _remember_results(rows: LoadedRows, memory: Memory) -> None:
    columns = [
        *("job_uid", "fingerprint", "result_rows", "content_hash", "equal_answers"),
        *("answered_at", "next_check_at", "is_skipped", "results_load_id", "_dlt_load_id"),
    ]
    has_rows = False
    loads: dict[str, str] = {}
    for is_valid, uid, *values, load_id, row_load_id in rows.known(LEDGER, columns, ()):
        if is_valid:
            version, count, content, equal, answered_at, next_check_at, is_skipped = values
            # one text for all jobs of a load
            load = load_id or row_load_id
            load = loads.setdefault(load, load)
            memory.results[uid] = Answer(
                version,
                count,
                content=content,
                equal=equal or 0,
                answered_at=_aware(answered_at),
                next_check_at=_aware(next_check_at),
                load_id=load,
                is_skipped=bool(is_skipped),
            )
            has_rows = has_rows or bool(count)
    if has_rows and not _has_results(rows):
        logger.warning("%s was emptied: all results are fetched again", JOB_RESULTS.name)
        memory.results.clear()


def _has_results(rows: LoadedRows) -> bool:
    return bool(rows.query(JOB_RESULTS, ["t.job_uid"], "1 = 1", (), "limit 1"))


def _aware(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time
