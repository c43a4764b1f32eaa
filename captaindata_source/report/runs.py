"""Sections about runs: success over time, workspaces, workflows, durations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from captaindata_source.report import charts
from captaindata_source.report.cells import NONE, Column, Table, percent_text
from captaindata_source.report.chart import Chart, Part, named, short
from captaindata_source.report.period import Period
from captaindata_source.report.queries import SERIES, Row
from captaindata_source.report.section import Fact, Reading, Section, counted, failed

__all__ = ["over_time", "parts_of", "workflows"]

OUTCOMES = {
    "succeeded_runs": Part(label="succeeded", colour="succeeded"),
    "failed_runs": Part(label="failed", colour="failed"),
    "other_runs": Part(label="stopped, in progress or unknown", colour="others"),
}
RATE = Column(key="success_rate", heading="Success rate", kind="percent")
RECORDS = Column(key="records_processed", heading="Records", kind="number")
RUNS = tuple(
    Column(key=key, heading=heading, kind="number")
    for key, heading in (
        ("runs", "Runs"),
        ("succeeded_runs", "Succeeded"),
        ("failed_runs", "Failed"),
    )
)
DAYS = (
    *RUNS,
    *(
        Column(key=key, heading=heading, kind="number")
        for key, heading in (
            ("stopped_runs", "Stopped"),
            ("in_progress_runs", "In progress"),
            ("unknown_runs", "Unknown"),
        )
    ),
    RATE,
    RECORDS,
)
DURATIONS = (
    Column(key="duration_p50_seconds", heading="Median duration", kind="duration"),
    Column(key="duration_p95_seconds", heading="95th percentile", kind="duration"),
)
DURATION_CHART = 15
"""Workflows in the chart of durations."""


def over_time(reading: Reading) -> Section:
    """Success rate and failures over time."""
    name, title = "runs", "Success and failures"
    totals, days = reading.read("totals"), reading.read("days")
    if totals.problem or days.problem:
        return failed(name, title, totals if totals.problem else days)
    total = totals.rows[0]
    if not total["runs"]:
        return Section(
            name=name,
            title=title,
            text="There are no runs in the period.",
            facts=[Fact(label="Runs", value="0", section=name)],
        )
    period = reading.scope.period
    rows = [
        row | {"other_runs": row["stopped_runs"] + row["in_progress_runs"] + row["unknown_runs"]}
        for row in map(dict, days.rows)
    ]
    rate = _rate(total["succeeded_runs"], total["failed_runs"])
    said = "" if rate is None else f" Of those that ended, {percent_text(rate)} succeeded."
    step = Column(key="day", heading=period.step.title(), kind="day")
    return Section(
        name=name,
        title=title,
        text=f"{counted(total['runs'], 'run')} of {counted(total['workflows'], 'workflow')}: "
        f"{total['succeeded_runs']:,} succeeded and {total['failed_runs']:,} failed.{said}",
        charts=[
            Chart(
                name="success-rate",
                title=f"Success rate by {period.step}",
                caption=_rate_caption(rows, period),
                spec=charts.success_rate(rows, period),
            ),
            Chart(
                name="runs-by-day",
                title=f"Runs by {period.step}",
                caption=_failed_caption(rows, period),
                spec=charts.stacked_days(rows, OUTCOMES, period, unit="runs"),
                legend=[part for key, part in OUTCOMES.items() if any(row[key] for row in rows)],
            ),
            *_failures(reading),
        ],
        tables=[
            reading.table("days", f"Runs by {period.step}", [step, *DAYS], rows, is_folded=True),
            *_workspaces(reading),
        ],
        facts=_facts(total, rate, period.days),
    )


def _facts(total: Row, rate: float | None, days: int) -> list[Fact]:
    earlier = _rate(total["earlier_succeeded_runs"], total["earlier_failed_runs"])
    note = "of the runs that succeeded or failed"
    if rate is not None and earlier is not None:
        points = (rate - earlier) * 100
        change = f"{abs(points):.1f} points {'more' if points > 0 else 'less'} than"
        note = f"{change if abs(points) >= 0.05 else 'the same as'} in the {days} days before"
    others = {
        "stopped": total["stopped_runs"],
        "in progress": total["in_progress_runs"],
        "unknown": total["unknown_runs"],
    }
    return [
        Fact(
            label="Success rate",
            value=NONE if rate is None else percent_text(rate),
            note=note,
            section="runs",
        ),
        Fact(
            label="Runs",
            value=f"{total['runs']:,}",
            note=", ".join(f"{number:,} {what}" for what, number in others.items() if number),
            section="runs",
        ),
        Fact(
            label="Failed runs",
            value=f"{total['failed_runs']:,}",
            section="runs",
        ),
        Fact(
            label="Records delivered",
            value=f"{total['records_processed']:,}",
            note="as reported by the API",
            section="records",
        ),
    ]


def _rate(succeeded: int, failed_runs: int) -> float | None:
    ended = succeeded + failed_runs
    return succeeded / ended if ended else None


def _rate_caption(rows: Sequence[Mapping[str, Any]], period: Period) -> str:
    rated = [row for row in rows if row["success_rate"] is not None]
    if not rated:
        return "No run succeeded or failed."
    lowest = min(rated, key=lambda row: row["success_rate"])
    lower = [row for row in rated if row["success_rate"] < 1]
    return (
        f"Lowest: {percent_text(lowest['success_rate'])} ({named(lowest['day'], period)}). Below "
        f"100% in {len(lower):,} of {counted(len(rated), period.step)} with runs that ended."
    )


def _failed_caption(rows: Sequence[Mapping[str, Any]], period: Period) -> str:
    most = max(rows, key=lambda row: row["failed_runs"])
    if not most["failed_runs"]:
        return "No run failed."
    return f"Most failures: {most['failed_runs']:,} ({named(most['day'], period)})."


def _failures(reading: Reading) -> list[Chart]:
    """Failed runs by workflow, where several failed."""
    found = reading.read("failures")
    if found.problem or len({row["place"] for row in found.rows}) < 2:
        return []
    parts = parts_of(found.rows, reading, most=SERIES)
    by_day: dict[Any, dict[str, Any]] = {}
    sums: dict[str, int] = {}
    for row in found.rows:
        key = str(row["place"])
        by_day.setdefault(row["day"], {"day": row["day"]})[key] = row["failed_runs"]
        sums[key] = sums.get(key, 0) + row["failed_runs"]
    period = reading.scope.period
    first = next(iter(parts))
    return [
        Chart(
            name="failures-by-workflow",
            title=f"Failed runs by workflow and {period.step}",
            caption=f"Most failures: {parts[first].label}, {counted(sums[first], 'failed run')}.",
            spec=charts.stacked_days(list(by_day.values()), parts, period, unit="failed runs"),
            legend=list(parts.values()),
        )
    ]


def parts_of(rows: Sequence[Row], reading: Reading, *, most: int) -> dict[str, Part]:
    """The workflows of a chart, by place; each has another label.

    Args:
        rows: With `place`, `workflow_name`, `workspace_label` and `total`.
        reading: Says whether they are of several workspaces.
        most: The last place of a workflow; beyond it are the others.
    """
    names: dict[int, str] = {}
    left = 0
    for row in sorted(rows, key=lambda row: int(row["place"])):
        if row["place"] > most:
            left = row["total"] - most
        else:
            names.setdefault(row["place"], reading.label(row))
    labels = _distinct(list(names.values()))
    parts = {
        str(place): Part(label=label, colour=f"series-{place}")
        for place, label in zip(names, labels, strict=True)
    }
    if left:
        label = counted(left, "other workflow")
        parts[str(most + 1)] = Part(label=label, colour="others")
    return parts


def _distinct(names: Sequence[str]) -> list[str]:
    found: list[str] = []
    for name in map(short, names):
        number, label = 1, name
        while label in found:
            number += 1
            label = f"{name} ({number})"
        found.append(label)
    return found


def _workspaces(reading: Reading) -> list[Table]:
    if not reading.has_several:
        return []
    found = reading.read("workspaces")
    workflows_column = Column(key="workflows", heading="Workflows", kind="number")
    columns = [workflows_column, *RUNS, RATE, RECORDS]
    return [reading.table("workspaces", "Workspaces", columns, found)] if found.rows else []


def workflows(reading: Reading) -> Section:
    """Figures of each workflow, and durations."""
    name, title = "workflows", "Workflows and durations"
    found = reading.read("workflows")
    if found.problem:
        return failed(name, title, found)
    if not found.rows:
        return Section(name=name, title=title, text="There are no runs in the period.")
    timed = [row for row in found.rows if row["duration_p50_seconds"] is not None]
    chosen = timed[:DURATION_CHART]
    labels = _distinct([reading.label(row) for row in chosen])
    rows = [
        {"label": label, "p50": row["duration_p50_seconds"], "p95": row["duration_p95_seconds"]}
        for label, row in zip(labels, chosen, strict=True)
    ]
    left = found.total - len(chosen)
    more = f" The {counted(len(chosen), 'workflow')} with most runs are shown." if left else ""
    return Section(
        name=name,
        title=title,
        text="Durations are those of runs that succeeded or failed. Half of the runs of a workflow "
        "take at most its median, and 95 in 100 at most its 95th percentile.",
        charts=[
            Chart(
                name="durations",
                title="Durations by workflow",
                caption=f"From the median (dot) to the 95th percentile (end of the line).{more}",
                spec=charts.durations(rows),
            )
        ]
        if rows
        else [],
        tables=[
            reading.table(
                "workflows-table",
                "Workflows",
                [
                    Column(key="workflow_name", heading="Workflow"),
                    *RUNS,
                    RATE,
                    *DURATIONS,
                    RECORDS,
                ],
                found,
            )
        ],
    )
