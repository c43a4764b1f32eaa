"""`captaindata results list|preview|export`: the results of workflows."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from captaindata_source.cli.dataset import warehouse_of
from captaindata_source.cli.export import DEFAULT_FOLDER, add_export_options, order_of, tell
from captaindata_source.cli.output import is_delivered, write_table, write_text
from captaindata_source.cli.process import until_signal
from captaindata_source.cli.shared_arguments import (
    FAILED,
    OK,
    Parsers,
    add_command,
    add_destination,
    whole,
)
from captaindata_source.errors import ConfigError
from captaindata_source.tabular import as_columns, as_records, one_line

if TYPE_CHECKING:
    import dlt

    from captaindata_source.export.results import Listed

__all__ = ["add_results"]

DEFAULT_ROWS = 10
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

    text = "write results into files, one for each workspace and workflow; xlsx: one a workspace"
    export = add_command(actions, "export", text, _export)
    export.add_argument(
        "workflow",
        metavar="WORKFLOW",
        nargs="?",
        help="name or uid of a workflow or view; left out with --workspace: all of it",
    )
    export.add_argument(
        "--output",
        type=Path,
        default=Path(DEFAULT_FOLDER),
        metavar="FOLDER",
        help=f"where the workspaces' folders go ({DEFAULT_FOLDER})",
    )
    add_export_options(export)
    for parser in (listing, preview):
        add_destination(parser, with_workspaces=True)


def _list_results(options: argparse.Namespace) -> int:
    from captaindata_source.export.results import choose, list_results

    found = choose(list_results(warehouse_of(options)), workspaces=options.workspace)
    lines = [
        (each.workspace.label, each.workflow, f"{each.rows:,}", f"{each.columns:,}", each.view)
        for each in found
    ]
    headings = ("workspace", "workflow", "rows", "columns", "view")
    write_table([headings, *lines], right=(2, 3))
    return OK if is_delivered() else FAILED


def _chosen(pipeline: dlt.Pipeline, options: argparse.Namespace) -> list[Listed]:
    from captaindata_source.export.results import choose, list_results

    return choose(list_results(pipeline), workflow=options.workflow, workspaces=options.workspace)


def _preview(options: argparse.Namespace) -> int:
    from captaindata_source.export.preview import preview

    pipeline = warehouse_of(options)
    for each in _chosen(pipeline, options):
        names, rows = preview(pipeline, each, limit=options.limit)
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
        title = one_line(f"{each.workspace.label}: {each.workflow} ({each.view})")
        write_text(f"{title}\n{text}")
    return OK if is_delivered() else FAILED


def _export(options: argparse.Namespace) -> int:
    from captaindata_source.export.writing import export_results

    if options.workflow is None and not options.workspace:
        raise ConfigError("Name a WORKFLOW, or a workspace with --workspace")
    order = order_of(options)
    pipeline = warehouse_of(options)
    chosen = _chosen(pipeline, options)

    def export() -> None:
        for written in export_results(pipeline, chosen, order, folder=options.output):
            tell(written)

    until_signal(export)
    return OK


def _width() -> int:
    return max(MIN_WIDTH, shutil.get_terminal_size((120, 40)).columns)
