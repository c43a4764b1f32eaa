"""The warehouse's tables: names, columns, types and keys.

Columns have the API's names. The connector adds `workspace_uid`, `is_…` flags, `row_hash` and
`loaded_at`; see also the comments of the tables. `sql/tables.md` describes every column.
"""

from __future__ import annotations

from captaindata_source.bookkeeping_tables import (
    CHECKPOINTS,
    LEDGER,
    QUOTA_READINGS,
    SYNC_ISSUES,
    SYNC_RUNS,
    WEBHOOK_EVENTS,
)
from captaindata_source.change_tables import (
    CHANGE_TABLES,
    INTEGRATION_CHANGES,
    JOB_CHANGES,
    RESULTS_CHANGES,
    WORKFLOW_CHANGES,
)
from captaindata_source.extra_tables import (
    ACCOUNTS,
    CALLBACKS,
    CREDIT_CONSUMPTION,
    EXTRA_TABLES,
    FLOWS,
    IDENTITIES,
    INPUTS_LEDGER,
    INTEGRATIONS,
    JOB_INPUTS,
    SCHEDULES,
    WORKSPACE_MEMBERS,
)
from captaindata_source.table import DELETE_MARK, ColumnType, Row, Table

__all__ = [
    "ACCOUNTS",
    "ALL_TABLES",
    "CALLBACKS",
    "CHANGE_TABLES",
    "CHECKPOINTS",
    "CREDIT_CONSUMPTION",
    "DELETE_MARK",
    "EXTRA_TABLES",
    "FLOWS",
    "IDENTITIES",
    "INPUTS_LEDGER",
    "INTEGRATIONS",
    "INTEGRATION_CHANGES",
    "JOBS",
    "JOB_CHANGES",
    "JOB_INPUTS",
    "JOB_RESULTS",
    "JOB_TIMES",
    "LEDGER",
    "LOADS",
    "QUOTA_READINGS",
    "RESULTS_CHANGES",
    "SCHEDULES",
    "SELECTABLE",
    "SUCCESSFUL_JOBS",
    "SYNC_ISSUES",
    "SYNC_RUNS",
    "TABLES",
    "WEBHOOK_EVENTS",
    "WORKFLOWS",
    "WORKFLOW_CHANGES",
    "WORKSPACES",
    "WORKSPACE_MEMBERS",
    "ColumnType",
    "Row",
    "Table",
    "views_schema",
]

WORKSPACES = Table(
    "workspaces",
    {
        "workspace_uid": "text",
        "uid": "text",
        "configured_name": "text",
        "name": "text",
        "email": "text",
        "plan_name": "text",
        "current_month_start": "timestamp",
        "current_month_end": "timestamp",
        "tasks_left": "bigint",
        "tasks_max": "bigint",
        "tasks_used": "bigint",
        "credits_left": "double",
        "credits_max": "double",
        "credits_used": "double",
        "identities_included": "bigint",
        "identities_synced": "bigint",
        "identities_remaining": "bigint",
        "members": "json",
        "row_hash": "text",
        "loaded_at": "timestamp",
    },
)

WORKFLOWS = Table(
    "workflows",
    {
        "workspace_uid": "text",
        "uid": "text",
        "name": "text",
        "created_at": "timestamp",
        "updated_at": "timestamp",
        "project_id": "bigint",
        "template_uid": "text",
        "steps": "json",
        "details": "json",
        "details_fetched_at": "timestamp",
        "is_deleted": "bool",
        "row_hash": "text",
        "loaded_at": "timestamp",
        "kind": "text",
    },
)
"""`kind` is `workflow` (v3), `action` (v4) or `flow`."""

_JOB_COLUMNS: dict[str, ColumnType] = {
    "workspace_uid": "text",
    "uid": "text",
    "name": "text",
    "workflow_uid": "text",
    "workflow_name": "text",
    "main_job_uid": "text",
    "main_job_name": "text",
    "is_sub_job": "bool",
    "step_uid": "text",
    "status": "text",
    "scheduled_time": "timestamp",
    "start_time": "timestamp",
    "finish_time": "timestamp",
    "number_inputs": "bigint",
    "row_count": "bigint",
    "total_row_count": "bigint",
    "error_message": "text",
    "accounts": "json",
    "configuration": "json",
    "id": "text",
    "action_id": "text",
    "execution_mode": "text",
    "is_partial": "bool",
    "retry_count": "bigint",
    "last_error": "json",
    "user_uid": "text",
    "scheduled_run_uid": "text",
    "scheduled_run_name": "text",
    "flow_run_id": "text",
    "last_info": "json",
    "sync_mode": "text",
    "postponed_until": "timestamp",
    "created_at": "timestamp",
    "updated_at": "timestamp",
}
"""Columns of API v3, then those that only v4 has. Fields with another name in v4 have v3's name."""

JOBS = Table(
    "jobs",
    {
        **_JOB_COLUMNS,
        "is_deleted": "bool",
        "is_archived": "bool",
        "has_results": "bool",
        "results_version": "text",
        "row_hash": "text",
        "loaded_at": "timestamp",
    },
    is_latest_kept=True,
)

JOB_TIMES = ("scheduled_time", "start_time", "finish_time", "created_at", "updated_at")
"""Columns that tell when something happened to a job."""

SUCCESSFUL_JOBS = Table(
    "successful_jobs",
    {**_JOB_COLUMNS, "row_hash": "text", "loaded_at": "timestamp"},
    has_delete_mark=True,
    is_latest_kept=True,
)

JOB_RESULTS = Table(
    "job_results",
    {
        "workspace_uid": "text",
        "job_uid": "text",
        "workflow_uid": "text",
        "result_uid": "text",
        "position": "bigint",
        "data": "json",
        "created_at": "timestamp",
        "is_carried": "bool",
        "loaded_at": "timestamp",
        "_dlt_load_id": "text",
    },
    key=("workspace_uid", "job_uid"),
    replaces_by_key=True,
    has_delete_mark=True,
)

LOADS = "_dlt_loads"
"""dlt's table of committed loads."""
TABLES = (WORKSPACES, WORKFLOWS, JOBS, SUCCESSFUL_JOBS, JOB_RESULTS)
"""Tables that are loaded by default; each is a resource of the source."""
SELECTABLE = (*TABLES, *EXTRA_TABLES)
ALL_TABLES = (
    *(*SELECTABLE, LEDGER, INPUTS_LEDGER, CHECKPOINTS),
    *(QUOTA_READINGS, SYNC_RUNS, SYNC_ISSUES, WEBHOOK_EVENTS),
    *CHANGE_TABLES.values(),
)


def views_schema(dataset: str) -> str:
    """The schema of a dataset's views."""
    return f"{dataset}_views"
