"""Sections about the data itself: what changed, and how fresh it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from captaindata_source.report.cells import Column, time_text
from captaindata_source.report.queries import Row
from captaindata_source.report.section import Fact, Reading, Section, counted, failed

__all__ = ["freshness", "what_changed"]

WORKFLOW = Column(key="workflow_name", heading="Workflow")
SEEN = Column(key="seen_at", heading="Seen", kind="time")
LAST_SEEN = Column(key="last_seen_at", heading="Last seen", kind="time")
WHAT = Column(key="what", heading="Change", is_long=True)
JOBS = Column(key="jobs", heading="Runs", kind="number")
TABLES: Mapping[str, tuple[str, tuple[Column, ...]]] = {
    "workflow_changes": ("Workflows that changed", (SEEN, WORKFLOW, WHAT)),
    "account_changes": (
        "Accounts that changed",
        (
            SEEN,
            Column(key="identity_name", heading="Identity"),
            Column(key="integration", heading="Integration"),
            WHAT,
        ),
    ),
    "results_changes": (
        "Results that changed after they were loaded",
        (
            WORKFLOW,
            Column(key="change", heading="Change"),
            JOBS,
            Column(key="rows_before", heading="Results before", kind="number"),
            Column(key="rows_after", heading="Results after", kind="number"),
            LAST_SEEN,
        ),
    ),
    "job_changes": (
        "Runs that changed after they were loaded",
        (WHAT, JOBS, Column(key="changes", heading="Changes", kind="number"), LAST_SEEN),
    ),
}
FIELDS = {
    "name": "renamed",
    "steps": "steps edited",
    "details": "details edited",
    "status": "status",
    "row_count": "number of results",
    "total_row_count": "total number of results",
    "finish_time": "end",
    "is_deleted": "listed",
    "is_archived": "archived by the API",
}
GONE = {
    "workflow_changes": ("no longer listed", "listed again"),
    "account_changes": ("removed", "connected again"),
    "job_changes": ("no longer known to the API", "known to the API again"),
}
SYNCS = (
    Column(key="last_sync_at", heading="Last sync", kind="time"),
    Column(key="last_change_at", heading="Last change", kind="time"),
    Column(key="last_outcome", heading="Last outcome"),
)
READ = (
    Column(key="table_name", heading="Table"),
    *SYNCS[:2],
    Column(key="rows_last_change", heading="Rows of the last change", kind="number"),
    Column(key="syncs", heading="Syncs", kind="number"),
)
OUTCOMES = {
    "loaded": "loaded",
    "stopped_early": "stopped early",
    "partly_loaded": "partly loaded",
    "quota": "quota used up",
    "failed": "failed",
}


def what_changed(reading: Reading) -> Section:
    """What syncs found changed."""
    name, title = "changes", "What changed"
    tables, problems, said = [], [], []
    for query, (caption, columns) in TABLES.items():
        found = reading.read(query)
        if found.problem and not found.is_absent:
            problems.append(f"{caption} could not be read: {found.problem}.")
        if found.rows:
            rows = [{**row, "what": _told(query, row)} for row in found.rows]
            tables.append(reading.table(query.replace("_", "-"), caption, columns, rows))
            said.append(caption[0].lower() + caption[1:])
    text = " ".join(problems) or "No sync of the period found a change of what was loaded before."
    if said:
        text = f"Syncs of the period found {_listed(said)}. {' '.join(problems)}".strip()
    return Section(name=name, title=title, text=text, tables=tables)


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _told(query: str, row: Row) -> str:
    """What changed, in words."""
    field, old, new = (row.get(key) for key in ("field", "old_value", "new_value"))
    if field == "is_deleted" and query in GONE:
        gone, back = GONE[query]
        return gone if new == "true" else back
    what = FIELDS.get(str(field), str(field))
    if old is None and new is None:
        return what
    return f"{what}: {_or_none(old)} → {_or_none(new)}"


def _or_none(value: Any) -> str:
    return "none" if value is None else str(value)


def freshness(reading: Reading) -> Section:
    """When each workspace and table was last synced."""
    name, title = "freshness", "Freshness"
    found, read = reading.read("freshness"), reading.read("tables")
    if found.problem or read.problem:
        return failed(name, title, found if found.problem else read)
    if not found.rows:
        return Section(name=name, title=title, text="No sync is recorded.")
    rows = [
        {**row, "last_outcome": OUTCOMES.get(row["last_outcome"], row["last_outcome"])}
        for row in found.rows
    ]
    zone = reading.figures.zone
    newest, oldest = found.rows[0]["newest_sync_at"], found.rows[0]["oldest_sync_at"]
    value, first = ("never" if each is None else time_text(each, zone) for each in (newest, oldest))
    note = f"the oldest of a workspace: {first}" if value != first else ""
    bad = [row for row in found.rows if row["last_outcome"] not in ("loaded", "stopped_early")]
    said = "Every last sync loaded."
    if bad:
        said = f"The last sync of {counted(len(bad), 'workspace')} did not load everything."
    return Section(
        name=name,
        title=title,
        text=said,
        tables=[
            reading.table("freshness-table", "Last syncs", SYNCS, rows),
            reading.table("tables", "Last sync of each table", READ, read, is_folded=True),
        ],
        facts=[Fact(label="Last sync", value=value, note=note, section=name, is_alarm=bool(bad))],
    )
