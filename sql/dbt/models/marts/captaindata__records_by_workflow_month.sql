{#- Written by python -m tests.support.dbt_models from sql/views/records_by_workflow_month.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.records_by_workflow_month_on_spark() }}

{% else %}

with recursive jobs as (
    select
        workspace_id,
        workspace_name,
        workspace_label,
        workflow_id,
        workflow_name,
        job_id,
        main_job_id,
        is_sub_job,
        status_group,
        records_processed,
        cast(
            date_trunc(
                'month', (coalesce(finished_at, run_at) at time zone {{ captaindata.report_timezone() }})
            ) as date
        ) as month
    from {{ ref('captaindata__jobs') }} as jobs
),

-- the loaded jobs that a retry goes back to; at most ten, for jobs may name one another
mains as (
    select
        subs.workspace_id,
        subs.job_id,
        jobs.job_id as main_job_id,
        jobs.month,
        1 as depth
    from jobs as subs
    inner join jobs
        on
            subs.workspace_id = jobs.workspace_id
            and subs.main_job_id = jobs.job_id
    where subs.is_sub_job
    union all
    select
        mains.workspace_id,
        mains.job_id,
        jobs.job_id as main_job_id,
        jobs.month,
        mains.depth + 1 as depth
    from mains
    inner join jobs as subs
        on
            mains.workspace_id = subs.workspace_id
            and mains.main_job_id = subs.job_id
    inner join jobs
        on
            subs.workspace_id = jobs.workspace_id
            and subs.main_job_id = jobs.job_id
    where subs.is_sub_job and mains.depth < 10
),

ranked as (
    select
        workspace_id,
        job_id,
        month,
        row_number() over (partition by workspace_id, job_id order by depth desc) as place
    from mains
),

results as (
    select
        workspace_id,
        workflow_id,
        job_id,
        count(*) as results_loaded,
        min(created_at) as created_at
    from {{ ref('captaindata__job_results') }} as job_results
    where not is_repeated
    group by workspace_id, workflow_id, job_id
),

parts as (
    select
        month,
        workspace_id,
        workflow_id,
        1 as succeeded_runs,
        records_processed,
        0 as results_loaded
    from jobs
    where not is_sub_job and status_group = 'succeeded'
    union all
    select
        case
            when ranked.job_id is not null then ranked.month
            when jobs.job_id is not null then jobs.month
            else cast(
                date_trunc(
                    'month', (results.created_at at time zone {{ captaindata.report_timezone() }})
                ) as date
            )
        end as month,
        results.workspace_id,
        results.workflow_id,
        0 as succeeded_runs,
        0 as records_processed,
        results.results_loaded
    from results
    left join jobs
        on
            results.workspace_id = jobs.workspace_id
            and results.job_id = jobs.job_id
    left join ranked
        on
            results.workspace_id = ranked.workspace_id
            and results.job_id = ranked.job_id
            and ranked.place = 1
),

counted as (
    select
        month,
        workspace_id,
        workflow_id,
        cast(sum(succeeded_runs) as bigint) as succeeded_runs,
        cast(coalesce(sum(records_processed), 0) as bigint) as records_processed,
        cast(sum(results_loaded) as bigint) as results_loaded
    from parts
    group by month, workspace_id, workflow_id
),

workspaces as (
    select
        workspace_id,
        max(workspace_name) as workspace_name,
        max(workspace_label) as workspace_label
    from jobs
    group by workspace_id
),

workflows as (
    select
        workspace_id,
        workflow_id,
        max(workflow_name collate "C") as workflow_name
    from jobs
    group by workspace_id, workflow_id
),

joined as (
    select
        counted.month,
        counted.workspace_id,
        workspaces.workspace_name,
        workspaces.workspace_label,
        counted.workflow_id,
        workflows.workflow_name,
        counted.succeeded_runs,
        counted.records_processed,
        counted.results_loaded
    from counted
    left join workspaces
        on counted.workspace_id = workspaces.workspace_id
    left join workflows
        on
            counted.workspace_id = workflows.workspace_id
            and counted.workflow_id = workflows.workflow_id
)

select
    month,
    workspace_id,
    workspace_name,
    workflow_id,
    workflow_name,
    succeeded_runs,
    records_processed,
    results_loaded,
    workspace_label
from joined

{% endif %}
