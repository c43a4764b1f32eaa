"""Changes that a load wrote that was never committed.

Changes are loaded before what changed. So where a load broke off and dlt's folder is lost, a row of
such a load tells what the committed value was, whether or not the value itself is replaced already.
The sync that sees the change again writes it under the same uid. A row whose value came back stays
as it is: it does not count, and what it says of the committed value is true.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar

from captaindata_source.tables import CHANGE_TABLES, JOB_RESULTS, Table
from captaindata_source.warehouse.loaded_rows import LoadedRows
from captaindata_source.warehouse.memory import (
    KnownJob,
    KnownRow,
    KnownWorkflow,
    Memory,
    OpenChange,
    OpenChanges,
)
from captaindata_source.warehouse.workspace_queries import IS_COMMITTED

__all__ = ["KEYS", "MARKS", "OF_RESULTS", "as_committed", "open_changes"]

Known = TypeVar("Known", KnownJob, KnownRow, KnownWorkflow)
MARKS = ("is_deleted", "is_archived")
KEYS = {
    "jobs": ("job_uid", "field"),
    "workflows": ("workflow_uid", "field"),
    "integrations": ("identity_uid", "integration_permalink", "field"),
    JOB_RESULTS.name: ("job_uid",),
}
"""Columns that name what changed."""
OF_RESULTS = ("old_workflow_uid", "rows_before")


def open_changes(
    rows: LoadedRows, *, wanted: Collection[str], fresh: Collection[str]
) -> OpenChanges:
    """Reads the changes whose load was not committed; of a broken load, so that they are few.

    Args:
        rows: Of the workspace, connected.
        wanted: Tables that are loaded; of others no change is seen.
        fresh: Tables that are about to be emptied; what they hold does not count.
    """
    found: OpenChanges = {}
    for name, table in CHANGE_TABLES.items():
        if name not in wanted or name in fresh:
            continue
        values = ("old_value", "null") if name != JOB_RESULTS.name else OF_RESULTS
        key = KEYS[name]
        columns = ("uid", *values, *key)
        selected = [each if each == "null" else f"t.{each}" for each in columns]
        for uid, old, count, *names in rows.query(table, selected, f"not {IS_COMMITTED}", ()):
            found.setdefault(table.name, {})[tuple(names)] = OpenChange(uid, old, count)
    return found


def as_committed(memory: Memory, table: Table, uids: tuple[str, ...], known: Known) -> Known:
    """What is known of a row, with the marks that were committed last."""
    changes = CHANGE_TABLES.get(table.name)
    found = memory.open_changes.get(changes.name, {}) if changes else {}
    if not found:
        return known
    marks = {mark: found.get((*uids, mark)) for mark in MARKS if mark in known._fields}
    old: Any = {mark: change.old == "true" for mark, change in marks.items() if change}
    return known._replace(**old)
