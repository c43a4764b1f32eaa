"""`captaindata check`: does each key, each endpoint and the destination work?"""

from __future__ import annotations

import argparse

from captaindata_source.cli.output import write_table, write_text
from captaindata_source.cli.shared_arguments import (
    FAILED,
    OK,
    Parsers,
    add_command,
    add_destination,
)

__all__ = ["add_check"]

HEADINGS = ("workspace", "checked", "verdict", "what to do")


def add_check(commands: Parsers) -> None:
    """Adds the command."""
    text = "try keys, endpoints and destination; load nothing"
    parser = add_command(commands, "check", text, _check)
    add_destination(parser, with_workspaces=True)
    parser.add_argument(
        "--probe",
        action="store_true",
        help="also ask, with up to 25 calls a workspace, how the API behaves where its "
        "documentation is silent; print it without any data, for a bug report",
    )


def _check(options: argparse.Namespace) -> int:
    from captaindata_source.engine.check import check
    from captaindata_source.engine.probe import probe
    from captaindata_source.settings.config import load_config
    from captaindata_source.settings.sync_options import SyncOptions

    config = load_config(workspaces=options.workspace or None)
    how = SyncOptions(destination=options.destination, dataset=options.dataset, **config.load)
    verdicts = list(check(config.workspaces, how))
    rows = [
        (each.workspace, each.what, "ok" if each.is_ok else "failed", each.remedy)
        for each in verdicts
    ]
    write_table([HEADINGS, *rows])
    if options.probe:
        for number, settings in enumerate(config.workspaces, start=1):
            write_text(f"\nworkspace {number}")
            for name, found in probe(settings):
                write_text(f"  {name}: {found}")
    return OK if all(each.is_ok for each in verdicts) else FAILED
