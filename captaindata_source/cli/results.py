"""`captaindata results list|preview|export`: the results of workflows."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from captaindata_source.cli.dataset import warehouse_of
from captaindata_source.cli.output import is_delivered, write_table, write_text
from captaindata_source.cli.shared_arguments import (
    FAILED,
    OK,
    Parsers,
    add_command,
    add_destination,
    whole,
)
from captaindata_source.errors import CaptainDataError, ConfigError
from captaindata_source.tabular import as_columns, as_records, one_line
from captaindata_source.warehouse.remedies import message_of

if TYPE_CHECKING:
    import dlt

    from captaindata_source.views.export import Listed

__all__ = ["add_results"]

DEFAULT_ROWS = 10
DEFAULT_FOLDER = "exports"
FORMATS = ("csv", "parquet", "jsonl")
MIN_WIDTH = 80
MAX_CELL = 40


def add_results(commands: Parsers) -> None:
    """Adds the command."""
    text = "list, preview or export the results of workflows"
    results = add_command(commands, "results", text)
    actions = results.add_subparsers(dest="action", required=True, metavar="ACTION")

    text = "list the workflows with results"
    listing = add_command(actions, "list", text, _list_results)

    text = "print the newest results of a workflow"
    preview = add_command(actions, "preview", text, _preview)
    preview.add_argument("workflow", metavar="WORKFLOW", help="name or uid of a workflow or view")
    preview.add_argument(
        "--limit",
        type=whole(example=DEFAULT_ROWS),
        default=DEFAULT_ROWS,
        help=f"rows ({DEFAULT_ROWS})",
    )
    preview.add_argument("--vertical", action="store_true", help="one field a line, each in full")

    text = "write results into files, one for each workspace and workflow"
    export = add_command(actions, "export", text, _export)
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
    for parser in (listing, preview, export):
        add_destination(parser)
        parser.add_argument("--workspace", metavar="NAME", help="this workspace only")


def _list_results(options: argparse.Namespace) -> int:
    from captaindata_source.views import export

    found = export.choose(export.list_results(warehouse_of(options)), workspace=options.workspace)
    lines = [
        (each.workspace, each.workflow, f"{each.rows:,}", f"{each.columns:,}", each.view)
        for each in found
    ]
    headings = ("workspace", "workflow", "rows", "columns", "view")
    write_table([headings, *lines], right=(2, 3))
    return OK if is_delivered() else FAILED


def _chosen(pipeline: dlt.Pipeline, options: argparse.Namespace) -> list[Listed]:
    from captaindata_source.views import export

    return export.choose(
        export.list_results(pipeline),
        workflow=options.workflow,
        workspace=options.workspace,
    )


def _preview(options: argparse.Namespace) -> int:
    from captaindata_source.views import export

    pipeline = warehouse_of(options)
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
        write_text(f"{title}\n{text}")
    return OK if is_delivered() else FAILED


def _export(options: argparse.Namespace) -> int:
    from captaindata_source.views import export

    if options.workflow is None and options.workspace is None:
        raise ConfigError("Name a WORKFLOW, or a workspace with --workspace")
    pipeline = warehouse_of(options)
    for each in _chosen(pipeline, options):
        try:
            path = export.export(pipeline, each, folder=options.output, kind=options.format)
        except OSError as error:
            raise CaptainDataError(f"{each.view}: {message_of(error)}") from error
        write_text(f"{each.rows:>10,} rows  {path}")
    return OK


def _width() -> int:
    return max(MIN_WIDTH, shutil.get_terminal_size((120, 40)).columns)
