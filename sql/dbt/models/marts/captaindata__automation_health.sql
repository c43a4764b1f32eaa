{#- Written by python -m tests.support.dbt_models from sql/views/automation_health.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.automation_health_on_spark() }}

{% else %}

with workspaces as (
    select * from {{ ref('captaindata__workspaces') }} as workspaces
),

workflows as (
    select
        workspace_id,
        count(*) filter (where workflow_status = 'active') as active_workflows,
        count(*) filter (where workflow_status = 'paused') as paused_workflows,
        count(*) filter (where workflow_status = 'archived') as archived_workflows,
        cast(sum(runs) as bigint) as runs,
        cast(sum(succeeded_runs) as bigint) as succeeded_runs,
        cast(sum(failed_runs) as bigint) as failed_runs,
        cast(sum(in_progress_runs) as bigint) as in_progress_runs,
        cast(sum(records_processed) as bigint) as records_processed,
        max(last_run_at) as last_run_at,
        max(last_success_at) as last_success_at
    from {{ ref('captaindata__workflow_performance') }} as workflow_performance
    group by workspace_id
),

failing as (
    select
        workspace_id,
        count(*) as failing_workflows
    from {{ ref('captaindata__failing_workflows') }} as failing_workflows
    group by workspace_id
),

stuck as (
    select
        workspace_id,
        count(*) as stuck_runs
    from {{ ref('captaindata__stuck_runs') }} as stuck_runs
    group by workspace_id
),

recent as (
    select
        jobs.workspace_id,
        cast(count(*) filter (where jobs.status_group = 'succeeded') as double precision)
        / nullif(
            count(*) filter (where jobs.status_group in ('succeeded', 'failed')), 0
        ) as success_rate
    from {{ ref('captaindata__jobs') }} as jobs
    inner join workflows
        on jobs.workspace_id = workflows.workspace_id
    where
        not jobs.is_sub_job
        and jobs.run_at > workflows.last_run_at - interval '720 hours'
    group by jobs.workspace_id
),

syncs as (
    select
        workspace_uid as workspace_id,
        max(workspace_name collate "C") as workspace_name,
        max(finished_at) filter (
            where outcome not in ('failed', 'quota') and is_resync is not true
        ) as last_sync_at
    from {{ ref('stg_captaindata__sync_runs') }} as sync_runs
    group by workspace_uid
),

known as (
    select workspace_id from workspaces
    union
    select workspace_id from workflows
    union
    select workspace_id from syncs
),

joined as (
    select
        known.workspace_id,
        coalesce(workspaces.name, syncs.workspace_name) as workspace_name,
        coalesce(workspaces.workspace_label, known.workspace_id) as workspace_label,
        coalesce(workflows.active_workflows, 0) as active_workflows,
        coalesce(workflows.paused_workflows, 0) as paused_workflows,
        coalesce(workflows.archived_workflows, 0) as archived_workflows,
        coalesce(failing.failing_workflows, 0) as failing_workflows,
        coalesce(workflows.runs, 0) as runs,
        coalesce(workflows.succeeded_runs, 0) as succeeded_runs,
        coalesce(workflows.failed_runs, 0) as failed_runs,
        coalesce(workflows.in_progress_runs, 0) as in_progress_runs,
        cast(workflows.succeeded_runs as double precision)
        / nullif(workflows.succeeded_runs + workflows.failed_runs, 0) as success_rate,
        recent.success_rate as success_rate_30_days,
        coalesce(workflows.records_processed, 0) as records_processed,
        workflows.last_run_at,
        workflows.last_success_at,
        workspaces.tasks_left,
        syncs.last_sync_at,
        workspaces.credits_left,
        coalesce(stuck.stuck_runs, 0) as stuck_runs
    from known
    left join workspaces
        on known.workspace_id = workspaces.workspace_id
    left join workflows
        on known.workspace_id = workflows.workspace_id
    left join failing
        on known.workspace_id = failing.workspace_id
    left join stuck
        on known.workspace_id = stuck.workspace_id
    left join recent
        on known.workspace_id = recent.workspace_id
    left join syncs
        on known.workspace_id = syncs.workspace_id
)

select
    workspace_id,
    workspace_name,
    active_workflows,
    paused_workflows,
    archived_workflows,
    failing_workflows,
    runs,
    succeeded_runs,
    failed_runs,
    in_progress_runs,
    success_rate,
    success_rate_30_days,
    records_processed,
    last_run_at,
    last_success_at,
    tasks_left,
    last_sync_at,
    credits_left,
    stuck_runs,
    workspace_label
from joined

{% endif %}
