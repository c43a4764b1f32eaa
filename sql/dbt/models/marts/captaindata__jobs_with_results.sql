{#- Written by python -m tests.support.dbt_models from sql/views/jobs_with_results.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.jobs_with_results_on_spark() }}

{% else %}

with results as (
    select * from {{ ref('captaindata__job_results') }} as job_results
),

jobs as (
    select * from {{ ref('captaindata__jobs') }} as jobs
),

joined as (
    select
        results.workspace_id,
        jobs.workspace_name,
        jobs.workspace_label,
        results.workflow_id,
        jobs.workflow_name,
        results.job_id,
        jobs.name as job_name,
        jobs.main_job_id,
        coalesce(jobs.is_sub_job, false) as is_sub_job,
        jobs.status as job_status,
        jobs.status_group,
        jobs.started_at,
        jobs.finished_at,
        jobs.records_processed,
        results.result_id,
        results.position,
        results.data,
        results.created_at,
        jobs.is_partial,
        results.is_repeated
    from results
    left join jobs
        on
            results.workspace_id = jobs.workspace_id
            and results.job_id = jobs.job_id
)

select
    workspace_id,
    workspace_name,
    workflow_id,
    workflow_name,
    job_id,
    job_name,
    main_job_id,
    is_sub_job,
    job_status,
    status_group,
    started_at,
    finished_at,
    records_processed,
    result_id,
    position,
    data,
    created_at,
    is_partial,
    is_repeated,
    workspace_label
from joined

{% endif %}
