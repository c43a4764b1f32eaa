"""`captaindata plan`: what would a sync fetch, and how long would it take?"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from captaindata_source.cli.output import write_json, write_table, write_text
from captaindata_source.cli.shared_arguments import (
    FAILED,
    OK,
    Parsers,
    add_command,
    add_destination,
    whole,
)
from captaindata_source.tabular import one_line

if TYPE_CHECKING:
    from captaindata_source.engine.forecast import Forecast

__all__ = ["add_plan"]


def add_plan(commands: Parsers) -> None:
    """Adds the command."""
    text = "tell what a sync would fetch, and how long it would take; load nothing"
    parser = add_command(commands, "plan", text, _plan)
    add_destination(parser, with_workspaces=True)
    parser.add_argument(
        "--requests-per-minute",
        type=whole(example=60),
        metavar="N",
        help="calculate with N calls a minute and workspace (default: as configured, or learned)",
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def _plan(options: argparse.Namespace) -> int:
    from captaindata_source.engine.forecast import forecast
    from captaindata_source.settings.config import load_config
    from captaindata_source.settings.sync_options import SyncOptions

    config = load_config(workspaces=options.workspace or None)
    how = SyncOptions(destination=options.destination, dataset=options.dataset, **config.load)
    found = forecast(config.workspaces, how, requests_per_minute=options.requests_per_minute)
    is_ok = all(each.error is None for each in found)
    if options.json:
        write_json({"ok": is_ok, "workspaces": [each.as_dict() for each in found]})
    else:
        _write(found)
    return OK if is_ok else FAILED


def _write(found: Sequence[Forecast]) -> None:
    known = [(each, each.as_dict()) for each in found if each.estimate is not None]
    if known:
        lines = [["", *(one_line(each.workspace) for each, _ in known)]]
        for title, read in LINES:
            lines.append([title, *(_shown(read(values)) for _, values in known)])
        write_table(lines, right=range(1, len(known) + 1))
    for each in found:
        if each.error is not None:
            write_text(one_line(f"{each.workspace}: {each.error}"))
    if any(each.limit is None for each, _ in known):
        write_text(
            "No limit is known: set requests_per_minute, or give --requests-per-minute, for minutes"
        )


def _shown(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, (int, float)) else str(value)


def _of(*names: str) -> Callable[[dict[str, object]], object]:
    def read(values: object) -> object:
        for name in names:
            values = values[name] if isinstance(values, dict) else None
        return values

    return read


LINES: Sequence[tuple[str, Callable[[dict[str, object]], object]]] = (
    ("new jobs", _of("jobs", "new")),
    ("changed jobs", _of("jobs", "changed")),
    ("jobs with results to fetch", _of("jobs", "with_results_to_fetch")),
    ("jobs skipped as empty", _of("jobs", "skipped_as_empty")),
    ("calls for lists", _of("calls", "lists")),
    ("calls for results", _of("calls", "results")),
    ("calls in all", _of("calls", "total")),
    ("calls a minute", _of("requests_per_minute")),
    ("minutes", _of("minutes")),
    ("minutes until the newest 7 days are there", _of("newest_7_days", "minutes")),
    ("calls of a sync with nothing new", _of("routine_sync_calls")),
    ("calls of deep looks a day", _of("deep_look_calls_per_day")),
)
