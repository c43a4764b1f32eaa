"""The commands that look at what is loaded: `captaindata views` and `captaindata results`."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from captaindata_source.errors import CaptainDataError, ConfigError

if TYPE_CHECKING:
    import dlt

    from captaindata_source.pipeline import SyncOptions
    from captaindata_source.results_export import Listed
    from captaindata_source.views.install import Change

__all__ = ["add_results", "add_views"]

OK, FAILED = 0, 1
DEFAULT_ROWS = 10
DEFAULT_FOLDER = "exports"
FORMATS = ("csv", "parquet", "jsonl")
MIN_WIDTH = 80
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
        "--limit", type=_positive, default=DEFAULT_ROWS, help=f"rows ({DEFAULT_ROWS})"
    )
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


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _how(options: argparse.Namespace) -> SyncOptions:
    from captaindata_source import config, pipeline

    return pipeline.SyncOptions(
        destination=options.destination, dataset=options.dataset, **config.load_options()
    )


def _pipeline(options: argparse.Namespace) -> dlt.Pipeline:
    from captaindata_source import pipeline
    from captaindata_source.database import DUCKDB

    found = pipeline.warehouse_pipeline(_how(options))
    if found.destination.destination_type == DUCKDB and not pipeline.duckdb_file(found).exists():
        raise ConfigError(
            f"There is no {pipeline.duckdb_file(found)}: run `captaindata sync` first"
        )
    return found


def _create_views(options: argparse.Namespace) -> int:
    from captaindata_source import after_load, database, pipeline
    from captaindata_source.views.install import State

    how = replace(_how(options), create_views=True)
    warehouse = pipeline.warehouse_pipeline(how)
    if warehouse.destination.destination_type not in (database.DUCKDB, database.POSTGRES):
        raise ConfigError(NO_VIEWS)
    aftermath = after_load.follow_load(warehouse, how, copy_to=None)
    _write_changes(aftermath.changes)
    if aftermath.error:
        sys.stdout.write(f"FAILED: {aftermath.error}\n")
    is_ok = aftermath.is_ok and not aftermath.in_state(State.BLOCKED)
    return OK if is_ok else FAILED


def _drop_views(options: argparse.Namespace) -> int:
    from captaindata_source.database import open_database, schema_of
    from captaindata_source.locks import holding
    from captaindata_source.views.install import State, drop_views

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
        sys.stdout.write(f"{change.state:<10} {change.view}{reason}\n")


def _list_views(options: argparse.Namespace) -> int:
    from captaindata_source.database import open_database, schema_of
    from captaindata_source.views.install import list_views

    pipeline = _pipeline(options)
    with open_database(pipeline) as database:
        if database is None:
            raise ConfigError(NO_VIEWS)
        for name, standing, text in list_views(database, schema_of(pipeline)):
            sys.stdout.write(f"{standing:<10} {name:<40} {text}\n")
    return OK


def _list_results(options: argparse.Namespace) -> int:
    import pyarrow as pa

    from captaindata_source import results_export

    found = results_export.choose(
        results_export.list_results(_pipeline(options)), workspace=options.workspace
    )
    table = pa.table(
        {
            "workspace": [each.workspace for each in found],
            "workflow": [each.workflow for each in found],
            "rows": [each.rows for each in found],
            "columns": [each.columns for each in found],
            "view": [each.view for each in found],
        }
    )
    sys.stdout.write(f"{results_export.as_box(table, width=_width(), rows=len(found))}\n")
    return OK


def _chosen(pipeline: dlt.Pipeline, options: argparse.Namespace) -> list[Listed]:
    from captaindata_source import results_export

    return results_export.choose(
        results_export.list_results(pipeline),
        workflow=options.workflow,
        workspace=options.workspace,
    )


def _preview(options: argparse.Namespace) -> int:
    from captaindata_source import results_export

    pipeline = _pipeline(options)
    for each in _chosen(pipeline, options):
        rows = results_export.preview(pipeline, each, limit=options.limit)
        sys.stdout.write(
            f"{each.workspace}: {each.workflow} ({each.view})\n"
            f"{results_export.as_box(rows, width=_width(), rows=options.limit)}\n"
        )
    return OK


def _export(options: argparse.Namespace) -> int:
    from captaindata_source import results_export

    if options.workflow is None and options.workspace is None:
        raise ConfigError("Name a WORKFLOW, or a workspace with --workspace")
    pipeline = _pipeline(options)
    for each in _chosen(pipeline, options):
        try:
            path = results_export.export(pipeline, each, folder=options.output, kind=options.format)
        except OSError as error:
            raise CaptainDataError(f"{each.view} can't be written: {error}") from error
        sys.stdout.write(f"{each.rows:>10,} rows  {path}\n")
    return OK


def _width() -> int:
    return max(MIN_WIDTH, shutil.get_terminal_size((120, 40)).columns)
