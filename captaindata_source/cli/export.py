"""`captaindata export VIEW`: a view as a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from captaindata_source.cli.dataset import options_of, warehouse_of
from captaindata_source.cli.output import is_delivered, write_bytes, write_text
from captaindata_source.cli.process import until_signal
from captaindata_source.cli.shared_arguments import (
    FAILED,
    OK,
    Parsers,
    add_command,
    add_destination,
    add_loaded_workspaces,
    add_since,
)
from captaindata_source.errors import ConfigError

if TYPE_CHECKING:
    from captaindata_source.export.files import Format
    from captaindata_source.export.run import Order, Written

__all__ = ["DEFAULT_FOLDER", "add_export", "add_export_options", "order_of", "tell"]

DEFAULT_FOLDER = "exports"
DEFAULT_NAME = "default"
FORMATS: tuple[Format, ...] = ("csv", "parquet", "jsonl", "xlsx")
PIPE = Path("-")
PIPED = ("csv", "jsonl")


def add_export(commands: Parsers) -> None:
    """Adds the command."""
    export = add_command(commands, "export", "write a view into a file", _export)
    export.add_argument("view", metavar="VIEW", help="name of a view, as `views list` shows it")
    export.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help=f"the file ({DEFAULT_FOLDER}/VIEW.FORMAT); -: standard output (csv, jsonl)",
    )
    add_export_options(export)


def add_export_options(parser: argparse.ArgumentParser) -> None:
    """Adds what exports of views and of results have in common."""
    add_destination(parser)
    add_loaded_workspaces(parser)
    add_since(parser, "rows whose time is at or after it")
    parser.add_argument("--format", choices=FORMATS, help="of the file (csv)")
    parser.add_argument(
        "--excel",
        action="store_true",
        help="CSV that a spreadsheet opens safely: with a BOM, and ' before text that it would "
        "take for a formula and before whole numbers of over 15 digits",
    )
    parser.add_argument(
        "--new",
        action="store_true",
        help="only rows that no earlier export with --new and the same --name had",
    )
    parser.add_argument(
        "--name",
        help=f"with --new: for whom it is; each name has its own bookmark ({DEFAULT_NAME})",
    )


def order_of(options: argparse.Namespace, *, suffix: str = "") -> Order:
    """How to export.

    Args:
        options: Of the command.
        suffix: Of the file, which tells the format where none is named.

    Raises:
        ConfigError: Options contradict each other.
    """
    from captaindata_source.export.run import Order

    if options.name is not None and not options.new:
        raise ConfigError("--name names the bookmark of --new: add --new")
    if options.name is not None and not options.name.strip():
        raise ConfigError("--name must not be empty")
    wanted = options.format or suffix.lower().removeprefix(".")
    return Order(
        kind=next((each for each in FORMATS if each == wanted), "csv"),
        workspaces=options.workspace,
        since=options.since,
        zone=options_of(options).report_timezone,
        new_for=(options.name or DEFAULT_NAME) if options.new else None,
        is_for_excel=options.excel,
    )


def tell(written: Written) -> None:
    """Prints what became of a file."""
    if written.path is None:
        write_text(f"{0:>10,} rows  nothing new: {written.what}")
    else:
        write_text(f"{written.rows:>10,} rows  {written.path}")
    for note in written.notes:
        write_text(f"{'':>10}       {note}")


def _export(options: argparse.Namespace) -> int:
    from captaindata_source.export.writing import export_view

    is_piped = options.output == PIPE
    order = order_of(
        options, suffix="" if is_piped or not options.output else options.output.suffix
    )
    if is_piped and order.kind not in PIPED:
        raise ConfigError(f"--format {order.kind} needs a file: name one with --output")
    if is_piped and options.new:
        raise ConfigError("--new needs a file: nobody can tell whether a pipe was read to its end")
    pipeline = warehouse_of(options)
    written = until_signal(
        lambda: export_view(
            pipeline,
            options.view,
            order,
            path=None if is_piped else options.output,
            folder=Path(DEFAULT_FOLDER),
            sink=write_bytes if is_piped else None,
        )
    )
    if not is_piped:
        tell(written)
        return OK
    for note in written.notes:
        sys.stderr.write(f"captaindata: {note}\n")
    return OK if is_delivered() else FAILED
