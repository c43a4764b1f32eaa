"""`captaindata sync`: load what is new. The work is that of `captaindata_source.sync`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from captaindata_source.cli.output import erase_below, write_json, write_text
from captaindata_source.cli.process import spare_memory
from captaindata_source.cli.shared_arguments import (
    FAILED,
    OK,
    Parsers,
    add_command,
    add_destination,
    add_loading,
    number,
    whole,
)
from captaindata_source.errors import ConfigError
from captaindata_source.tables import SELECTABLE

if TYPE_CHECKING:
    from dlt.common.runtime.collector_base import Collector

__all__ = ["add_sync"]

COLLECTORS = ("auto", "log", "tqdm", "enlighten", "alive_progress")


def add_sync(commands: Parsers) -> None:
    """Adds the command."""
    parser = add_command(commands, "sync", "load what is new", _sync)
    add_destination(parser, with_workspaces=True)
    add_loading(parser)
    parser.add_argument(
        "--table",
        action="append",
        default=[],
        choices=[table.name for table in SELECTABLE],
        help="load this table only (repeatable)",
    )
    parser.add_argument(
        "--full-refresh",
        action="store_true",
        help="fetch everything again, keep what the API no longer lists",
    )
    parser.add_argument(
        "--max-minutes",
        type=number(example=30),
        metavar="N",
        help="end after about N minutes; the next sync goes on with the jobs that are left",
    )
    parser.add_argument(
        "--max-requests",
        type=whole(example=500),
        metavar="N",
        help="end after about N requests to the API; the next sync goes on with what is left",
    )
    parser.add_argument(
        "--progress",
        nargs="?",
        const="auto",
        choices=COLLECTORS,
        help="show dlt's own progress instead of ours (auto: a bar on a terminal, else lines)",
    )
    parser.add_argument(
        "--quiet", action="store_true", help="show nothing while it syncs, but the summary"
    )
    parser.add_argument(
        "--json", action="store_true", help="print a machine-readable summary on stdout"
    )


def _sync(options: argparse.Namespace) -> int:
    from captaindata_source.cli.progress import Display

    with Display(is_on=not (options.quiet or options.progress)) as display:
        display.note("starting")
        from dlt.common.runtime import signals

        with signals.intercepted_signals():  # to the end: what it left behind must not go on
            from captaindata_source import sync

            spare_memory()
            report = sync(
                workspaces=options.workspace or None,
                destination=options.destination,
                dataset=options.dataset,
                table_format=options.table_format,
                staging=options.staging,
                tables=options.table,
                full_refresh=options.full_refresh,
                max_minutes=options.max_minutes,
                max_requests=options.max_requests,
                watch=display.show,
                progress=_collector(options.progress),
            )
    if options.progress:
        erase_below()
    if options.json:
        write_json(report.as_dict())
    else:
        write_text(str(report))
    return OK if report.is_ok else FAILED


def _collector(name: str | None) -> Callable[[], Collector] | None:
    if name is None:
        return None
    from dlt.pipeline import progress

    if name == "auto":
        name = "tqdm" if sys.stderr.isatty() else "log"
    kind = getattr(progress, name)
    make: Callable[[], Collector] = partial(kind, logger=sys.stderr) if name == "log" else kind
    try:
        make()
    except ImportError as error:
        raise ConfigError(f"--progress {name}: {' '.join(str(error).split())}") from None
    return make
