"""Reads what the destination holds of a workspace; the newest committed version of a row counts."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

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
from captaindata_source.times import aware, parse_time
from captaindata_source.warehouse.answers import Answer
from captaindata_source.warehouse.flow_memory import remember_links
from captaindata_source.warehouse.input_memory import known_inputs
from captaindata_source.warehouse.loaded_rows import LoadedRows, named_among
from captaindata_source.warehouse.memory import (
    FLOW_KIND,
    Facts,
    KnownJob,
    KnownList,
    KnownRow,
    KnownWorkflow,
    Memory,
)
from captaindata_source.warehouse.open_changes import as_committed, open_changes
from captaindata_source.warehouse.past_loads import loaded_version

__all__ = ["RememberMany", "has_results", "read_jobs", "remember"]

logger = logging.getLogger(__name__)

ANSWER_COLUMNS = (
    *("fingerprint", "result_rows", "content_hash", "equal_answers", "answered_at"),
    *("next_check_at", "is_skipped", "results_load_id", "_dlt_load_id"),
)
"""Columns of the ledger that an `Answer` is made of."""
RememberMany = Callable[[LoadedRows, Memory], bool]
"""Remembers some jobs and totals of all, where there are many; else says that it did not."""


def remember(
    rows: LoadedRows,
    *,
    wanted: Collection[str] = (),
    fresh: Collection[str] = (),
    many: RememberMany = lambda _rows, _memory: False,
    has_flows: bool = False,
) -> Memory:
    """Reads what is needed to compare a listing with.

    Args:
        rows: Of the workspace.
        wanted: Extra tables that are needed.
        fresh: Tables that are about to be emptied; what they hold does not count.
        many: Tried where no table is fresh.
        has_flows: Whether flows are loaded now; else only what was loaded of them before counts.

    Raises:
        DestinationError: The destination can't be read.
    """
    memory = Memory()
    with rows.connection():
        memory.open_changes = open_changes(rows, wanted=wanted, fresh=fresh)
        _remember(rows, memory, fresh, many)
        if has_flows or any(each.kind == FLOW_KIND for each in memory.workflows.values()):
            remember_links(rows, memory.flows, fresh)
        for table in EXTRA_TABLES:
            if table is JOB_INPUTS and table.name in wanted:
                memory.inputs = known_inputs(rows, fresh=fresh)
            elif table.name in wanted:
                memory.extras[table.name] = _known_rows(rows, table, memory, fresh)
    return memory


def _remember(rows: LoadedRows, memory: Memory, fresh: Collection[str], many: RememberMany) -> None:
    memory.api_version, memory.synced_at = _last_sync(rows)
    memory.api_version = memory.api_version or _version_of_rows(rows, fresh)
    for is_valid, row_hash in rows.known(WORKSPACES, ["row_hash"], fresh):
        memory.workspace_hash = row_hash if is_valid else None
    columns = ["uid", *KnownWorkflow._fields]
    for is_valid, uid, row_hash, *values in rows.known(WORKFLOWS, columns, fresh):
        known_workflow = KnownWorkflow(row_hash if is_valid else None, *values)
        memory.workflows[uid] = as_committed(memory, WORKFLOWS, (uid,), known_workflow)
    if fresh or not many(rows, memory):
        _remember_jobs(rows, memory, fresh)
    columns = ["uid", "row_hash"]
    for is_valid, uid, row_hash in rows.known(QUOTA_READINGS, columns, fresh):
        memory.quota_readings[uid] = row_hash if is_valid else None
    if memory.count or memory.workspace_hash:
        _remember_covered(rows, memory)


def _remember_jobs(rows: LoadedRows, memory: Memory, fresh: Collection[str]) -> None:
    columns = ["uid", *KnownJob._fields]
    for is_valid, uid, row_hash, *values in rows.known(JOBS, columns, fresh):
        known_job = KnownJob(row_hash if is_valid else None, *values)
        memory.jobs[uid] = as_committed(memory, JOBS, (uid,), known_job)
    if memory.jobs:
        memory.unread_times = unread_times(rows)
    columns = ["uid", "row_hash"]
    for is_valid, uid, row_hash in rows.known(SUCCESSFUL_JOBS, columns, fresh):
        memory.successful_jobs[uid] = row_hash if is_valid else None
    if JOB_RESULTS.name not in fresh:
        memory.results = _answers(rows)
        if any(answer.rows for answer in memory.results.values()) and not has_results(rows):
            logger.warning("%s was emptied: all results are fetched again", JOB_RESULTS.name)
            memory.results.clear()


def unread_times(
    rows: LoadedRows, *, uids: Sequence[str] | None = None
) -> dict[str, dict[str, str]]:
    """`Memory.unread_times`, of some jobs or all.

    Args:
        rows: Of the workspace, connected.
        uids: Of which jobs; None: of all.
    """
    there = rows.columns_of(JOBS)
    times = [name for name, kind in JOBS.columns.items() if kind == "timestamp"]
    names = [name for name in times if {name, f"api_{name}"} <= set(there)]
    if not names:
        return {}
    condition = " or ".join(f"(t.api_{n} is not null and t.{n} is null)" for n in names)
    selected = ["t.uid", *(f"case when t.{n} is null then t.api_{n} end" for n in names)]
    of_jobs = "1 = 1" if uids is None else named_among("t.uid")
    found = rows.query(
        JOBS, selected, f"({condition}) and {of_jobs}", () if uids is None else [[*uids]]
    )
    return {
        uid: {name: text for name, text in zip(names, texts, strict=True) if text is not None}
        for uid, *texts in found
    }


def _last_sync(rows: LoadedRows) -> tuple[str | None, datetime | None]:
    if "api_version" not in rows.columns_of(SYNC_RUNS):
        return None, None
    ending = "order by t.started_at desc limit 1"
    columns = ["t.api_version", "t.started_at"]
    condition = "t.outcome <> 'failed'"
    if "is_resync" in rows.columns_of(SYNC_RUNS):
        condition += " and t.is_resync is not true"
    found = rows.query(SYNC_RUNS, columns, condition, (), ending)
    for version, started_at in found:
        return version, aware(parse_time(started_at))
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
            memory.lists[uid] = KnownList(flag, size, *map(aware, times))
        elif is_valid:
            spans = json.loads(covered) if isinstance(covered, str) else covered
            memory.see_spans(uid, Coverage.from_json(spans), read_at=aware(learned[2]))
        is_lost = is_lost or (is_valid and memory.count < jobs)
    if is_lost:
        logger.warning("%s lacks rows that it had: the lists are read again", JOBS.name)
        memory.forget_lists()


def _known_rows(
    rows: LoadedRows, table: Table, memory: Memory, fresh: Collection[str]
) -> dict[tuple[str, ...], KnownRow]:
    key = [name for name in table.key if name != "workspace_uid"]
    found = {
        tuple(values): KnownRow(
            row_hash if is_valid else None, bool(is_deleted), status, aware(created_at)
        )
        for is_valid, row_hash, is_deleted, status, created_at, *values in rows.known(
            table, ["row_hash", "is_deleted", "status", "created_at", *key], fresh
        )
    }
    return {uids: as_committed(memory, table, uids, known) for uids, known in found.items()}


def _answers(rows: LoadedRows) -> dict[str, Answer]:
    answers: dict[str, Answer] = {}
    loads: dict[str, str] = {}
    columns = ["job_uid", *ANSWER_COLUMNS]
    for is_valid, uid, *values in rows.known(LEDGER, columns, ()):
        if is_valid:
            answer = answer_of(values)
            # one text for all jobs of a load
            load = loads.setdefault(answer.load_id or "", answer.load_id or "")
            answers[uid] = answer._replace(load_id=load)
    return answers


def answer_of(values: Sequence[Any]) -> Answer:
    """What a row of the ledger says; of its columns `ANSWER_COLUMNS`."""
    version, count, content, equal, answered, next_check, is_skipped, load_id, own_load_id = values
    return Answer(
        version,
        count,
        content=content,
        equal=equal or 0,
        answered_at=aware(answered),
        next_check_at=aware(next_check),
        load_id=load_id or own_load_id,
        is_skipped=bool(is_skipped),
    )


def read_jobs(rows: LoadedRows, memory: Memory, facts: Facts, uids: Sequence[str]) -> None:
    """Remembers all that is known of jobs, those without a row of their own included: that may
    be lost.

    Args:
        rows: Of the workspace, connected.
        memory: Gets it.
        facts: Tell which tables are read.
        uids: The jobs.
    """
    columns = ["uid", *KnownJob._fields]
    for is_valid, uid, row_hash, *values in rows.known(JOBS, columns, (), uids=uids):
        known = KnownJob(row_hash if is_valid else None, *values)
        memory.jobs[uid] = as_committed(memory, JOBS, (uid,), known)
    memory.strangers.update(uid for uid in uids if uid not in memory.jobs)
    memory.unread_times.update(unread_times(rows, uids=uids))
    if facts.has_results:
        columns = ["job_uid", *ANSWER_COLUMNS]
        for is_valid, uid, *values in rows.known(LEDGER, columns, (), uids=uids):
            if is_valid:
                memory.results[uid] = answer_of(values)
    if facts.has_successes:
        columns = ["uid", "row_hash"]
        found = rows.known(SUCCESSFUL_JOBS, columns, (), uids=uids)
        for is_valid, uid, row_hash in found:
            memory.successful_jobs[uid] = row_hash if is_valid else None


def has_results(rows: LoadedRows) -> bool:
    """Whether any results are loaded."""
    return bool(rows.query(JOB_RESULTS, ["t.job_uid"], "1 = 1", (), "limit 1"))
