"""The command `captaindata`. dlt, and all that is slow to import, is imported by what needs it."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence

from captaindata_source import __version__
from captaindata_source.cli.alerts import add_alerts
from captaindata_source.cli.check import add_check
from captaindata_source.cli.export import add_export
from captaindata_source.cli.init import add_init
from captaindata_source.cli.listen import add_listen
from captaindata_source.cli.mcp import add_mcp
from captaindata_source.cli.output import safe_output
from captaindata_source.cli.plan import add_plan
from captaindata_source.cli.process import collect_seldom, own_process
from captaindata_source.cli.report import add_report
from captaindata_source.cli.results import add_results
from captaindata_source.cli.resync import add_resync
from captaindata_source.cli.sandbox import add_sandbox
from captaindata_source.cli.shared_arguments import FAILED
from captaindata_source.cli.sync import add_sync
from captaindata_source.cli.views import add_views
from captaindata_source.errors import CaptainDataError, ConfigError
from captaindata_source.settings import files
from captaindata_source.warehouse.remedies import message_of

__all__ = ["build_parser", "main"]

USAGE = 2
"""Exit code of wrong usage or configuration."""
COMMANDS = (
    *(add_sync, add_resync, add_listen, add_plan, add_init, add_check),
    *(add_views, add_results, add_export, add_report, add_alerts, add_mcp, add_sandbox),
)
NEED_NO_CONFIG = ("init", "sandbox")


def run() -> None:
    """The installed command: `main`, and then an end without taking Python apart piece by piece,
    which takes longer than a sync that finds nothing new."""
    collect_seldom()
    code = main()
    logging.shutdown()
    os._exit(code)


@safe_output()
def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line. The files that it makes are for their owner alone.

    Args:
        arguments: Without the program's name; None: those of the process.

    Returns:
        0: all loaded; 1: a workspace or the load failed; 2: wrong usage or configuration.
    """
    options = build_parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        with own_process():
            _require_utf8(options)
            if options.command not in NEED_NO_CONFIG:
                files.require_readable()
            return run(options)
    except ConfigError as error:
        sys.stderr.write(f"captaindata: {error}\n")
    except CaptainDataError as error:
        sys.stderr.write(f"captaindata: {error}\n")
        return FAILED
    except KeyboardInterrupt:
        sys.stderr.write("captaindata: interrupted; what was loaded is kept\n")
        return FAILED
    except OSError as error:
        sys.stderr.write(f"captaindata: {message_of(error)}\n")
        return FAILED
    return USAGE


def _require_utf8(options: argparse.Namespace) -> None:
    for name, value in vars(options).items():
        texts = value if isinstance(value, list) else [value]
        if not all(files.is_utf8(str(text)) for text in texts):
            raise ConfigError(f"The argument {name} is not UTF-8: type it anew")


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands and options."""
    parser = argparse.ArgumentParser(
        prog="captaindata",
        description="Sync Captain Data into DuckDB, Postgres or any other dlt destination.",
    )
    parser.add_argument("--version", action="version", version=f"captaindata {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in COMMANDS:
        add(commands)
    return parser
