"""The commands that look at what is loaded: `captaindata views` and `captaindata results`."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from captaindata_source.cli.arguments import whole
from captaindata_source.cli.output import is_delivered
from captaindata_source.errors import CaptainDataError, ConfigError
from captaindata_source.tabular import as_columns, as_records, one_line
from captaindata_source.warehouse.remedies import message_of

if TYPE_CHECKING:
    import dlt

    from captaindata_source.views.export import Listed
    from captaindata_source.views.view import Change
    from captaindata_source.warehouse.pipeline import SyncOptions

__all__ = ["add_results", "add_views"]

OK, FAILED = 0, 1
DEFAULT_ROWS = 10
DEFAULT_FOLDER = "exports"
FORMATS = ("csv", "parquet", "jsonl")
MIN_WIDTH = 80
MAX_CELL = 40
NO_VIEWS = "Views are made on DuckDB and Postgres alone"

Parsers = Any  # argparse's own type is private


def add_views(commands: Parsers, add_destination: Any) -> None:
    """Adds `views create|drop|list`."""
    text = "create, drop or list the SQL views of the warehouse"
    views = commands.add_parser("views", help=text, description=f"{text.capitalize()}.")
    actions = views.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, run, text in (
        ("create", _create_views, "bring all views up to date, as each sync does"),
        ("drop", _drop_views, "drop all views (and tables of results); others' are left alone"),
        ("list", _list_views, "list the views and how they stand"),
    ):
        parser = actions.add_parser(name, help=text, description=f"{text.capitalize()}.")
        add_destination(parser, with_workspace=False)
        parser.set_defaults(run=run)


def add_results(commands: Parsers, add_destination: Any) -> None:
    """Adds `results list|preview|export`."""
    text = "list, preview or export the results of workflows"
    results = commands.add_parser("results", help=text, description=f"{text.capitalize()}.")
    actions = results.add_subparsers(dest="action", required=True, metavar="ACTION")

    text = "list the workflows with results"
    listing = actions.add_parser("list", help=text, description=f"{text.capitalize()}.")
    listing.set_defaults(run=_list_results)

    text = "print the newest results of a workflow"
    preview = actions.add_parser("preview", help=text, description=f"{text.capitalize()}.")
    preview.add_argument("workflow", metavar="WORKFLOW", help="name or uid of a workflow or view")
    preview.add_argument(
        "--limit",
        type=whole(example=DEFAULT_ROWS),
        default=DEFAULT_ROWS,
        help=f"rows ({DEFAULT_ROWS})",
    )
    preview.add_argument("--vertical", action="store_true", help="one field a line, each in full")
    preview.set_defaults(run=_preview)

    text = "write results into files, one for each workspace and workflow"
    export = actions.add_parser("export", help=text, description=f"{text.capitalize()}.")
    export.add_argument(
        "workflow",
        metavar="WORKFLOW",
        nargs="?",
        help="name or uid of a workflow or view; left out with --workspace: all of it",
    )
    export.add_argument("--format", choices=FORMATS, default="csv", help="of the files (csv)")
    export.add_argument(
        "--output",
        type=Path,
        default=Path(DEFAULT_FOLDER),
        metavar="FOLDER",
        help=f"where the workspaces' folders go ({DEFAULT_FOLDER})",
    )
    export.set_defaults(run=_export)
    for parser in (listing, preview, export):
        add_destination(parser, with_workspace=False)
        parser.add_argument("--workspace", metavar="NAME", help="this workspace only")


def _how(options: argparse.Namespace) -> SyncOptions:
    from captaindata_source.settings import config
    from captaindata_source.warehouse import pipeline

    return pipeline.SyncOptions(
        destination=options.destination, dataset=options.dataset, **config.load_options()
    )


def _pipeline(options: argparse.Namespace, how: SyncOptions | None = None) -> dlt.Pipeline:
    from captaindata_source.warehouse import pipeline, preflight
    from captaindata_source.warehouse.database import DUCKDB

    found = pipeline.warehouse_pipeline(how or _how(options))
    if found.destination.destination_type == DUCKDB and not pipeline.duckdb_file(found).exists():
        raise ConfigError(
            f"There is no {pipeline.duckdb_file(found)}: run `captaindata sync` first"
        )
    preflight.require_right_warehouse(found)
    return found


def _create_views(options: argparse.Namespace) -> int:
    from captaindata_source.views import refresh
    from captaindata_source.views.view import State
    from captaindata_source.warehouse import database

    how = replace(_how(options), create_views=True)
    warehouse = _pipeline(options, how)
    if warehouse.destination.destination_type not in (database.DUCKDB, database.POSTGRES):
        raise ConfigError(NO_VIEWS)
    aftermath = refresh.follow_load(warehouse, how, copy_to=None)
    _write_changes(aftermath.changes)
    if aftermath.error:
        sys.stdout.write(f"FAILED: {aftermath.error}\n")
    is_ok = aftermath.is_ok and not aftermath.in_state(State.BLOCKED)
    return OK if is_ok else FAILED


def _drop_views(options: argparse.Namespace) -> int:
    from captaindata_source.views.install import drop_views
    from captaindata_source.views.view import State
    from captaindata_source.warehouse.database import open_database, schema_of
    from captaindata_source.warehouse.locks import holding

    pipeline = _pipeline(options)
    with (
        holding(pipeline, waits_for_file=False),
        open_database(pipeline) as database,
    ):
        if database is None:
            raise ConfigError(NO_VIEWS)
        changes = drop_views(database, schema_of(pipeline))
    _write_changes(changes)
    return FAILED if any(change.state is State.BLOCKED for change in changes) else OK


def _write_changes(changes: Sequence[Change]) -> None:
    for change in changes:
        reason = f" ({change.reason})" if change.reason else ""
        sys.stdout.write(one_line(f"{change.state:<10} {change.view}{reason}") + "\n")


def _list_views(options: argparse.Namespace) -> int:
    from captaindata_source.views.install import list_views
    from captaindata_source.warehouse.database import open_database, schema_of

    pipeline = _pipeline(options)
    with open_database(pipeline) as database:
        if database is None:
            raise ConfigError(NO_VIEWS)
        found = sorted(list_views(database, schema_of(pipeline)))
    return _print(as_columns([("view", "state", "what it tells"), *found]))


def _list_results(options: argparse.Namespace) -> int:
    from captaindata_source.views import export

    found = export.choose(export.list_results(_pipeline(options)), workspace=options.workspace)
    lines = [
        (each.workspace, each.workflow, f"{each.rows:,}", f"{each.columns:,}", each.view)
        for each in found
    ]
    headings = ("workspace", "workflow", "rows", "columns", "view")
    return _print(as_columns([headings, *lines], right=(2, 3)))


def _chosen(pipeline: dlt.Pipeline, options: argparse.Namespace) -> list[Listed]:
    from captaindata_source.views import export

    return export.choose(
        export.list_results(pipeline),
        workflow=options.workflow,
        workspace=options.workspace,
    )


def _preview(options: argparse.Namespace) -> int:
    from captaindata_source.views import export

    pipeline = _pipeline(options)
    for each in _chosen(pipeline, options):
        names, rows = export.preview(pipeline, each, limit=options.limit)
        text = (
            as_records(names, rows)
            if options.vertical
            else as_columns(
                [names, *rows],
                width=_width(),
                max_cell=MAX_CELL,
                hint="--vertical shows them, and all texts in full",
            )
        )
        title = one_line(f"{each.workspace}: {each.workflow} ({each.view})")
        sys.stdout.write(f"{title}\n{text}\n")
    return OK if is_delivered() else FAILED


def _export(options: argparse.Namespace) -> int:
    from captaindata_source.views import export

    if options.workflow is None and options.workspace is None:
        raise ConfigError("Name a WORKFLOW, or a workspace with --workspace")
    pipeline = _pipeline(options)
    for each in _chosen(pipeline, options):
        try:
            path = export.export(pipeline, each, folder=options.output, kind=options.format)
        except OSError as error:
            raise CaptainDataError(f"{each.view}: {message_of(error)}") from error
        sys.stdout.write(f"{each.rows:>10,} rows  {path}\n")
    return OK


def _print(text: str) -> int:
    """For commands that do nothing else."""
    sys.stdout.write(f"{text}\n")
    return OK if is_delivered() else FAILED


def _width() -> int:
    return max(MIN_WIDTH, shutil.get_terminal_size((120, 40)).columns)
