"""`captaindata mcp`: read-only tools for an assistant."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from captaindata_source.cli.dataset import options_of, warehouse_of
from captaindata_source.cli.output import is_delivered, write_text
from captaindata_source.cli.shared_arguments import (
    FAILED,
    OK,
    Parsers,
    add_command,
    add_destination,
    add_port,
)
from captaindata_source.errors import ConfigError

if TYPE_CHECKING:
    from captaindata_source.assistant.answers import Reader
    from captaindata_source.settings.sync_options import SyncOptions

__all__ = ["add_mcp"]

DEFAULT_PORT = 8766
MISSING = "This command needs the extra 'mcp': pip install 'captaindata-source[mcp]'"


def add_mcp(commands: Parsers) -> None:
    """Adds the command."""
    text = "give an assistant read-only tools over the views (Model Context Protocol)"
    parser = add_command(commands, "mcp", text, _mcp)
    parser.add_argument(
        "--http",
        action="store_true",
        help="serve over HTTP on this machine; by default over standard input and output",
    )
    add_port(parser, default=DEFAULT_PORT, use="port for --http")
    parser.add_argument(
        "--print-role",
        metavar="NAME",
        help="print the SQL that makes the role of Postgres which the tools need, and end",
    )
    add_destination(parser)


def _mcp(options: argparse.Namespace) -> int:
    how = options_of(options)
    if options.print_role is not None:
        return _print_role(options, how)
    try:
        import mcp.server  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise ConfigError(MISSING) from None
    from captaindata_source.assistant import serving

    serving.quiet_logs()
    reader = _reader(options, how)
    if not options.http:
        if sys.stdin is None:  # it is closed: there is no client
            return OK
        serving.serve_stdio(reader, zone=how.report_timezone)
        return OK
    try:
        serving.serve_http(
            reader,
            zone=how.report_timezone,
            port=options.port,
            announce=_announce,
        )
    except OSError as error:
        raise ConfigError(f"Port {options.port} can't be served on: {error.strerror}") from None
    return OK


def _announce(port: int) -> None:
    write_text(f"Serves http://127.0.0.1:{port}/mcp until Ctrl-C")
    sys.stdout.flush()


def _reader(options: argparse.Namespace, how: SyncOptions) -> Reader:
    from captaindata_source.assistant.opening import duckdb_reader, kind_of, postgres_reader
    from captaindata_source.warehouse.database import DUCKDB, POSTGRES

    kind = kind_of(how)
    if kind == DUCKDB:
        return duckdb_reader(warehouse_of(options, how), how)
    if kind == POSTGRES:
        return postgres_reader(how)
    raise ConfigError("An assistant can read DuckDB and Postgres alone")


def _print_role(options: argparse.Namespace, how: SyncOptions) -> int:
    from captaindata_source.assistant.opening import schema_for
    from captaindata_source.assistant.roles import grants_of

    write_text(grants_of(options.print_role, schema_for(how)).rstrip())
    return OK if is_delivered() else FAILED
