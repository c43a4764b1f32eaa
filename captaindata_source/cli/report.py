"""`captaindata report`: the views as one page of HTML."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from captaindata_source.cli.dataset import options_of, warehouse_of
from captaindata_source.cli.output import write_text
from captaindata_source.cli.shared_arguments import (
    FAILED,
    OK,
    Parsers,
    add_command,
    add_destination,
    add_loaded_workspaces,
    add_since,
)
from captaindata_source.tabular import one_line

if TYPE_CHECKING:
    from captaindata_source.report.reports import Written

__all__ = ["add_report"]


def add_report(commands: Parsers) -> None:
    """Adds the command."""
    text = "write a page of HTML with the key figures, charts and tables of the views"
    parser = add_command(commands, "report", text, _report)
    add_destination(parser)
    add_loaded_workspaces(parser)
    parser.add_argument(
        "--per-workspace",
        action="store_true",
        help="one page for each workspace, with nothing of the others",
    )
    add_since(parser, "first day (90 days up to the newest run)")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="PATH",
        help="the file (report.html); with --per-workspace the folder (the current one)",
    )


def _report(options: argparse.Namespace) -> int:
    from captaindata_source.report.reports import write_reports

    how = options_of(options)
    written = write_reports(
        warehouse_of(options, how),
        output=options.output,
        names=options.workspace,
        is_per_workspace=options.per_workspace,
        since=options.since,
        zone=how.report_timezone,
        on_written=_tell,
    )
    return FAILED if any(each.problems for each in written) else OK


def _tell(written: Written) -> None:
    write_text(f"{written.size / 1e6:>7.1f} MB  {written.path}")
    for problem in written.problems:
        write_text(one_line(f"FAILED: {problem}"))
