"""`captaindata sandbox`: a fake Captain Data on this machine."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import TYPE_CHECKING

from captaindata_source.cli.output import write_text
from captaindata_source.cli.shared_arguments import (
    OK,
    Parsers,
    add_command,
    add_port,
    number,
    whole,
)
from captaindata_source.errors import ConfigError

if TYPE_CHECKING:
    from captaindata_source.sandbox import Sandbox

__all__ = ["add_sandbox"]

DEFAULT_PORT = 8765


def add_sandbox(commands: Parsers) -> None:
    """Adds the command."""
    text = "serve a fake Captain Data with seeded data on localhost"
    parser = add_command(commands, "sandbox", text, _sandbox)
    add_port(parser, default=DEFAULT_PORT, use="port to serve on")
    parser.add_argument(
        "--days-per-minute",
        type=number(example=10, may_be_zero=True),
        default=0.0,
        help="simulated days that pass in a minute (default 0: the clock stands)",
    )
    parser.add_argument(
        "--seed",
        type=whole(at_least=None, example=7),
        default=0,
        help="seed of the data (default 0)",
    )
    parser.add_argument(
        "--rate-limit",
        type=whole(example=60),
        metavar="N",
        help="answer 429 beyond N requests a minute and workspace (default: no limit)",
    )
    parser.add_argument(
        "--events-to",
        metavar="URL",
        help="send webhooks and callbacks to URL/NAME as the clock runs, NAME being that of the "
        "workspace (default: send none)",
    )
    parser.add_argument(
        "--event-secret",
        metavar="TEXT",
        help="send them with the header 'Authorization: Bearer TEXT' (default: without)",
    )


def _sandbox(options: argparse.Namespace) -> int:
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise ConfigError(
            "The sandbox needs the extra 'sandbox': pip install 'captaindata-source[sandbox]'"
        ) from None
    from captaindata_source import sandbox

    if options.event_secret is not None and options.events_to is None:
        raise ConfigError("--event-secret is for events: say where they go with --events-to URL")
    try:
        sandbox.serve(
            port=options.port,
            days_per_minute=options.days_per_minute,
            seed=options.seed,
            rate_limit=options.rate_limit,
            events_to=options.events_to,
            event_secret=options.event_secret,
            announce=partial(_announce, options),
        )
    except OSError as error:
        raise ConfigError(f"Port {options.port} can't be served on: {error.strerror}") from None
    except (OverflowError, ValueError) as error:
        raise ConfigError(f"The sandbox can't be started: {error}") from None
    return OK


def _announce(options: argparse.Namespace, server: Sandbox) -> None:
    from captaindata_source.sandbox import example_secrets

    first = server.world.workspaces[0]
    secrets = example_secrets(
        server.world, server.base_url, server.base_url_of("v4"), event_secret=options.event_secret
    )
    write_text(
        f"The sandbox serves {server.base_url} until Ctrl-C. For `captaindata sync`, put this into "
        f".dlt/secrets.toml:\n\n{secrets}\n"
        "Or, for the scripts in pipelines/ that load one workspace, set this in the shell, and "
        "leave secrets.toml as it was:\n\n"
        f"export SOURCES__CAPTAINDATA__API_KEY={first.api_key}\n"
        f"export SOURCES__CAPTAINDATA__PROJECT_UID={first.uid}\n"
        f"export SOURCES__CAPTAINDATA__BASE_URL={server.base_url}"
    )
    if options.events_to is not None:
        write_text(_about_events(options))
    sys.stdout.flush()


def _about_events(options: argparse.Namespace) -> str:
    if options.days_per_minute == 0:
        return "\nNo events are sent while the clock stands: set --days-per-minute."
    return "\nEvents go to the paths /acme (API v3) and /northwind (API v4) below --events-to."
