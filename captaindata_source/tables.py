"""The warehouse's tables: names, columns, types and keys.

Columns have the API's names. The connector adds `workspace_uid`, `is_…` flags, `row_hash` and
`loaded_at`; see also the comments of the tables. `sql/tables.md` describes every column.
"""

from __future__ import annotations

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

LEDGER = Table(
    "job_results_ledger",
    {
        "workspace_uid": "text",
        "job_uid": "text",
        "fingerprint": "text",
        "result_rows": "bigint",
        "content_hash": "text",
        "equal_answers": "bigint",
        "answered_at": "timestamp",
        "next_check_at": "timestamp",
        "results_load_id": "text",
        "is_skipped": "bool",
        "loaded_at": "timestamp",
    },
    key=("workspace_uid", "job_uid"),
)
"""Jobs whose results are loaded completely, with the state of the job at that time. A row counts
only if its `_dlt_load_id` is in `_dlt_loads`, so that its load was committed. If results are
fetched again and did not change, a row is written here and none to `job_results`; `results_load_id`
is the load that wrote the results. `is_skipped`: its counts are 0, and it was not asked."""

SYNC_RUNS = Table(
    "sync_runs",
    {
        "workspace_uid": "text",
        "uid": "text",
        "workspace_name": "text",
        "started_at": "timestamp",
        "finished_at": "timestamp",
        "outcome": "text",
        "error": "text",
        "is_full_refresh": "bool",
        "api_calls": "bigint",
        "rows_by_table": "json",
        "results_fetched": "bigint",
        "results_skipped": "bigint",
        "results_set_aside": "bigint",
        "results_left": "bigint",
        "is_listing_left": "bool",
        "issues": "bigint",
        "load_packages": "bigint",
        "secrets_rule": "bigint",
        "api_version": "text",
        "connector_version": "text",
        "dlt_version": "text",
    },
)

SYNC_ISSUES = Table(
    "sync_issues",
    {
        "workspace_uid": "text",
        "uid": "text",
        "sync_uid": "text",
        "seen_at": "timestamp",
        "workflow_uid": "text",
        "job_uid": "text",
        "kind": "text",
        "action": "text",
        "occurrences": "bigint",
        "detail": "text",
    },
    file_format=None,
)
"""Problems that syncs met, and what was done about them; see `issues`."""

QUOTA_READINGS = Table(
    "quota_readings",
    {
        "workspace_uid": "text",
        "uid": "text",
        "read_at": "timestamp",
        "unit": "text",
        "quota_left": "double",
        "quota_max": "double",
        "quota_used": "double",
        "plan_name": "text",
        "current_month_start": "timestamp",
        "current_month_end": "timestamp",
        "row_hash": "text",
        "loaded_at": "timestamp",
    },
)
"""Last reading of a workspace's quota per UTC day and quota month. `uid` is a hash of both. `unit`
is `tasks` or `credits`."""

CHECKPOINTS = Table(
    "listing_checkpoints",
    {
        "workspace_uid": "text",
        "uid": "text",
        "covered": "json",
        "is_newest_first": "bool",
        "page_size": "bigint",
        "read_at": "timestamp",
        "listed_at": "timestamp",
        "jobs": "bigint",
        "loaded_at": "timestamp",
    },
)
"""How far the lists of jobs are read, with the number of the workspace's jobs that are in `jobs`
then. A row whose load broke off does not count: its list is read again.

API v4: spans of `updated_at` whose jobs are all in `jobs`, and of `created_at` for flow runs;
written alternately under two uids, so that a load that breaks off leaves the previous row valid.
v3: `jobs of <workflow_uid>` says whether the list is newest first, when it was last read whole
(`read_at`), and when at all, where a limit kept a sync from reading each list (`listed_at`).
`pages` has the number of jobs on a full page, 0 where pages differ. `members`: when members were
last read."""

LOADS = "_dlt_loads"
"""dlt's table of committed loads."""
TABLES = (WORKSPACES, WORKFLOWS, JOBS, SUCCESSFUL_JOBS, JOB_RESULTS)
"""Tables that are loaded by default; each is a resource of the source."""
SELECTABLE = (*TABLES, *EXTRA_TABLES)
ALL_TABLES = (
    *(*SELECTABLE, LEDGER, INPUTS_LEDGER, CHECKPOINTS),
    *(QUOTA_READINGS, SYNC_RUNS, SYNC_ISSUES),
    *CHANGE_TABLES.values(),
)


def views_schema(dataset: str) -> str:
    """The schema of a dataset's views."""
    return f"{dataset}_views"
