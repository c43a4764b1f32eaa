"""Tables of what the connector did, read and is to go on with: one row per sync, job or list."""

from __future__ import annotations

from captaindata_source.table import Table

__all__ = ["CHECKPOINTS", "LEDGER", "QUOTA_READINGS", "SYNC_ISSUES", "SYNC_RUNS", "WEBHOOK_EVENTS"]

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
        "is_resync": "bool",
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

WEBHOOK_EVENTS = Table(
    "webhook_events",
    {
        "workspace_uid": "text",
        "uid": "text",
        "received_at": "timestamp",
        "kind": "text",
        "workflow_uid": "text",
        "job_uid": "text",
        "identity_uid": "text",
        "copies": "bigint",
        "tries": "bigint",
        "action": "text",
        "loaded_at": "timestamp",
    },
)
"""Events that `captaindata listen` received, and what was done. A row is in the load package of
what its event told of: the time of that load is in `_dlt_loads`."""

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
