"""What was measured, as text."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from tests.benchmarks.measure import Usage
from tests.benchmarks.records import AGAIN, Figure, Records
from tests.benchmarks.ways import TITLES

HEADER = (
    *("", "wall s", "after imports", "wall/ours", "CPU s", "peak MB", "server CPU s"),
    "rest CPU s",
)
LEGEND = (
    "Median (min to max). After imports: wall less the imports of the way. Ours: the sync into the "
    "same database.\nCPU: of the process. Server: of the page server, in the meantime. Rest: all "
    "else on the machine, Postgres included.\nFAILED: it did not load what the server serves, by "
    "row count and hash of all results."
)


def as_text(records: Records) -> str:
    """Everything, for people."""
    about = records.about.get("machine")
    lines = [f"{name}: {value}" for name, value in about.items()] if isinstance(about, dict) else []
    parts = ["; ".join(lines)]
    if (scale := records.about.get("scale", 1)) != 1:
        parts.append(f"All numbers of jobs times {scale}: this tries out the benchmark only.")
    if records.runs:
        parts += [align(load_rows(records)), LEGEND, *not_run(records), *failures(records)]
    if records.imports:
        parts.append(align(import_rows(records)))
    if records.figures:
        parts.append(align(figure_rows(records)))
    return "\n\n".join(parts)


def load_rows(records: Records) -> list[list[str]]:
    """A block for each case, a row for each way."""
    rows = [list(HEADER)]
    for name, case in records.cases.items():
        found = [way for way in TITLES if records.of(name, way)]
        if not found:
            continue
        size = records.bytes.get(name, 0) / 1e6
        rows += [[""], [f"{case.title}, {size:,.0f} MB"]]
        rows += [_load_row(records, name, way) for way in found]
    return rows


def _load_row(records: Records, case: str, way: str) -> list[str]:
    runs, usages = records.of(case, way), records.usages(case, way)
    if not usages:
        return [TITLES[way], "not run" if any(run.not_run for run in runs) else "FAILED"]
    wall = records.walls(case, way)
    after = records.walls(case, way, after_imports=True)
    ours = None if way == "fetch" else records.wall(case, _ours(way))
    return [
        TITLES[way],
        spread(wall, ".2f"),
        spread(after, ".2f") if after else "",
        f"{statistics.median(wall) / ours:.2f}" if ours else "",
        *(
            spread([getattr(usage, name) for usage in usages], form)
            for name, form in (("cpu", ".2f"), ("peak_mb", ",.0f"))
        ),
        *(_middle(usages, name) for name in ("server_cpu", "rest_cpu")),
    ]


def _ours(way: str) -> str:
    return "postgres" if way.removesuffix(AGAIN).endswith("postgres") else "duckdb"


def _middle(usages: Sequence[Usage], name: str) -> str:
    return f"{statistics.median(getattr(usage, name) for usage in usages):.2f}"


def not_run(records: Records) -> list[str]:
    """A line for each reason."""
    cases: dict[str, list[str]] = {}
    for run in records.runs:
        if run.not_run:
            cases.setdefault(f"{TITLES[run.way]}: {run.not_run}", []).append(run.case)
    lines = [f"Not run: {what} ({', '.join(names)})" for what, names in cases.items()]
    return ["\n".join(lines)] if lines else []


def failures(records: Records) -> list[str]:
    """A line for each."""
    runs = [
        f"{run.case}: {TITLES[run.way].strip()}: FAILED: {run.failure}"
        for run in records.runs
        if run.failure
    ]
    figures = [
        f"{figure.title} {figure.destination}: FAILED: {figure.failure}"
        for figure in records.figures
        if figure.failure
    ]
    return ["\n".join(runs + figures)] if runs or figures else []


def import_rows(records: Records) -> list[list[str]]:
    """Start-up: what each way imports before it does anything."""
    found = {way: records.imports.get(way) for way in TITLES}
    return [
        ["Imports", "s"],
        *([TITLES[way], spread(walls, ".2f")] for way, walls in found.items() if walls),
    ]


def figure_rows(records: Records) -> list[list[str]]:
    """A row for each figure, a column for each destination."""
    rows = [["Also measured", "DuckDB", "Postgres"]]
    for title in dict.fromkeys(figure.title for figure in records.figures):
        found = {each.destination: each for each in records.figures if each.title == title}
        if both := found.get(""):
            rows.append([title, _value(both)])
            continue
        cells = [_value(found[name]) if name in found else "" for name in ("duckdb", "postgres")]
        rows.append([title, *cells])
    return rows


def _value(figure: Figure) -> str:
    if figure.failure or not figure.values:
        return "FAILED"
    form = ".2f" if figure.unit in ("s", "times") else ".1f" if figure.unit == "%" else ",.0f"
    return f"{spread(figure.values, form)} {figure.unit}".rstrip()


def spread(values: Sequence[float], form: str) -> str:
    """The median, and from where to where the values reach if there are several."""
    middle, low, high = statistics.median(values), min(values), max(values)
    if len(values) == 1:
        return f"{middle:{form}}"
    return f"{middle:{form}} ({low:{form}} to {high:{form}})"


def align(rows: Sequence[Sequence[str]]) -> str:
    """Columns of equal width; a row of one cell is a heading."""
    width = max(map(len, rows))
    full = [[*row, *[""] * (width - len(row))] for row in rows if len(row) > 1]
    widths = [max(map(len, column)) for column in zip(*full, strict=True)]
    lines = []
    for row in rows:
        if len(row) == 1:
            lines.append(row[0])
            continue
        cells = [cell.rjust(size) for cell, size in zip(row[1:], widths[1:], strict=False)]
        lines.append("  ".join([row[0].ljust(widths[0]), *cells]).rstrip())
    return "\n".join(lines)
