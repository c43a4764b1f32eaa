"""Tables that keep what changed; see `tables`."""

from __future__ import annotations

from captaindata_source.table import ColumnType, Table

__all__ = [
    "CHANGE_TABLES",
    "INTEGRATION_CHANGES",
    "JOB_CHANGES",
    "RESULTS_CHANGES",
    "WORKFLOW_CHANGES",
]


def _of_fields(name: str, *uids: str) -> Table:
    """A table of changes of fields; the columns `uids` name what changed."""
    columns: dict[str, ColumnType] = {"workspace_uid": "text", "uid": "text"}
    columns |= dict.fromkeys(uids, "text")
    columns |= {"field": "text", "old_value": "text", "new_value": "text", "seen_at": "timestamp"}
    return Table(name, columns, file_format=None)


JOB_CHANGES = _of_fields("job_changes", "job_uid", "workflow_uid")
WORKFLOW_CHANGES = _of_fields("workflow_changes", "workflow_uid")
INTEGRATION_CHANGES = _of_fields("integration_changes", "identity_uid", "integration_permalink")
RESULTS_CHANGES = Table(
    "results_changes",
    {
        "workspace_uid": "text",
        "uid": "text",
        "job_uid": "text",
        "old_workflow_uid": "text",
        "workflow_uid": "text",
        "change": "text",
        "rows_before": "bigint",
        "rows_after": "bigint",
        "seen_at": "timestamp",
    },
    file_format=None,
)
"""`change` is `replaced`, `added`, `moved` or `removed`."""

CHANGE_TABLES = {
    "jobs": JOB_CHANGES,
    "workflows": WORKFLOW_CHANGES,
    "integrations": INTEGRATION_CHANGES,
    "job_results": RESULTS_CHANGES,
}
"""By the table whose changes they keep. A row counts only where its load was committed. Rows are
never changed once that is so; one that was written by a load that broke off is written again under
its `uid`."""
