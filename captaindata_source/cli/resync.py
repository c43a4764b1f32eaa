"""`captaindata resync`: fetch named jobs again. The work is that of `captaindata_source.resync`."""

from __future__ import annotations

import argparse

from captaindata_source.cli.output import write_json, write_text
from captaindata_source.cli.process import spare_memory
from captaindata_source.cli.shared_arguments import (
    FAILED,
    OK,
    Parsers,
    add_command,
    add_destination,
    add_loading,
    add_since,
)

__all__ = ["add_resync"]


def add_resync(commands: Parsers) -> None:
    """Adds the command."""
    text = "fetch named jobs and their results again, and nothing else"
    parser = add_command(commands, "resync", text, _resync)
    add_destination(parser, with_workspaces=True)
    add_loading(parser)
    parser.add_argument(
        "--job", action="append", default=[], metavar="UID", help="this job (repeatable)"
    )
    parser.add_argument(
        "--workflow",
        action="append",
        default=[],
        metavar="WORKFLOW",
        help="all jobs of this workflow, by name or uid (repeatable)",
    )
    add_since(parser, "jobs with a time at or after it, of the workflows that are named or of all")
    parser.add_argument(
        "--quiet", action="store_true", help="show nothing while it works, but the summary"
    )
    parser.add_argument(
        "--json", action="store_true", help="print a machine-readable summary on stdout"
    )


def _resync(options: argparse.Namespace) -> int:
    from captaindata_source.cli.progress import Display

    with Display(is_on=not options.quiet) as display:
        display.note("starting")
        from dlt.common.runtime import signals

        with signals.intercepted_signals():  # to the end: what it left behind must not go on
            from captaindata_source import resync

            spare_memory()
            report = resync(
                jobs=options.job,
                workflows=options.workflow,
                since=options.since.text if options.since else None,
                workspaces=options.workspace or None,
                destination=options.destination,
                dataset=options.dataset,
                table_format=options.table_format,
                staging=options.staging,
                watch=display.show,
            )
    if options.json:
        write_json(report.as_dict())
    else:
        write_text(str(report))
    return OK if report.is_ok else FAILED
