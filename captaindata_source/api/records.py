"""The keys of the records that each version of the API gives, table by table.

Keys are those of API v3 where it has the field, and columns of the warehouse's tables.
"""

from __future__ import annotations

from typing import Annotated, Any, Required, TypedDict

import msgspec

from captaindata_source.tables import (
    ACCOUNTS,
    CALLBACKS,
    CREDIT_CONSUMPTION,
    IDENTITIES,
    INTEGRATIONS,
    JOB_INPUTS,
    JOBS,
    SCHEDULES,
    WORKFLOWS,
    WORKSPACE_MEMBERS,
    WORKSPACES,
)

__all__ = ["RECORDS", "Record"]

Record = dict[str, Any]
"""One object of the API: field name to value, nested values as `msgspec.Raw` (JSON text)."""

Text = Annotated[str | int | float | bool | None, "text"]
Key = Annotated[str, "text"]
Integer = Annotated[int | None, "bigint"]
Number = Annotated[int | float | None, "double"]
Flag = Annotated[bool | None, "bool"]
Time = Annotated[str | None, "timestamp"]
"""ISO 8601; without an offset it is UTC."""
Json = Annotated[msgspec.Raw | None, "json"]
"""An object or array, as the text that came."""


class WorkspaceRecord(TypedDict, total=False):
    """The workspace itself, of `Api.workspace`.

    v3: `GET /workspace`, which names no uid. v4: `GET /workspaces`, where `identities_…` were
    `users_…` earlier. Both are in the vendor's documentation.
    """

    uid: Text
    name: Text
    email: Text
    plan_name: Text
    current_month_start: Time
    current_month_end: Time
    tasks_left: Integer
    tasks_max: Integer
    tasks_used: Integer
    credits_left: Number
    credits_max: Number
    credits_used: Number
    identities_included: Integer
    identities_synced: Integer
    identities_remaining: Integer


class WorkflowRecord(TypedDict, total=False):
    """A workflow, of `Api.workflows`.

    v3: `GET /workflows`; the fields are those that public clients read. v4 has no such list.
    """

    uid: Required[Key]
    name: Text
    created_at: Time
    updated_at: Time
    project_id: Integer
    template_uid: Text
    steps: Json
    kind: Text
    """Ours: what a workflow is in this version, or `flow`."""


class JobRecord(TypedDict, total=False):
    """A job, of `Api.job_listings`, `jobs_in` and `job`.

    v3: `GET /workflows/{uid}/jobs` and `GET /jobs/{uid}` (vendor's documentation); the fields are
    those that public clients read. v4: `GET /runs` and `GET /runs/{uid}` (vendor's documentation);
    `action_name` is `workflow_uid`, `parameters` is `configuration`, `output_count` is `row_count`.
    """

    uid: Required[Key]
    workflow_uid: Text
    """Needed where the list is not that of one workflow."""
    workflow_name: Text
    name: Text
    status: Text
    """Decides whether there are results to fetch, and whether they may still change."""
    scheduled_time: Time
    start_time: Time
    finish_time: Time
    """A change of it, or of a count, means other results."""
    row_count: Integer
    total_row_count: Integer
    number_inputs: Integer
    main_job_uid: Text
    main_job_name: Text
    step_uid: Text
    error_message: Text
    accounts: Json
    configuration: Json
    id: Text
    action_id: Text
    execution_mode: Text
    is_partial: Flag
    """Ours: whether the job completed for a part of its inputs."""
    has_results: Flag
    """Ours: false where the API keeps no results of such a job; without it there are."""
    retry_count: Integer
    last_error: Json
    user_uid: Text
    scheduled_run_uid: Text
    scheduled_run_name: Text
    flow_run_id: Text
    last_info: Json
    """Why a run succeeded without results, for example."""
    sync_mode: Text
    """Of `parameters`: a run that is `incremental` may be continued, and then has more results."""
    postponed_until: Time
    created_at: Time
    updated_at: Time
    """A list of all jobs that is sorted by it is read from its last change on."""


class IdentityRecord(TypedDict, total=False):
    """An identity. v4: `GET /identities` (vendor's documentation)."""

    uid: Required[Key]
    name: Text
    type: Text
    timezone: Text
    integrations: Json
    created_at: Time


class IntegrationRecord(TypedDict, total=False):
    """An integration of an identity.

    v4: `GET /identities/{uid}/integrations/{name}` (vendor's documentation).
    """

    identity_uid: Required[Key]
    integration_permalink: Required[Key]
    uid: Text
    name: Text
    status: Text
    auth_type: Text
    setup_source: Text
    is_shared: Flag
    level: Text
    error: Text
    created_at: Time
    updated_at: Time


class MemberRecord(TypedDict, total=False):
    """A member of the workspace. v4: `GET /users` (vendor's documentation)."""

    uid: Required[Key]
    email: Text
    first_name: Text
    last_name: Text
    full_name: Text
    timezone: Text
    role: Text
    created_at: Time


class AccountRecord(TypedDict, total=False):
    """A member's account of an integration.

    v3: `GET /integrations/{name}/accounts`, of which public clients read `uid` and `is_valid`;
    nobody documents the rest. `integration` is ours: the name that was asked for.
    """

    uid: Required[Key]
    integration: Required[Key]
    name: Text
    full_name: Text
    email: Text
    status: Text
    is_valid: Flag
    user_uid: Text
    created_at: Time
    updated_at: Time


class ScheduleRecord(TypedDict, total=False):
    """A schedule. v4: `GET /schedules`; Edges: `GET /flows/schedules` (vendor's documentation).
    `kind` is ours: `action` or `flow`.
    """

    kind: Required[Key]
    uid: Required[Key]
    name: Text
    action_id: Text
    action_name: Text
    flow_preset_uid: Text
    flow_preset_name: Text
    user_uid: Text
    status: Text
    cron: Text
    timezone: Text
    next_execution_at: Time
    last_executed_at: Time
    postponed_until: Time
    created_at: Time
    updated_at: Time


class CallbackRecord(TypedDict, total=False):
    """A delivery to whoever started a run. v4: `GET /runs/callbacks` (vendor's documentation)."""

    uid: Required[Key]
    parent_uid: Text
    run_uid: Text
    batch_uid: Text
    status: Text
    http_status: Integer
    error: Text
    retry_count: Integer
    created_at: Time


class ConsumptionRecord(TypedDict, total=False):
    """What an action used so far. v4: `GET /workspaces/consumption` (vendor's documentation)."""

    action_slug: Text
    credits_used: Number
    runs_count: Integer
    current_month_start: Time
    current_month_end: Time


class InputRecord(TypedDict, total=False):
    """An input of a job, of `Api.input_pages`.

    v4: `GET /runs/{uid}/inputs` (vendor's documentation). v3: `GET /jobs/{uid}/inputs`, whose
    fields nobody documents. `data` is ours: the fields that have no column.
    """

    uid: Text
    status: Text
    input_data: Json
    custom_data: Json
    error_label: Text
    error_scope: Text
    error_reference: Text
    error_message: Text
    output_count: Integer
    retry_count: Integer
    started_at: Time
    finished_at: Time
    created_at: Time
    updated_at: Time
    data: Json


RECORDS = {
    WORKSPACES.name: WorkspaceRecord,
    WORKFLOWS.name: WorkflowRecord,
    JOBS.name: JobRecord,
    IDENTITIES.name: IdentityRecord,
    INTEGRATIONS.name: IntegrationRecord,
    WORKSPACE_MEMBERS.name: MemberRecord,
    ACCOUNTS.name: AccountRecord,
    SCHEDULES.name: ScheduleRecord,
    CALLBACKS.name: CallbackRecord,
    CREDIT_CONSUMPTION.name: ConsumptionRecord,
    JOB_INPUTS.name: InputRecord,
}
"""By table, the keys of its records. Required ones are in each record. Others may be left out, and
any other key may come: it becomes a column of its own, but for extra tables."""
