"""The dlt resources of one workspace: they ask the plan for rows and hand them to dlt.

Calls run in dlt's own thread pool: what a resource yields as a callable is called there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import dlt
from dlt.extract import DltResource

from captaindata_source.plan import SyncPlan
from captaindata_source.records import Row
from captaindata_source.results import ResultReader
from captaindata_source.tables import (
    JOB_RESULTS,
    JOBS,
    LEDGER,
    SUCCESSFUL_JOBS,
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


def build_resources(begin: Callable[[], Work]) -> list[DltResource]:
    """Builds the five resources of a workspace; does no I/O.

    Args:
        begin: Called within an extraction, by each resource; gives all of them the same work.
    """

    def workspaces() -> Iterator[Callable[[], Row | None]]:
        yield begin().plan.workspace_row

    def workflows() -> Iterator[Any]:
        plan = begin().plan
        yield from plan.changed_workflows()
        if _may_delete(bool(plan.workflows()), plan.knows_workflows):
            yield plan.vanished_workflows()

    def jobs() -> Iterator[Any]:
        work = begin()
        yield from _rows_while_listing(work, work.plan.job_rows)

    def successful_jobs() -> Iterator[Any]:
        work = begin()
        yield from _rows_while_listing(work, work.plan.successful_job_rows)

    def result_readers() -> Iterator[Any]:
        work = begin()
        yield from _rows_while_listing(work, deque())
        for _ in range(min(work.max_parallel, len(work.plan.queue))):
            yield work.reader()

    def job_results(reader: ResultReader) -> Iterator[Any]:
        for file in reader.run():
            # dlt links the file when it gets to it, which may be after the next step of this loop
            yield dlt.mark.with_file_import(str(file.path), "parquet", file.rows)
        if reader.ledger:
            yield dlt.mark.with_table_name(reader.ledger, LEDGER.name)

    readers = dlt.resource(result_readers, name="result_readers", selected=False)
    results = dlt.transformer(
        job_results,
        data_from=readers,
        name=JOB_RESULTS.name,
        parallelized=True,
        **_hints(JOB_RESULTS),
    )
    ledger = {**LEDGER.hints(), "merge_key": (), "create_table_variant": True}
    # a variant begins with the columns of its resource: drop those first
    results.apply_hints(**{**ledger, "columns": {}}).apply_hints(**ledger)
    return [
        dlt.resource(workspaces, name=WORKSPACES.name, **_hints(WORKSPACES)),
        dlt.resource(workflows, name=WORKFLOWS.name, **_hints(WORKFLOWS)),
        dlt.resource(jobs, name=JOBS.name, **_hints(JOBS)),
        dlt.resource(successful_jobs, name=SUCCESSFUL_JOBS.name, **_hints(SUCCESSFUL_JOBS)),
        results,
    ]


def _hints(table: Table) -> dict[str, Any]:
    return {**table.hints(), "max_table_nesting": 0}


def _rows_while_listing(work: Work, rows: deque[Row]) -> Iterator[Any]:
    """Yields rows as jobs are listed; helps with listing, whoever else does too."""
    while True:
        is_last = work.plan.is_listed
        while rows:
            yield [rows.popleft() for _ in range(min(len(rows), ROWS_PER_YIELD))]
        if is_last:
            return
        yield work.plan.take_help(limit=work.max_parallel)


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
