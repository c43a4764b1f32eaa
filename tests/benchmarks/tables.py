"""What was measured, as tables."""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.benchmarks.measure import Usage
from tests.benchmarks.servers import Sizes

DUCKDB, AGAIN, POSTGRES = "duckdb", "again", "postgres"
TITLES = {
    DUCKDB: "captaindata sync, DuckDB",
    AGAIN: "  the same again, nothing new",
    POSTGRES: "captaindata sync, Postgres",
    "rest_api": "rest_api, defaults, append",
    "tuned": "rest_api, tuned, append",
    "merge": "rest_api, tuned, merge",
}
PHASES = ("imports", "sync_destination", "extract", "normalize", "load", "other", "start and exit")


@dataclass(slots=True)
class Tally:
    """All runs of one way to load."""

    runs: list[Usage] = field(default_factory=list)
    phases: list[dict[str, float]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def as_text(
    tallies: Mapping[str, Tally],
    trivial: Sequence[Mapping[str, float]],
    sizes: Sizes,
    *,
    served: int,
) -> str:
    """Everything, for people; `trivial` is what trivial_client.py took."""
    rounds = len(trivial)
    results = sizes.jobs * sizes.rows * sizes.pages
    failures = [
        f"{TITLES[name].strip()}: FAILED: {failure}"
        for name, tally in tallies.items()
        for failure in tally.failures
    ]
    return "\n".join(
        [
            f"{results:,} results in {sizes.jobs * sizes.pages:,} pages of {sizes.jobs:,} jobs, "
            f"{served / 1e6:.0f} MB; {os.cpu_count()} processors; {rounds} rounds: "
            "median (min–max)",  # noqa: RUF001
            "",
            align(run_table(tallies)),
            *failures,
            "",
            "CPU: of the process. Rest: all else on the machine, Postgres included.",
            "Fetching every page with httpx in 8 threads, and dropping it: "
            f"{spread([each['seconds'] for each in trivial], '.2f')} s, of which the page server "
            f"computes {spread([each['server_cpu'] for each in trivial], '.2f')} s.",
            "",
            align(phase_table(tallies)),
            "Phases of captaindata: from runs of their own. Imports of rest_api are in its start.",
        ]
    )


def spread(values: Sequence[float], form: str) -> str:
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:{form}} ({low:{form}}–{high:{form}})"  # noqa: RUF001


def run_table(tallies: Mapping[str, Tally]) -> list[list[str]]:
    ours = tallies.get(DUCKDB, Tally())
    base = statistics.median(run.wall for run in ours.runs) if is_good(ours) else None
    rows = [["", "wall s", "wall/ours", "CPU s", "peak MB", "server CPU s", "rest CPU s"]]
    for name, title in TITLES.items():
        if (tally := tallies.get(name)) is None:
            continue
        if not is_good(tally):
            rows.append([title, "FAILED"])
            continue
        wall = [run.wall for run in tally.runs]
        rows.append(
            [
                title,
                spread(wall, ".2f"),
                f"{statistics.median(wall) / base:.2f}" if base else "",
                spread([run.cpu for run in tally.runs], ".2f"),
                spread([run.peak_mb for run in tally.runs], ",.0f"),
                f"{statistics.median(run.server_cpu for run in tally.runs):.2f}",
                spread([run.rest_cpu for run in tally.runs], ".2f"),
            ]
        )
    return rows


def phase_table(tallies: Mapping[str, Tally]) -> list[list[str]]:
    rows = [["median seconds", *PHASES]]
    for name, title in TITLES.items():
        tally = tallies.get(name)
        if tally is None or not is_good(tally):
            continue
        medians = {
            phase: statistics.median(run[phase] for run in tally.phases)
            for phase in PHASES
            if all(phase in run for run in tally.phases)
        }
        rows.append(
            [title, *(f"{medians[each]:.2f}" if each in medians else "–" for each in PHASES)]  # noqa: RUF001
        )
    return rows


def is_good(tally: Tally) -> bool:
    return bool(tally.runs and tally.phases) and not tally.failures


def align(rows: Sequence[Sequence[str]]) -> str:
    width = max(map(len, rows))
    full = [[*row, *[""] * (width - len(row))] for row in rows]
    widths = [max(map(len, column)) for column in zip(*full, strict=True)]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0])]
            + [cell.rjust(size) for cell, size in zip(row[1:], widths[1:], strict=True)]
        ).rstrip()
        for row in full
    )
