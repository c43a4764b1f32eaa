"""Arguments that several commands take, and types of arguments whose errors say what is right."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Any

from captaindata_source.errors import ConfigError
from captaindata_source.since import EXAMPLES, Since, read_since
from captaindata_source.table import TABLE_FORMATS

__all__ = [
    "FAILED",
    "OK",
    "Parsers",
    "add_command",
    "add_destination",
    "add_loaded_workspaces",
    "add_loading",
    "add_port",
    "add_since",
    "number",
    "whole",
]

MAX_PORT = 65_535
OK, FAILED = 0, 1
"""Exit codes."""
Parsers = Any  # argparse's own type is private


def add_command(
    commands: Parsers, name: str, text: str, run: Callable[[argparse.Namespace], int] | None = None
) -> argparse.ArgumentParser:
    """Adds a command.

    Args:
        commands: Gets it.
        name: What it is called.
        text: What it does, for `--help`.
        run: Does it; None: commands below it do.
    """
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}."
    )
    if run is not None:
        parser.set_defaults(run=run)
    return parser


def add_destination(parser: argparse.ArgumentParser, *, with_workspaces: bool = False) -> None:
    """Adds `--destination` and `--dataset`, and a repeatable `--workspace` where wanted."""
    parser.add_argument(
        "--destination",
        default="duckdb",
        help="a dlt destination: duckdb (default), postgres, filesystem, …",
    )
    parser.add_argument(
        "--dataset", default="captaindata", help="dataset (schema) of the tables (captaindata)"
    )
    if with_workspaces:
        parser.add_argument(
            "--workspace",
            action="append",
            default=[],
            metavar="NAME",
            help="this configured workspace only (repeatable)",
        )


def add_loading(parser: argparse.ArgumentParser) -> None:
    """Adds `--table-format` and `--staging`, of commands that load."""
    parser.add_argument(
        "--table-format",
        choices=TABLE_FORMATS,
        help="format of the tables that the destination filesystem makes",
    )
    parser.add_argument(
        "--staging",
        metavar="NAME",
        help="a dlt destination that holds files until the destination copies them: filesystem",
    )


def add_loaded_workspaces(parser: argparse.ArgumentParser) -> None:
    """Adds a repeatable `--workspace` for one that is loaded, configured or not."""
    parser.add_argument(
        "--workspace",
        action="append",
        default=[],
        metavar="NAME",
        help="this workspace only, by configured name or uid (repeatable)",
    )


def add_port(parser: argparse.ArgumentParser, *, default: int, use: str) -> None:
    """Adds `--port`.

    Args:
        parser: Gets it.
        default: The port where none is named.
        use: What it is for, for `--help`.
    """
    parser.add_argument(
        "--port",
        type=whole(at_least=0, at_most=MAX_PORT, example=default),
        default=default,
        help=f"{use} (default {default})",
    )


def add_since(parser: argparse.ArgumentParser, text: str) -> None:
    """Adds `--since`; its value is a `Since`, or None.

    Args:
        parser: Gets it.
        text: What is at or after that time, for `--help`.
    """
    parser.add_argument("--since", type=since, metavar="WHEN", help=f"{text}; such as {EXAMPLES}")


def since(text: str) -> Since:
    """A day, a time or a span back from now."""
    try:
        return read_since(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def whole(
    *, at_least: int | None = 1, at_most: int | None = None, example: int
) -> Callable[[str], int]:
    """Whole numbers of a range.

    Args:
        at_least: The smallest; None: there is none.
        at_most: The greatest; None: there is none.
        example: A right one, for the message.
    """
    bounds = "" if at_least is None else f" from {at_least}"
    bounds += "" if at_most is None else f" to {at_most}"

    def read(text: str) -> int:
        try:
            found = int(text)
        except ValueError:
            found = None
        is_right = found is not None and (at_least is None or found >= at_least)
        if found is None or not is_right or (at_most is not None and found > at_most):
            raise argparse.ArgumentTypeError(
                f"must be a whole number{bounds}, such as {example}, not {text!r}"
            )
        return found

    return read


def number(*, example: float, may_be_zero: bool = False) -> Callable[[str], float]:
    """Numbers above 0.

    Args:
        example: A right one, for the message.
        may_be_zero: Whether 0 is one.
    """
    bound = "from 0" if may_be_zero else "above 0"

    def read(text: str) -> float:
        try:
            found = float(text)
        except ValueError:
            found = math.nan
        if not (0 < found < math.inf or (may_be_zero and found == 0)):
            raise argparse.ArgumentTypeError(
                f"must be a number {bound}, such as {example}, not {text!r}"
            )
        return found

    return read
