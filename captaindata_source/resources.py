"""The dlt resources of one workspace: they ask the plan for rows and hand them to dlt.

Calls run in dlt's own thread pool: what a resource yields as a callable is called there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Protocol

import dlt
from dlt.extract import DltResource

from captaindata_source.issues import KEPT
from captaindata_source.plan import SyncPlan
from captaindata_source.records import Row
from captaindata_source.results import ResultReader
from captaindata_source.tables import (
    DELETE_MARK,
    JOB_RESULTS,
    JOBS,
    LEDGER,
    SUCCESSFUL_JOBS,
    SYNC_ISSUES,
    WORKFLOWS,
    WORKSPACES,
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

    def issue_rows(self) -> list[Row]:
        """Rows of `sync_issues` since the last call."""


def build_resources(begin: Callable[[], Work], *, loads_issues: bool = True) -> list[DltResource]:
    """Builds the five resources of a workspace; does no I/O.

    Args:
        begin: Called within an extraction, by each resource; gives all of them the same work.
        loads_issues: Whether the resources fill `sync_issues` too, each with what it met.
    """

    def issues(work: Work) -> list[Any]:
        rows = work.issue_rows() if loads_issues else []
        return [dlt.mark.with_table_name(rows, SYNC_ISSUES.name)] if rows else []

    def workspaces() -> Iterator[Any]:
        work = begin()
        yield partial(_fetch_row, work, WORKSPACES, work.plan.workspace_row, issues)

    def workflows() -> Iterator[Any]:
        work = begin()
        plan = work.plan
        for fetch in plan.changed_workflows():
            yield partial(_fetch_row, work, WORKFLOWS, fetch, issues)
        if _may_delete(bool(plan.workflows()), plan.knows_workflows):
            yield _with_columns(WORKFLOWS, plan.vanished_workflows())
        else:
            plan.issues.add("empty_listing", KEPT, detail="No workflow is listed, after some were")
        yield from issues(work)

    def jobs() -> Iterator[Any]:
        work = begin()
        yield from _rows_while_listing(work, JOBS, work.plan.job_rows)
        yield from issues(work)

    def successful_jobs() -> Iterator[Any]:
        work = begin()
        yield from _rows_while_listing(work, SUCCESSFUL_JOBS, work.plan.successful_job_rows)
        yield from issues(work)

    def result_readers() -> Iterator[Any]:
        work = begin()
        yield from _rows_while_listing(work, JOB_RESULTS, deque())
        # one at least where the listing left issues: the reader loads those too
        needed = len(work.plan.queue) or int(loads_issues and work.plan.issues.is_pending)
        for _ in range(min(work.max_parallel, needed)):
            yield work.reader()

    def job_results(reader: ResultReader) -> Iterator[Any]:
        for file in reader.run():
            # dlt links the file when it gets to it, which may be after the next step of this loop
            yield dlt.mark.with_file_import(str(file.path), "parquet", file.rows)
        if reader.ledger:
            yield dlt.mark.with_table_name(reader.ledger, LEDGER.name)
        yield from issues(begin())

    readers = dlt.resource(result_readers, name="result_readers", selected=False)
    results = dlt.transformer(
        job_results,
        data_from=readers,
        name=JOB_RESULTS.name,
        parallelized=True,
        **_hints(JOB_RESULTS),
    )
    resources: list[DltResource] = [
        dlt.resource(workspaces, name=WORKSPACES.name, **_hints(WORKSPACES)),
        dlt.resource(workflows, name=WORKFLOWS.name, **_hints(WORKFLOWS)),
        dlt.resource(jobs, name=JOBS.name, **_hints(JOBS)),
        dlt.resource(successful_jobs, name=SUCCESSFUL_JOBS.name, **_hints(SUCCESSFUL_JOBS)),
        results,
    ]
    _add_table(results, LEDGER)
    for resource in resources if loads_issues else ():
        _add_table(resource, SYNC_ISSUES)
    return resources


def _add_table(resource: DltResource, table: Table) -> None:
    """Lets a resource fill a second table."""
    hints = {**table.hints(), "merge_key": (), "create_table_variant": True}
    # a variant begins with the columns of its resource: drop those first
    resource.apply_hints(**{**hints, "columns": {}}).apply_hints(**hints)


def _hints(table: Table) -> dict[str, Any]:
    return {**table.hints(), "max_table_nesting": 0}


def _fetch_row(
    work: Work,
    table: Table,
    fetch: Callable[[], Row | None],
    issues: Callable[[Work], list[Any]],
) -> Iterator[Any]:
    row = fetch()
    return iter([_with_columns(table, [row] if row else []), *issues(work)])


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


def _rows_while_listing(work: Work, table: Table, rows: deque[Row]) -> Iterator[Any]:
    """Yields rows as jobs are listed; helps with listing, whoever else does too."""
    while True:
        is_last = work.plan.listing.are_done
        while rows:
            batch = [rows.popleft() for _ in range(min(len(rows), ROWS_PER_YIELD))]
            yield _with_columns(table, batch)
        if is_last:
            return
        yield work.plan.listing.take_help(limit=work.max_parallel)


def _may_delete(is_listing_full: bool, was_full: bool) -> bool:
    """Whether what is missing in the listing of workflows is really gone.

    One empty listing after a full one may be a failure of the API: it deletes nothing. The second
    in a row does; dlt's state remembers the first.
    """
    state = dlt.current.resource_state()
    if is_listing_full or not was_full:
        state.pop("empty_listings", None)
        return True
    state["empty_listings"] = state.get("empty_listings", 0) + 1
    return bool(state["empty_listings"] > 1)
