"""The results of workflows as lists, first rows and files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import dlt
import duckdb
import pyarrow as pa

from captaindata_source.errors import ConfigError, DestinationError
from captaindata_source.files import take_place
from captaindata_source.sqltext import literal, quoted
from captaindata_source.tables import LEDGER, WORKFLOWS, views_schema
from captaindata_source.views.results.fields import FIELD_JOBS, VIEW_LABELS, WorkflowKey
from captaindata_source.views.results.labels import Labels, labels_of
from captaindata_source.views.results.names import assign_names
from captaindata_source.views.results.repeated import count_repeated
from captaindata_source.views.results.tables import PREFIX, RESULT_VIEWS, workspace_names
from captaindata_source.warehouse.database import Database, open_database, schema_of

__all__ = ["Format", "Listed", "choose", "export", "list_results", "preview"]

Format = Literal["csv", "parquet", "jsonl"]
BATCH_ROWS = 20_000
NULL = "NULL"
_UNWRITTEN = re.compile(r"(?:write (?:to )?|open )file .*?\.part\W+([A-Z][\w' -]+)")
"""What DuckDB says of the file that it writes, and why."""
TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
_COPY_OPTIONS: dict[Format, str] = {
    "csv": f"format csv, header, timestampformat '{TIME_FORMAT}'",
    "parquet": "format parquet, compression zstd",
    "jsonl": f"format json, timestampformat '{TIME_FORMAT}'",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A workflow whose results can be looked at.

    Args:
        workspace: Its configured name, else its uid: `workspace_label` of the views.
        workspace_uid: Its uid.
        workflow: Name of the workflow as last seen, else its uid.
        workflow_uid: Its uid.
        view: Name of its view or table.
        columns: How many columns it has.
        rows: Results loaded.
        folder: Name for the workspace's folder, which no other workspace has.
        labels: Columns that say where a result is from.
    """

    workspace: str
    workspace_uid: str
    workflow: str
    workflow_uid: str
    view: str
    columns: int
    rows: int
    folder: str
    labels: tuple[str, ...] = ()


def list_results(pipeline: dlt.Pipeline) -> list[Listed]:
    """What `results_…` views and tables there are.

    Raises:
        ConfigError: There are none, or the destination has no views.
    """
    with open_database(pipeline) as database:
        if database is None:
            raise ConfigError("Results can be listed and exported from DuckDB and Postgres alone")
        found = _list(database, schema_of(pipeline))
    if not found:
        raise ConfigError(
            f"Dataset {pipeline.dataset_name} has no views of results yet: run `captaindata sync`, "
            "or `captaindata views create` where create_views is off"
        )
    return found


def _list(database: Database, dataset: str) -> list[Listed]:
    tables = database.relations(dataset)
    if RESULT_VIEWS not in tables:
        return []
    schema = quoted(dataset)
    there = database.relations(views_schema(dataset))
    names = workspace_names(database, dataset, tables)
    workflows = {}
    if WORKFLOWS.name in tables:
        rows = database.query(f"select workspace_uid, uid, name from {schema}.{WORKFLOWS.name}")
        workflows = {(workspace, uid): name for workspace, uid, name in rows}
    counts = {
        (workspace, workflow): int(rows or 0)
        for workspace, workflow, rows in database.query(
            f"""
            select j.workspace_uid, j.workflow_uid, sum(l.result_rows)
            from {schema}.{FIELD_JOBS} as j
            inner join {schema}.{LEDGER.name} as l
                on l.workspace_uid = j.workspace_uid and l.job_uid = j.job_uid
            group by j.workspace_uid, j.workflow_uid
            """
        )
    }
    views = database.query(
        f"select workspace_uid, workflow_uid, view_name from {schema}.{RESULT_VIEWS}"
    )
    labels = labels_of(database, dataset) if VIEW_LABELS in tables else {}
    left_out: dict[WorkflowKey, int] = {}
    if any(each.keeps_repeated is False for each in labels.values()):
        repeated = count_repeated(database, dataset)
        left_out = {
            key: repeated.get(key, 0)
            for key, each in labels.items()
            if each.keeps_repeated is False
        }
    spaces = {workspace for workspace, *_ in views}
    folders = assign_names(
        ((workspace, [[names.get(workspace) or workspace]]) for workspace in spaces), taken=()
    )
    listed = [
        Listed(
            workspace=names.get(workspace) or workspace,
            workspace_uid=workspace,
            workflow=workflows.get((workspace, workflow)) or workflow,
            workflow_uid=workflow,
            view=view,
            columns=len(database.columns(views_schema(dataset), view)),
            rows=counts.get((workspace, workflow), 0) - left_out.get((workspace, workflow), 0),
            folder=folders[workspace],
            labels=labels.get((workspace, workflow), Labels()).names,
        )
        for workspace, workflow, view in views
        if view in there
    ]
    return sorted(listed, key=lambda each: (each.workspace, each.workflow, each.view))


def choose(
    listed: Sequence[Listed], *, workflow: str | None = None, workspace: str | None = None
) -> list[Listed]:
    """Those of a workflow and workspace.

    Args:
        listed: What there is.
        workflow: Name, uid, or name of the view; None: all.
        workspace: Configured name or uid; None: all.

    Raises:
        ConfigError: There is none; says which there are.
    """
    found = [each for each in listed if workspace in (None, each.workspace, each.workspace_uid)]
    if not found:
        names = ", ".join(sorted({repr(each.workspace) for each in listed}))
        raise ConfigError(f"Unknown workspace {workspace!r}; there are {names}")
    if workflow is None:
        return found
    exact = [
        each
        for each in found
        if workflow in (each.workflow_uid, each.view)
        or workflow.casefold() == each.workflow.casefold()
    ]
    if not exact:
        names = ", ".join(sorted({repr(each.workflow) for each in found}))
        raise ConfigError(f"Unknown workflow {workflow!r}; there are {names}")
    return exact


def preview(
    pipeline: dlt.Pipeline, each: Listed, *, limit: int
) -> tuple[list[str], list[list[str]]]:
    """The newest results of a workflow: its fields first, ids and times last.

    Args:
        pipeline: Gives destination and dataset.
        each: The workflow.
        limit: Rows.

    Returns:
        Names of the columns, and rows of text; times are UTC.
    """
    with open_database(pipeline) as database:
        assert database is not None  # noqa: S101 - it was listed
        there = database.columns(views_schema(schema_of(pipeline)), each.view)
        last = [
            *(name for name, _ in there if name in each.labels),
            *("created_at", "started_at", "job_id", "result_id"),
        ]
        names = [*(name for name, _ in there if name not in last), *last]
        query = (
            f"select {', '.join(map(quoted, names))} from {_target(pipeline, each)} "
            f"order by created_at desc nulls last, result_id limit {limit}"
        )
        with database.reader(query, limit) as reader:
            columns = [_texts(column) for column in reader.read_all().columns]
    return names, [list(row) for row in zip(*columns, strict=True)]


def _texts(column: pa.ChunkedArray) -> list[str]:
    if pa.types.is_timestamp(column.type):
        if column.type.tz is not None:
            column = column.cast(pa.timestamp("us", "UTC"))
        texts = column.cast(pa.string()).to_pylist()  # Python has no years beyond 9999
        return [NULL if text is None else text.replace(".000000", "") for text in texts]
    return [NULL if value is None else _text(value) for value in column.to_pylist()]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def export(pipeline: dlt.Pipeline, each: Listed, *, folder: Path, kind: Format) -> Path:
    """Writes the results of a workflow into a file of its workspace's folder; all or nothing.

    Times are UTC. Arrays and objects are JSON: nested in jsonl, text in csv and parquet.

    Args:
        pipeline: Gives destination and dataset.
        each: The workflow.
        folder: Where the workspaces' folders are.
        kind: What to write.

    Raises:
        OSError: The folder can't be written.
        DestinationError: The database can't be read, or the file not be written.
    """
    target = folder / each.folder / f"{each.view.removeprefix(PREFIX)}.{kind}"
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.part")
    with open_database(pipeline) as database, duckdb.connect() as writer:
        assert database is not None  # noqa: S101 - it was listed
        columns = ", ".join(
            f"cast({quoted(name)} as json) as {quoted(name)}"
            if type_name.lower() == "json"
            else quoted(name)
            for name, type_name in database.columns(views_schema(schema_of(pipeline)), each.view)
        )
        try:
            with database.reader(f"select * from {_target(pipeline, each)}", BATCH_ROWS) as reader:
                writer.execute("set timezone = 'UTC'")
                writer.register("results", reader)
                writer.execute(
                    f"copy (select {columns} from results) to {literal(str(fresh))} "
                    f"({_COPY_OPTIONS[kind]})"
                )
            take_place(fresh, target)
        except duckdb.Error as error:
            if (reason := _UNWRITTEN.search(str(error))) is None:
                raise
            raise DestinationError(
                f"{target} can't be written: {reason[1].strip()}. Free some space there, or name "
                "another folder with --output"
            ) from None
        finally:
            fresh.unlink(missing_ok=True)
    return target


def _target(pipeline: dlt.Pipeline, each: Listed) -> str:
    return f"{quoted(views_schema(schema_of(pipeline)))}.{quoted(each.view)}"
