"""`captaindata alerts`: what is new or over since the last time, printed and sent."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from captaindata_source.cli.dataset import options_of, warehouse_of
from captaindata_source.cli.output import is_delivered, write_json, write_text
from captaindata_source.cli.process import until_signal
from captaindata_source.cli.shared_arguments import (
    FAILED,
    OK,
    Parsers,
    add_command,
    add_destination,
    add_loaded_workspaces,
)
from captaindata_source.tabular import one_line

if TYPE_CHECKING:
    import dlt

    from captaindata_source.alerts import AlertReport
    from captaindata_source.settings.sync_options import SyncOptions

__all__ = ["add_alerts"]


def add_alerts(commands: Parsers) -> None:
    """Adds the command."""
    text = "print and send what went wrong, or is over, since the last time"
    parser = add_command(commands, "alerts", text, _alerts)
    add_destination(parser)
    add_loaded_workspaces(parser)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument(
        "--dry-run", action="store_true", help="print what is new or over; keep and send nothing"
    )
    mode.add_argument(
        "--open", action="store_true", help="print the alerts that are open; evaluate nothing"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def _alerts(options: argparse.Namespace) -> int:
    how = options_of(options)
    pipeline = warehouse_of(options, how)
    if options.open:
        return _open(options, pipeline)
    report = _run(options, how, pipeline)
    if options.json:
        write_json(report.as_dict())
    else:
        write_text(str(report))
    return OK if report.is_ok and is_delivered() else FAILED


def _run(options: argparse.Namespace, how: SyncOptions, pipeline: dlt.Pipeline) -> AlertReport:
    from captaindata_source.alerts import run_alerts

    def run() -> AlertReport:
        pipeline.activate()
        return run_alerts(pipeline, how, names=options.workspace, is_dry=options.dry_run)

    return until_signal(run)


def _open(options: argparse.Namespace, pipeline: dlt.Pipeline) -> int:
    from captaindata_source.alerts import list_alerts
    from captaindata_source.alerts.kinds import as_minute

    found = list_alerts(pipeline, names=options.workspace)
    if options.json:
        workspaces = [{"id": a.workspace_uid, "name": a.workspace_name} for a in found]
        rows = zip(found, workspaces, strict=True)
        write_json([{**alert.as_dict(), "workspace": workspace} for alert, workspace in rows])
    else:
        for each in found:
            about = f"{each.workspace_name}  {each.kind}  {each.title}: {each.detail}"
            write_text(one_line(f"{as_minute(each.opened_at)}  {about}"))
        if not found:
            write_text("no open alerts")
    return OK if is_delivered() else FAILED
