"""Sections about volume: records by month, quota and credits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from captaindata_source.report import charts
from captaindata_source.report.cells import Column, Table, number_text, percent_text
from captaindata_source.report.chart import Chart, Part, short
from captaindata_source.report.period import Period
from captaindata_source.report.queries import MAX_ROWS, SERIES, Answer, Row
from captaindata_source.report.runs import parts_of
from captaindata_source.report.section import Fact, Reading, Section, counted, failed

__all__ = ["quota", "records"]

MAX_MONTHS = 12
"""Months that the table has as columns."""
HIGH_SHARE = 0.8
"""Share of a quota from which on it is pointed out."""
QUOTA = (
    Column(key="plan_name", heading="Plan"),
    Column(key="unit", heading="Unit"),
    Column(key="quota_max", heading="Quota of the month", kind="number"),
    Column(key="quota_used", heading="Used", kind="number"),
    Column(key="quota_left", heading="Left", kind="number"),
    Column(key="share_used", heading="Share used", kind="percent"),
    Column(key="month_ends_at", heading="Month ends", kind="time"),
)
CREDITS = (
    Column(key="action", heading="Action"),
    Column(key="credits_used", heading="Credits in the period", kind="number"),
    Column(key="runs", heading="Runs in the period", kind="number"),
    Column(key="credits_used_in_month", heading="Credits in the billing month", kind="number"),
)


def records(reading: Reading) -> Section:
    """Records by workflow and month."""
    name, title = "records", "Records by workflow and month"
    found = reading.read("records")
    if found.problem:
        return failed(name, title, found)
    if not found.rows:
        text = "No records were delivered in the months of the period."
        return Section(name=name, title=title, text=text)
    total = sum(row["records_processed"] for row in found.rows)
    loaded = sum(row["results_loaded"] for row in found.rows)
    first = reading.scope.period.first_month.strftime("%Y-%m")
    return Section(
        name=name,
        title=title,
        text=f"{total:,} records since the beginning of {first}, as reported by the API; "
        f"{loaded:,} results are in the warehouse. Months are whole.",
        charts=[_records_chart(found, reading)],
        tables=[_records_table(found, reading)],
    )


def _records_chart(found: Answer, reading: Reading) -> Chart:
    cut = [
        {**row, "place": min(row["place"], SERIES + 1)} for row in found.rows
    ]  # the others of the chart are more than those of the table
    parts = parts_of(cut, reading, most=SERIES)
    months: dict[Any, dict[str, Any]] = {}
    for row in cut:
        month = months.setdefault(row["month"], {"month": row["month"]})
        key = str(row["place"])
        month[key] = month.get(key, 0) + row["records_processed"]
    best = max(months.values(), key=_sum)
    return Chart(
        name="records-by-month",
        title="Records by month",
        caption=f"Most records: {_sum(best):,} in {best['month']:%Y-%m}.",
        spec=charts.stacked_months(list(months.values()), parts, unit="records"),
        legend=list(parts.values()),
    )


def _sum(month: Mapping[str, Any]) -> int:
    return sum(number for key, number in month.items() if key != "month")


def _records_table(found: Answer, reading: Reading) -> Table:
    """Workflows as rows and months as columns."""
    months = sorted({row["month"] for row in found.rows})
    shown = months[-MAX_MONTHS:]
    by_place: dict[int, dict[str, Any]] = {}
    for row in found.rows:
        line = by_place.setdefault(row["place"], _line(row))
        if row["place"] > MAX_ROWS:
            line["workflow_name"] = counted(row["total"] - MAX_ROWS, "other workflow")
        line["records"] += row["records_processed"]
        line["results"] += row["results_loaded"]
        if row["month"] in shown:
            line[f"{row['month']:%Y-%m}"] = row["records_processed"]
    table = reading.table(
        "records-table",
        "Records by workflow and month",
        [
            Column(key="workflow_name", heading="Workflow"),
            *(
                Column(key=f"{month:%Y-%m}", heading=f"{month:%Y-%m}", kind="number")
                for month in shown
            ),
            Column(key="records", heading="All records", kind="number"),
            Column(key="results", heading="Results loaded", kind="number"),
        ],
        [by_place[place] for place in sorted(by_place)],
    )
    left = len(months) - len(shown)
    note = f"{counted(left, 'earlier month')} only in “All records” and “Results loaded”."
    return _noted(table, note) if left else table


def _noted(table: Table, note: str) -> Table:
    return Table(
        name=table.name,
        caption=table.caption,
        columns=table.columns,
        rows=table.rows,
        note=f"{table.note} {note}".strip(),
    )


def _line(row: Row) -> dict[str, Any]:
    return {
        "workspace_label": row["workspace_label"] if row["place"] <= MAX_ROWS else None,
        "workflow_name": row["workflow_name"],
        "records": 0,
        "results": 0,
    }


def quota(reading: Reading) -> Section:
    """Quota in tasks (API v3) or credits (API v4)."""
    name, title = "quota", "Quota and credits"
    found, credits = reading.read("quota"), reading.read("credits")
    if found.problem:
        return failed(name, title, found)
    tables = []
    if found.rows:
        tables.append(reading.table("quota-table", "Quota now", QUOTA, found))
    if credits.rows:
        tables.append(reading.table("credits-table", "Credits by action", CREDITS, credits))
    if not tables:
        return Section(name=name, title=title, text="No quota is known.")
    return Section(
        name=name,
        title=title,
        text=_quota_text(found.rows, reading),
        charts=_quota_chart(reading),
        tables=tables,
        facts=_quota_facts(found, reading),
    )


def _quota_text(rows: Sequence[Row], reading: Reading) -> str:
    known = [row for row in rows if row["share_used"] is not None]
    if not known:
        return "The API reports no quota of the month."
    if not reading.has_several and len(known) == 1:
        row = known[0]
        return (
            f"{number_text(row['quota_used'])} of {number_text(row['quota_max'])} {row['unit']} "
            f"of the month are used ({percent_text(row['share_used'])})."
        )
    high = sum(row["share_used"] >= HIGH_SHARE for row in known)
    if not high:
        return "No workspace has used 80% of the quota of the month."
    are = "workspace has" if high == 1 else "workspaces have"
    return f"{high:,} {are} used at least 80% of the quota of the month."


def _quota_facts(found: Answer, reading: Reading) -> list[Fact]:
    known = [row for row in found.rows if row["share_used"] is not None]
    if not known:
        return []
    top = known[0]
    used = f"of {number_text(top['quota_max'])} {top['unit']} this month"
    where = f"{used}, in {short(str(top['workspace_label']))}" if reading.has_several else used
    return [
        Fact(
            label="Highest use of a quota" if reading.has_several else "Quota used",
            value=percent_text(top["share_used"]),
            note=where,
            section="quota",
            is_alarm=top["share_used"] >= HIGH_SHARE,
        )
    ]


def _quota_chart(reading: Reading) -> list[Chart]:
    found = reading.read("quota_days")
    if found.problem or len({row["day"] for row in found.rows}) < 2:
        return []
    labels = {row["place"]: row for row in found.rows}
    units = len({row["unit"] for row in found.rows}) > 1
    parts: dict[object, Part] = {}
    for place in sorted(labels):
        row = labels[place]
        label = short(str(row["workspace_label"]))
        label = f"{label}, {row['unit']}" if units or not reading.has_several else label
        if label in {part.label for part in parts.values()}:
            label = f"{label} ({place})"
        parts[place] = Part(label=label, colour=f"series-{place}")
    return [
        Chart(
            name="quota-by-day",
            title="Quota used in its month, by UTC day",
            caption="It begins anew with each quota month.",
            spec=charts.shares(found.rows, parts, _days_of(found)),
            legend=list(parts.values()) if len(parts) > 1 else (),
        )
    ]


def _days_of(found: Answer) -> Period:
    """Readings are as new as the last sync, also if the newest run is older."""
    days = [row["day"] for row in found.rows]
    return Period(first_day=min(days), last_day=max(days))
