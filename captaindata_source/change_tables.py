"""Tables that keep what changed; see `tables`."""

from __future__ import annotations

from captaindata_source.table import Table

__all__ = [
    "CHANGE_TABLES",
    "INTEGRATION_CHANGES",
    "JOB_CHANGES",
    "RESULTS_CHANGES",
    "WORKFLOW_CHANGES",
]

JOB_CHANGES = Table(
    "job_changes",
    {
        "workspace_uid": "text",
        "uid": "text",
        "job_uid": "text",
        "workflow_uid": "text",
        "field": "text",
        "old_value": "text",
        "new_value": "text",
        "seen_at": "timestamp",
    },
    file_format=None,
)
WORKFLOW_CHANGES = Table(
    "workflow_changes",
    {
        "workspace_uid": "text",
        "uid": "text",
        "workflow_uid": "text",
        "field": "text",
        "old_value": "text",
        "new_value": "text",
        "seen_at": "timestamp",
    },
    file_format=None,
)
INTEGRATION_CHANGES = Table(
    "integration_changes",
    {
        "workspace_uid": "text",
        "uid": "text",
        "identity_uid": "text",
        "integration_permalink": "text",
        "field": "text",
        "old_value": "text",
        "new_value": "text",
        "seen_at": "timestamp",
    },
    file_format=None,
)
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
