{#- Written by python -m tests.support.dbt_models from sql/views/results_reconciliation.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.results_reconciliation_on_spark() }}

{% else %}

with jobs as (
    select * from {{ ref('captaindata__jobs') }} as jobs
),

results as (
    select
        workspace_id,
        job_id,
        min(workflow_id) as workflow_id,
        count(*) as results_loaded
    from {{ ref('captaindata__job_results') }} as job_results
    group by workspace_id, job_id
),

joined as (
    select
        coalesce(jobs.workspace_id, results.workspace_id) as workspace_id,
        jobs.workspace_name,
        jobs.workspace_label,
        coalesce(jobs.workflow_id, results.workflow_id) as workflow_id,
        jobs.workflow_name,
        coalesce(jobs.job_id, results.job_id) as job_id,
        jobs.name as job_name,
        coalesce(jobs.is_sub_job, false) as is_sub_job,
        jobs.status_group,
        jobs.finished_at,
        -- of a flow run they are those of its runs, and no number of its own results
        case when left(jobs.job_id, 5) <> 'flow:' then jobs.records_processed end
            as records_processed,
        jobs.has_results,
        coalesce(results.results_loaded, 0) as results_loaded
    from jobs
    full outer join results
        on
            jobs.workspace_id = results.workspace_id
            and jobs.job_id = results.job_id
),

compared as (
    select
        *,
        case
            when not has_results then 'not_loaded'
            when status_group <> 'succeeded' and results_loaded = 0 then 'not_loaded'
            when records_processed is null then 'unknown'
            when results_loaded < records_processed then 'missing'
            when results_loaded > records_processed then 'surplus'
            else 'equal'
        end as state
    from joined
)

select
    workspace_id,
    workspace_name,
    workflow_id,
    workflow_name,
    job_id,
    job_name,
    is_sub_job,
    status_group,
    finished_at,
    records_processed,
    results_loaded,
    case when state <> 'not_loaded' then results_loaded - records_processed end as difference,
    state,
    workspace_label
from compared

{% endif %}
