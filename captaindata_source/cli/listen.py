"""`captaindata listen`: receives events and loads what they tell of."""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING

from captaindata_source.cli.output import write_text
from captaindata_source.cli.process import spare_memory
from captaindata_source.cli.shared_arguments import (
    OK,
    Parsers,
    add_command,
    add_destination,
    add_port,
)
from captaindata_source.errors import ConfigError

if TYPE_CHECKING:
    from captaindata_source.events.turns import Turn

__all__ = ["add_listen"]

DEFAULT_PORT = 8790
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
MISSING = "Receiving events needs the extra 'listen': pip install 'captaindata-source[listen]'"


def add_listen(commands: Parsers) -> None:
    """Adds the command."""
    text = "receive events by HTTP and load what they tell of within seconds"
    parser = add_command(commands, "listen", text, _listen)
    add_destination(parser, with_workspaces=True)
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)"
    )
    add_port(parser, default=DEFAULT_PORT, use="port to listen on")
    parser.add_argument(
        "--every",
        type=_span,
        metavar="SPAN",
        help="also run `captaindata sync` at once and at this interval, such as 15m or 6h",
    )
    parser.add_argument(
        "--inbox",
        metavar="PATH",
        help="file that keeps events until they are loaded (event_inbox; captaindata-events.db)",
    )
    parser.add_argument(
        "--loader",
        action="store_true",
        help="receive nothing, and load what waits until the standard input ends",
    )
    parser.add_argument("--quiet", action="store_true", help="print no line for each load")


def _span(text: str) -> float:
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd])\s*", text.lower())
    seconds = float(found[1]) * SECONDS[found[2]] if found else 0.0
    if not 1 <= seconds <= 366 * SECONDS["d"]:
        raise argparse.ArgumentTypeError(f"must be a span such as 15m, 6h or 1d, not {text!r}")
    return seconds


def _listen(options: argparse.Namespace) -> int:
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise ConfigError(MISSING) from None
    from dataclasses import replace

    from captaindata_source.events.serving import load_events, serve_events
    from captaindata_source.settings.config import load_config
    from captaindata_source.settings.event_options import EventOptions
    from captaindata_source.settings.sync_options import SyncOptions

    spare_memory()
    config = load_config(workspaces=options.workspace or None)
    how = SyncOptions(destination=options.destination, dataset=options.dataset, **config.load)
    events = EventOptions(**config.events)
    if options.inbox is not None:
        events = replace(events, event_inbox=options.inbox)

    def show(turn: Turn) -> None:
        if not options.quiet:
            write_text(str(turn))
            sys.stdout.flush()

    if options.loader:
        load_events(config.workspaces, how, events, on_turn=show)
        return OK

    def announce(address: str) -> None:
        names = [each.name for each in config.workspaces]
        write_text(
            f"Listens on {address}/events/… for {', '.join(names)}, loads into "
            f"{how.destination}, dataset {how.dataset}, until Ctrl-C"
        )
        sys.stdout.flush()

    serve_events(
        config.workspaces,
        how,
        events,
        host=options.host,
        port=options.port,
        every=options.every,
        announce=announce,
    )
    return OK
