"""The dlt resources: generators that yield what the threads of an extraction have found."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.parquet as pq
from dlt.extract import DltResource

from captaindata_source.dlt_internals.extraction import make_empty_tables
from captaindata_source.extract.extraction import Extraction
from captaindata_source.extract.package_work import PackageWork
from captaindata_source.extract.results.files import ResultFile
from captaindata_source.issues import Action, Kind
from captaindata_source.tables import (
    CHANGE_TABLES,
    CHECKPOINTS,
    DELETE_MARK,
    EXTRA_TABLES,
    INPUTS_LEDGER,
    JOB_INPUTS,
    JOB_RESULTS,
    JOBS,
    LEDGER,
    QUOTA_READINGS,
    SELECTABLE,
    SUCCESSFUL_JOBS,
    SYNC_ISSUES,
    SYNC_RUNS,
    WEBHOOK_EVENTS,
    WORKFLOWS,
    WORKSPACES,
    Row,
    Table,
)

__all__ = ["build_resources"]

EMPTY_LISTINGS = "empty_listings"
"""In dlt's state of a resource: workspaces whose last listing was empty, after one that was not."""
Begin = Callable[[str], PackageWork]
Rows = Callable[[Extraction], Iterator[Any]]


def build_resources(
    begin: Begin, *, extra_tables: Collection[str] = (), table_format: str | None = None
) -> list[DltResource]:
    """Builds the resources; does no I/O.

    Args:
        begin: Called within an extraction, by each resource with the name of its table; gives all
            of them the same work.
        extra_tables: Those of `EXTRA_TABLES` that are selected; the others are off.
        table_format: See `Table.hints`.
    """
    make_empty_tables()
    off = {table.name for table in EXTRA_TABLES} - set(extra_tables)
    resources = {
        table.name: dlt.resource(
            _generator(begin, table, _ROWS.get(table.name) or _extra_rows(table)),
            name=table.name,
            selected=table.name not in off,
            max_table_nesting=0,
            **table.hints(table_format),
        )
        for table in SELECTABLE
    }
    for resource, table in (
        (WORKSPACES, QUOTA_READINGS),
        (JOB_RESULTS, LEDGER),
        (JOB_INPUTS, INPUTS_LEDGER),
    ):
        _add_table(resources[resource.name], table, table_format)
    for name, changes in CHANGE_TABLES.items():
        _add_table(resources[name], changes, table_format)
    for each in resources.values():
        for table in (CHECKPOINTS, SYNC_RUNS, SYNC_ISSUES, WEBHOOK_EVENTS):
            _add_table(each, table, table_format)
    return list(resources.values())


def _generator(begin: Begin, table: Table, rows: Rows) -> Callable[[], Iterator[Any]]:
    def resource() -> Iterator[Any]:
        work = begin(table.name)
        try:
            work.begin()
            for extraction in work.extractions:
                if table.name in extraction.tables:
                    yield from rows(extraction)
                    yield from _changes(extraction, table)
            if work.logs_in(table.name):
                while not work.is_last(table.name):
                    yield None  # dlt turns to the other resources
                yield from _log(work)
        except GeneratorExit:
            work.abandon(table.name, is_closed=True)
            raise
        except BaseException:
            work.abandon(table.name, is_closed=False)
            raise
        work.end(table.name)

    return resource


def _changes(extraction: Extraction, table: Table) -> Iterator[Any]:
    """Rows of the table that keeps the changes; it is there also when nothing ever changed."""
    changes = CHANGE_TABLES.get(table.name)
    if changes is None or not extraction.is_loaded:
        return
    if rows := extraction.take_changes(table):
        yield dlt.mark.with_table_name(rows, changes.name)
    elif changes.name not in dlt.current.source_schema().tables:
        yield dlt.mark.with_table_name(dlt.mark.materialize_table_schema(), changes.name)


def _log(work: PackageWork) -> Iterator[Any]:
    """Checkpoints, and rows of `sync_runs` and `sync_issues`; the latter is there also when there
    never was one."""
    tables = dlt.current.source_schema().tables
    if checkpoints := [row for each in work.extractions for row in each.checkpoints()]:
        yield dlt.mark.with_table_name(checkpoints, CHECKPOINTS.name)
    for log in work.logs():
        if log.runs:
            yield dlt.mark.with_table_name(list(log.runs), SYNC_RUNS.name)
        if log.events:
            yield dlt.mark.with_table_name(list(log.events), WEBHOOK_EVENTS.name)
        if log.issues:
            yield dlt.mark.with_table_name(list(log.issues), SYNC_ISSUES.name)
        elif SYNC_ISSUES.name not in tables:
            yield dlt.mark.with_table_name(dlt.mark.materialize_table_schema(), SYNC_ISSUES.name)


def _workspaces(extraction: Extraction) -> Iterator[Any]:
    for found in extraction.streams[WORKSPACES.name].batches():
        for row, reading in found:
            if row:
                yield _with_columns(WORKSPACES, [row])
            if reading and extraction.is_loaded:
                yield dlt.mark.with_table_name([reading], QUOTA_READINGS.name)
    yield from _cleaned(extraction, WORKSPACES)


def _workflows(extraction: Extraction) -> Iterator[Any]:
    plan = extraction.plan
    for rows in extraction.streams[WORKFLOWS.name].batches():
        yield _with_columns(WORKFLOWS, rows)
    if plan.named_workflows is None:
        if _may_delete(extraction, bool(plan.workflows.all()), plan.workflows.were_any):
            if vanished := plan.workflows.vanished():
                yield _with_columns(WORKFLOWS, vanished)
        else:
            detail = "No workflow is listed, after some were"
            plan.issues.add(Kind.EMPTY_LISTING, Action.KEPT, detail=detail)
    yield from _cleaned(extraction, WORKFLOWS)


def _jobs(extraction: Extraction) -> Iterator[Any]:
    for rows in extraction.streams[JOBS.name].batches():
        yield _with_columns(JOBS, rows)
    yield from _cleaned(extraction, JOBS)


def _successful_jobs(extraction: Extraction) -> Iterator[Any]:
    for rows in extraction.streams[SUCCESSFUL_JOBS.name].batches():
        yield _with_columns(SUCCESSFUL_JOBS, rows)
    yield from _cleaned(extraction, SUCCESSFUL_JOBS)


def _job_results(extraction: Extraction) -> Iterator[Any]:
    for files in extraction.streams[JOB_RESULTS.name].batches():
        for file in files:
            if extraction.is_loaded and extraction.loads_files:
                # an item, if an empty one: `add_limit` drops what is None
                yield dlt.mark.with_file_import(str(file.path), "parquet", file.rows, [])
            else:
                yield from _tables_of(file)
    if (ledger := extraction.take_ledger()) and extraction.is_loaded:
        yield dlt.mark.with_table_name(ledger, LEDGER.name)


def _job_inputs(extraction: Extraction) -> Iterator[Any]:
    for rows in extraction.streams[JOB_INPUTS.name].batches():
        yield _with_columns(JOB_INPUTS, rows)
    if (ledger := extraction.plan.inputs.take_ledger()) and extraction.is_loaded:
        yield dlt.mark.with_table_name(ledger, INPUTS_LEDGER.name)


def _tables_of(file: ResultFile) -> Iterator[pa.Table]:
    """The results of a file, a few megabytes at a time."""
    with pq.ParquetFile(file.path) as opened:
        for number in range(opened.num_row_groups):
            yield opened.read_row_group(number)


def _extra_rows(table: Table) -> Rows:
    def extra_rows(extraction: Extraction) -> Iterator[Any]:
        plan = extraction.plan.extras[table.name]
        for rows in extraction.streams[table.name].batches():
            yield _with_columns(table, rows)
        if plan.is_offered and _may_delete(extraction, plan.are_any, plan.were_any):
            if vanished := plan.vanished():
                yield _with_columns(table, vanished)
        elif plan.is_offered:
            detail = f"Nothing is listed of {table.name}, after something was"
            extraction.plan.issues.add(Kind.EMPTY_LISTING, Action.KEPT, detail=detail)

    return extra_rows


_ROWS: Mapping[str, Rows] = {
    WORKSPACES.name: _workspaces,
    WORKFLOWS.name: _workflows,
    JOBS.name: _jobs,
    SUCCESSFUL_JOBS.name: _successful_jobs,
    JOB_RESULTS.name: _job_results,
    JOB_INPUTS.name: _job_inputs,
}


def _add_table(resource: DltResource, table: Table, table_format: str | None) -> None:
    """Lets a resource fill a second table."""
    hints = {**table.hints(table_format), "merge_key": (), "create_table_variant": True}
    # a variant begins with the columns and the file format of its resource: drop those first
    hints["file_format"] = hints["file_format"] or ""
    resource.apply_hints(**{**hints, "columns": {}}).apply_hints(**hints)


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


def _cleaned(extraction: Extraction, table: Table) -> Iterator[Any]:
    """Rows that were loaded with secrets, once all others of the table are found."""
    for rows in extraction.plan.cleaning.rows(table):
        yield _with_columns(table, rows)


def _may_delete(extraction: Extraction, is_listing_full: bool, was_full: bool) -> bool:
    """Whether what is missing in a listing is really gone.

    One empty listing after a full one may be a failure of the API: it deletes nothing. The second
    in a row does; dlt's state remembers the first.
    """
    state = dlt.current.resource_state()
    times = state.get(EMPTY_LISTINGS)
    times = dict(times) if isinstance(times, dict) else {}  # a number: of an earlier version
    workspace = extraction.settings.project_uid
    is_first = not is_listing_full and was_full and workspace not in times
    if is_first:
        times[workspace] = 1
    else:
        times.pop(workspace, None)
    if times:
        state[EMPTY_LISTINGS] = times
    else:
        state.pop(EMPTY_LISTINGS, None)
    return not is_first
