{#- Written by python -m tests.support.dbt_models from sql/views/workflow_performance.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.workflow_performance_on_spark() }}

{% else %}

with workflows as (
    select * from {{ ref('captaindata__workflows') }} as workflows
),

jobs as (
    select
        *,
        -- number of successes from the newest run down to this one
        count(*) filter (where status_group = 'succeeded' and not is_sub_job) over (
            partition by workspace_id, workflow_id
            order by run_at desc nulls last, job_id collate "C" desc
            rows between unbounded preceding and current row
        ) as successes_since
    from {{ ref('captaindata__jobs') }} as jobs
),

performance as (
    select
        workspace_id,
        workflow_id,
        max(workspace_name) as workspace_name,
        max(workspace_label) as workspace_label,
        max(workflow_name collate "C") as workflow_name,
        count(*) filter (where not is_sub_job) as runs,
        count(*) filter (where not is_sub_job and status_group = 'succeeded') as succeeded_runs,
        count(*) filter (where not is_sub_job and status_group = 'failed') as failed_runs,
        count(*) filter (where not is_sub_job and status_group = 'stopped') as stopped_runs,
        count(*) filter (
            where not is_sub_job and status_group = 'in_progress'
        ) as in_progress_runs,
        count(*) filter (where not is_sub_job and status_group = 'unknown') as unknown_runs,
        count(*) filter (where is_sub_job) as retries,
        percentile_cont(0.5) within group (order by duration_seconds) filter (
            where not is_sub_job and status_group in ('succeeded', 'failed')
        ) as duration_p50_seconds,
        percentile_cont(0.95) within group (order by duration_seconds) filter (
            where not is_sub_job and status_group in ('succeeded', 'failed')
        ) as duration_p95_seconds,
        cast(
            sum(records_processed) filter (
                where not is_sub_job and status_group = 'succeeded'
            ) as bigint
        ) as records_processed,
        max(run_at) filter (where not is_sub_job) as last_run_at,
        max(coalesce(finished_at, run_at)) filter (
            where not is_sub_job and status_group = 'succeeded'
        ) as last_success_at,
        count(*) filter (
            where not is_sub_job and status_group = 'failed' and successes_since = 0
        ) as failures_in_a_row
    from jobs
    group by workspace_id, workflow_id
),

joined as (
    select
        coalesce(workflows.workspace_id, performance.workspace_id) as workspace_id,
        coalesce(workflows.workspace_name, performance.workspace_name) as workspace_name,
        coalesce(workflows.workspace_label, performance.workspace_label) as workspace_label,
        coalesce(workflows.workflow_id, performance.workflow_id) as workflow_id,
        coalesce(workflows.name, performance.workflow_name) as workflow_name,
        workflows.status as workflow_status,
        coalesce(performance.runs, 0) as runs,
        coalesce(performance.succeeded_runs, 0) as succeeded_runs,
        coalesce(performance.failed_runs, 0) as failed_runs,
        coalesce(performance.stopped_runs, 0) as stopped_runs,
        coalesce(performance.in_progress_runs, 0) as in_progress_runs,
        coalesce(performance.unknown_runs, 0) as unknown_runs,
        coalesce(performance.retries, 0) as retries,
        cast(performance.succeeded_runs as double precision)
        / nullif(performance.succeeded_runs + performance.failed_runs, 0) as success_rate,
        performance.duration_p50_seconds,
        performance.duration_p95_seconds,
        coalesce(performance.records_processed, 0) as records_processed,
        performance.last_run_at,
        performance.last_success_at,
        coalesce(performance.failures_in_a_row, 0) as failures_in_a_row
    from workflows
    full outer join performance
        on
            workflows.workspace_id = performance.workspace_id
            and workflows.workflow_id = performance.workflow_id
)

select
    workspace_id,
    workspace_name,
    workflow_id,
    workflow_name,
    workflow_status,
    runs,
    succeeded_runs,
    failed_runs,
    stopped_runs,
    in_progress_runs,
    unknown_runs,
    retries,
    success_rate,
    duration_p50_seconds,
    duration_p95_seconds,
    records_processed,
    last_run_at,
    last_success_at,
    failures_in_a_row,
    workspace_label
from joined

{% endif %}
