"""The dlt resources of one workspace: they ask the plan for rows and hand them to dlt.

Calls run in dlt's own thread pool: what a resource yields as a callable is called there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any, Protocol

import dlt
from dlt.extract import DltResource

from captaindata_source.extract.plan import SyncPlan
from captaindata_source.extract.results.reader import ResultReader
from captaindata_source.extract.stages import Stages
from captaindata_source.issues import KEPT
from captaindata_source.tables import (
    CHECKPOINTS,
    DELETE_MARK,
    EXTRA_TABLES,
    JOB_RESULTS,
    JOBS,
    LEDGER,
    QUOTA_READINGS,
    SUCCESSFUL_JOBS,
    SYNC_ISSUES,
    WORKFLOWS,
    WORKSPACES,
    Row,
    Table,
)

__all__ = ["Work", "build_resources"]

ROWS_PER_YIELD = 1000


class Work(Protocol):
    """What the resources of one extraction share."""

    plan: SyncPlan
    max_parallel: int

    def reader(self) -> ResultReader:
        """A reader of results for one thread."""

    def add_ledger(self, rows: list[Row]) -> None:
        """Adds rows of the ledger that need no call; a reader is to follow."""

    def issue_rows(self) -> list[Row]:
        """Rows of `sync_issues` since the last call."""


def build_resources(
    begin: Callable[[], Work], *, loads_issues: bool = True, extra_tables: Collection[str] = ()
) -> list[DltResource]:
    """Builds the resources of a workspace; does no I/O.

    Args:
        begin: Called within an extraction, by each resource; gives all of them the same work.
        loads_issues: Whether the resources fill `sync_issues` too, each with what it met.
        extra_tables: Those of `EXTRA_TABLES` that are selected; the others are off.
    """
    rows = _Rows(begin, loads_issues=loads_issues)

    def job_results(reader: ResultReader) -> Iterator[Any]:
        yield from rows.job_results(reader)

    readers = dlt.resource(_plain(rows.result_readers), name="result_readers", selected=False)
    results = dlt.transformer(
        job_results,
        data_from=readers,
        name=JOB_RESULTS.name,
        parallelized=True,
        **_hints(JOB_RESULTS),
    )
    workspaces = dlt.resource(_plain(rows.workspaces), name=WORKSPACES.name, **_hints(WORKSPACES))
    jobs = dlt.resource(_plain(rows.jobs), name=JOBS.name, **_hints(JOBS))
    resources: list[DltResource] = [
        workspaces,
        dlt.resource(_plain(rows.workflows), name=WORKFLOWS.name, **_hints(WORKFLOWS)),
        jobs,
        dlt.resource(
            _plain(rows.successful_jobs), name=SUCCESSFUL_JOBS.name, **_hints(SUCCESSFUL_JOBS)
        ),
        results,
    ]
    for table in EXTRA_TABLES:
        is_selected = table.name in extra_tables
        resources.append(
            dlt.resource(
                _plain(partial(rows.extra_rows, table)),
                name=table.name,
                selected=is_selected,
                **_hints(table),
            )
        )
    _add_table(workspaces, QUOTA_READINGS)
    _add_table(jobs, CHECKPOINTS)
    _add_table(results, LEDGER)
    for resource in resources if loads_issues else ():
        _add_table(resource, SYNC_ISSUES)
    return resources


class _Rows:
    """What each resource yields."""

    def __init__(self, begin: Callable[[], Work], *, loads_issues: bool) -> None:
        self._begin = begin
        self._loads_issues = loads_issues

    def workspaces(self) -> Iterator[Any]:
        work = self._begin()
        yield partial(self._workspace, work)

    def workflows(self) -> Iterator[Any]:
        work = self._begin()
        plan = work.plan
        if plan.named_workflows is not None:
            stages, rows = plan.listing.stages, plan.named_workflows.rows
            yield from _rows_while(stages, work, WORKFLOWS, rows)
        else:
            for fetch in plan.workflows.changed():
                yield partial(self._row, work, WORKFLOWS, fetch)
            if _may_delete(bool(plan.workflows.all()), plan.workflows.were_any):
                yield _with_columns(WORKFLOWS, plan.workflows.vanished())
            else:
                detail = "No workflow is listed, after some were"
                plan.issues.add("empty_listing", KEPT, detail=detail)
        yield from _cleaned(work, WORKFLOWS)
        yield from self._issues(work)

    def jobs(self) -> Iterator[Any]:
        work = self._begin()
        plan = work.plan
        yield from _rows_while(plan.listing.stages, work, JOBS, plan.jobs.rows)
        yield from _cleaned(work, JOBS)
        checkpoint = plan.listing.checkpoint()
        if checkpoint is not None:
            yield dlt.mark.with_table_name([checkpoint], CHECKPOINTS.name)
        yield from self._issues(work)

    def successful_jobs(self) -> Iterator[Any]:
        work = self._begin()
        plan = work.plan
        rows = plan.jobs.successful_rows
        yield from _rows_while(plan.listing.stages, work, SUCCESSFUL_JOBS, rows)
        yield from _cleaned(work, SUCCESSFUL_JOBS)
        yield from self._issues(work)

    def extra_rows(self, table: Table) -> Iterator[Any]:
        work = self._begin()
        plan = work.plan.extras[table.name]
        yield from _rows_while(plan.reading, work, table, plan.rows)
        if plan.is_offered and _may_delete(plan.are_any, plan.were_any):
            yield _with_columns(table, plan.vanished())
        elif plan.is_offered:
            detail = f"Nothing is listed of {table.name}, after something was"
            work.plan.issues.add("empty_listing", KEPT, detail=detail)
        yield from self._issues(work)

    def result_readers(self) -> Iterator[Any]:
        work = self._begin()
        plan = work.plan
        yield from _rows_while(plan.listing.stages, work, JOB_RESULTS, deque())
        ledger = plan.jobs.rereads.take_ledger()
        work.add_ledger(ledger)
        # one at least where the listing left rows or issues: the reader loads those too
        is_pending = bool(ledger) or (self._loads_issues and plan.issues.is_pending)
        needed = len(plan.queue) or int(is_pending)
        for _ in range(min(work.max_parallel, needed)):
            yield work.reader()

    def job_results(self, reader: ResultReader) -> Iterator[Any]:
        for file in reader.run():
            # dlt links the file when it gets to it, which may be after the next step of this loop
            yield dlt.mark.with_file_import(str(file.path), "parquet", file.rows)
        if reader.ledger:
            yield dlt.mark.with_table_name(reader.ledger, LEDGER.name)
        yield from self._issues(self._begin())

    def _workspace(self, work: Work) -> Iterator[Any]:
        row, reading = work.plan.workspace.rows()
        readings = [dlt.mark.with_table_name([reading], QUOTA_READINGS.name)] if reading else []
        rows = _with_columns(WORKSPACES, [row] if row else [])
        cleaned = _cleaned(work, WORKSPACES)
        return iter([rows, *cleaned, *readings, *self._issues(work)])

    def _row(self, work: Work, table: Table, fetch: Callable[[], Row | None]) -> Iterator[Any]:
        row = fetch()
        return iter([_with_columns(table, [row] if row else []), *self._issues(work)])

    def _issues(self, work: Work) -> list[Any]:
        rows = work.issue_rows() if self._loads_issues else []
        return [dlt.mark.with_table_name(rows, SYNC_ISSUES.name)] if rows else []


def _plain(rows: Callable[[], Iterator[Any]]) -> Callable[[], Iterator[Any]]:
    """A function, for dlt writes on what it is given, which a method does not take."""

    def resource() -> Iterator[Any]:
        yield from rows()

    return resource


def _add_table(resource: DltResource, table: Table) -> None:
    """Lets a resource fill a second table."""
    hints = {**table.hints(), "merge_key": (), "create_table_variant": True}
    # a variant begins with the columns of its resource: drop those first
    resource.apply_hints(**{**hints, "columns": {}}).apply_hints(**hints)


def _hints(table: Table) -> dict[str, Any]:
    return {**table.hints(), "max_table_nesting": 0}


def _with_columns(table: Table, rows: list[Row]) -> Any:
    """Rows, with a text or JSON column for each field that the table has no column for."""
    unknown: dict[str, str] = {}
    for row in rows:
        for name in row.keys() - table.columns.keys() - {DELETE_MARK}:
            is_nested = isinstance(row[name], (dict, list))
            unknown[name] = "json" if is_nested else unknown.get(name, "text")
    if not unknown:
        return rows
    columns: Any = {name: {"name": name, "data_type": kind} for name, kind in unknown.items()}
    return dlt.mark.with_hints(rows, dlt.mark.make_hints(columns=columns))


def _cleaned(work: Work, table: Table) -> Iterator[Any]:
    """Rows that were loaded with secrets, once all others of the table are found."""
    for rows in work.plan.cleaning.rows(table):
        yield _with_columns(table, rows)


def _rows_while(stages: Stages, work: Work, table: Table, rows: deque[Row]) -> Iterator[Any]:
    """Yields rows as they are found; helps with what finds them, whoever else does too."""
    while True:
        is_last = stages.are_done
        while rows:
            batch = [rows.popleft() for _ in range(min(len(rows), ROWS_PER_YIELD))]
            yield _with_columns(table, batch)
        if is_last:
            return
        yield stages.take_help(limit=work.max_parallel)


def _may_delete(is_listing_full: bool, was_full: bool) -> bool:
    """Whether what is missing in a listing is really gone.

    One empty listing after a full one may be a failure of the API: it deletes nothing. The second
    in a row does; dlt's state remembers the first.
    """
    state = dlt.current.resource_state()
    if is_listing_full or not was_full:
        state.pop("empty_listings", None)
        return True
    state["empty_listings"] = state.get("empty_listings", 0) + 1
    return bool(state["empty_listings"] > 1)
