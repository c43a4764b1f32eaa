"""Tables that are off by default; see `tables`."""

from __future__ import annotations

from captaindata_source.table import Table

__all__ = [
    "ACCOUNTS",
    "CALLBACKS",
    "CREDIT_CONSUMPTION",
    "EXTRA_TABLES",
    "FLOWS",
    "IDENTITIES",
    "INPUTS_LEDGER",
    "INTEGRATIONS",
    "JOB_INPUTS",
    "SCHEDULES",
    "WORKSPACE_MEMBERS",
]

FLOWS = "flows"
"""No table, but named where extra tables are: it adds rows of flows to the five entities."""

IDENTITIES = Table(
    "identities",
    {
        "workspace_uid": "text",
        "uid": "text",
        "name": "text",
        "type": "text",
        "timezone": "text",
        "integrations": "json",
        "created_at": "timestamp",
        "is_deleted": "bool",
        "row_hash": "text",
        "loaded_at": "timestamp",
    },
)

INTEGRATIONS = Table(
    "integrations",
    {
        "workspace_uid": "text",
        "identity_uid": "text",
        "integration_permalink": "text",
        "uid": "text",
        "name": "text",
        "status": "text",
        "auth_type": "text",
        "setup_source": "text",
        "is_shared": "bool",
        "level": "text",
        "error": "text",
        "created_at": "timestamp",
        "updated_at": "timestamp",
        "is_deleted": "bool",
        "row_hash": "text",
        "loaded_at": "timestamp",
    },
    key=("workspace_uid", "identity_uid", "integration_permalink"),
)
"""One row per identity and integration; a shared integration has one row per identity."""

WORKSPACE_MEMBERS = Table(
    "workspace_members",
    {
        "workspace_uid": "text",
        "uid": "text",
        "email": "text",
        "first_name": "text",
        "last_name": "text",
        "full_name": "text",
        "timezone": "text",
        "role": "text",
        "created_at": "timestamp",
        "is_deleted": "bool",
        "row_hash": "text",
        "loaded_at": "timestamp",
    },
)

ACCOUNTS = Table(
    "accounts",
    {
        "workspace_uid": "text",
        "integration": "text",
        "uid": "text",
        "name": "text",
        "full_name": "text",
        "email": "text",
        "status": "text",
        "is_valid": "bool",
        "user_uid": "text",
        "created_at": "timestamp",
        "updated_at": "timestamp",
        "is_deleted": "bool",
        "row_hash": "text",
        "loaded_at": "timestamp",
    },
    key=("workspace_uid", "integration", "uid"),
)

SCHEDULES = Table(
    "schedules",
    {
        "workspace_uid": "text",
        "kind": "text",
        "uid": "text",
        "name": "text",
        "action_id": "text",
        "action_name": "text",
        "flow_preset_uid": "text",
        "flow_preset_name": "text",
        "user_uid": "text",
        "status": "text",
        "cron": "text",
        "timezone": "text",
        "next_execution_at": "timestamp",
        "last_executed_at": "timestamp",
        "postponed_until": "timestamp",
        "created_at": "timestamp",
        "updated_at": "timestamp",
        "is_deleted": "bool",
        "row_hash": "text",
        "loaded_at": "timestamp",
    },
    key=("workspace_uid", "kind", "uid"),
)
"""`kind` is `action` or `flow`: each has uids of its own."""

CALLBACKS = Table(
    "callbacks",
    {
        "workspace_uid": "text",
        "uid": "text",
        "parent_uid": "text",
        "run_uid": "text",
        "batch_uid": "text",
        "status": "text",
        "http_status": "bigint",
        "error": "text",
        "retry_count": "bigint",
        "created_at": "timestamp",
        "row_hash": "text",
        "loaded_at": "timestamp",
    },
)
"""A delivery stays when the API no longer lists it: it was made. Its address, headers and the
answer of whoever got it may be secret and have no column."""

CREDIT_CONSUMPTION = Table(
    "credit_consumption",
    {
        "workspace_uid": "text",
        "uid": "text",
        "read_at": "timestamp",
        "action_slug": "text",
        "credits_used": "double",
        "runs_count": "bigint",
        "current_month_start": "timestamp",
        "current_month_end": "timestamp",
        "row_hash": "text",
        "loaded_at": "timestamp",
    },
)
"""Last reading of what an action used, per UTC day and billing month. `uid` is a hash of the
three."""

JOB_INPUTS = Table(
    "job_inputs",
    {
        "workspace_uid": "text",
        "job_uid": "text",
        "workflow_uid": "text",
        "uid": "text",
        "position": "bigint",
        "status": "text",
        "input_data": "json",
        "custom_data": "json",
        "error_label": "text",
        "error_scope": "text",
        "error_reference": "text",
        "error_message": "text",
        "output_count": "bigint",
        "retry_count": "bigint",
        "started_at": "timestamp",
        "finished_at": "timestamp",
        "created_at": "timestamp",
        "updated_at": "timestamp",
        "data": "json",
        "loaded_at": "timestamp",
    },
    key=("workspace_uid", "job_uid"),
    replaces_by_key=True,
    has_delete_mark=True,
)
"""`data` holds the fields that have no column: those of API v3 are not documented."""

INPUTS_LEDGER = Table(
    "job_inputs_ledger",
    {
        "workspace_uid": "text",
        "job_uid": "text",
        "fingerprint": "text",
        "input_rows": "bigint",
        "content_hash": "text",
        "loaded_at": "timestamp",
    },
    key=("workspace_uid", "job_uid"),
)
"""Jobs whose inputs are loaded, with the state of the job at that time."""

EXTRA_TABLES = (
    *(IDENTITIES, INTEGRATIONS, WORKSPACE_MEMBERS, ACCOUNTS),
    *(JOB_INPUTS, SCHEDULES, CALLBACKS, CREDIT_CONSUMPTION),
)
"""Resources that are off by default. Only fields with a column are loaded, because the API may send
cookies and tokens along; of `job_inputs` all are, without what is secret."""
