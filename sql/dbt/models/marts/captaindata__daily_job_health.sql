{#- Written by python -m tests.support.dbt_models from sql/views/daily_job_health.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.daily_job_health_on_spark() }}

{% else %}

with runs as (
    select
        workspace_id,
        workspace_name,
        workspace_label,
        workflow_id,
        workflow_name,
        status_group,
        duration_seconds,
        records_processed,
        cast((run_at at time zone {{ captaindata.report_timezone() }}) as date) as day
    from {{ ref('captaindata__jobs') }} as jobs
    where not is_sub_job and run_at is not null
),

days_seen as (
    select
        workspace_id,
        day
    from runs
    union all
    select
        workspace_uid as workspace_id,
        cast((finished_at at time zone {{ captaindata.report_timezone() }}) as date) as day
    from {{ ref('stg_captaindata__sync_runs') }} as sync_runs
    where outcome not in ('failed', 'quota') and is_resync is not true
),

last_days as (
    select
        workspace_id,
        max(day) as last_day
    from days_seen
    group by workspace_id
),

workflows as (
    select
        workspace_id,
        max(workspace_name) as workspace_name,
        max(workspace_label) as workspace_label,
        workflow_id,
        max(workflow_name collate "C") as workflow_name,
        min(day) as first_day
    from runs
    group by workspace_id, workflow_id
),

spans as (
    select
        workflows.workspace_id,
        workflows.workspace_name,
        workflows.workspace_label,
        workflows.workflow_id,
        workflows.workflow_name,
        workflows.first_day,
        cast(last_days.last_day - workflows.first_day as int) as days
    from workflows
    inner join last_days
        on workflows.workspace_id = last_days.workspace_id
),

runs_and_days as (
    select
        day,
        workspace_id,
        workspace_name,
        workspace_label,
        workflow_id,
        workflow_name,
        status_group,
        duration_seconds,
        records_processed
    from runs
    union all
    select
        spans.first_day + cast(g.i as int) as day,
        spans.workspace_id,
        spans.workspace_name,
        spans.workspace_label,
        spans.workflow_id,
        spans.workflow_name,
        null as status_group,
        null as duration_seconds,
        null as records_processed
    from spans
    cross join lateral generate_series(0, spans.days) as g (i)
),

counted as (
    select
        day,
        workspace_id,
        max(workspace_name) as workspace_name,
        max(workspace_label) as workspace_label,
        workflow_id,
        max(workflow_name collate "C") as workflow_name,
        count(status_group) as runs,
        count(*) filter (where status_group = 'succeeded') as succeeded_runs,
        count(*) filter (where status_group = 'failed') as failed_runs,
        count(*) filter (where status_group = 'stopped') as stopped_runs,
        count(*) filter (where status_group = 'in_progress') as in_progress_runs,
        count(*) filter (where status_group = 'unknown') as unknown_runs,
        percentile_cont(0.5) within group (order by duration_seconds) filter (
            where status_group in ('succeeded', 'failed')
        ) as duration_p50_seconds,
        percentile_cont(0.95) within group (order by duration_seconds) filter (
            where status_group in ('succeeded', 'failed')
        ) as duration_p95_seconds,
        cast(
            coalesce(sum(records_processed) filter (where status_group = 'succeeded'), 0) as bigint
        ) as records_processed
    from runs_and_days
    group by day, workspace_id, workflow_id
)

select
    day,
    workspace_id,
    workspace_name,
    workflow_id,
    workflow_name,
    runs,
    succeeded_runs,
    failed_runs,
    stopped_runs,
    in_progress_runs,
    unknown_runs,
    cast(succeeded_runs as double precision)
    / nullif(succeeded_runs + failed_runs, 0) as success_rate,
    duration_p50_seconds,
    duration_p95_seconds,
    records_processed,
    workspace_label
from counted

{% endif %}
