{#- Written by python -m tests.support.dbt_models from sql/views/all_successful_jobs.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.all_successful_jobs_on_spark() }}

{% else %}

with jobs as (
    select * from {{ ref('captaindata__successful_jobs') }} as successful_jobs
),

joined as (
    select
        jobs.workspace_id,
        jobs.workspace_name,
        jobs.workspace_label,
        workspaces.configured_name,
        jobs.workflow_id,
        jobs.workflow_name,
        workflows.status as workflow_status,
        jobs.job_id,
        jobs.name as job_name,
        jobs.main_job_id,
        jobs.is_sub_job,
        jobs.started_at,
        jobs.finished_at,
        jobs.duration_seconds,
        jobs.records_processed,
        jobs.is_partial
    from jobs
    left join {{ ref('captaindata__workspaces') }} as workspaces
        on jobs.workspace_id = workspaces.workspace_id
    left join {{ ref('captaindata__workflows') }} as workflows
        on
            jobs.workspace_id = workflows.workspace_id
            and jobs.workflow_id = workflows.workflow_id
)

select
    workspace_id,
    workspace_name,
    configured_name,
    workflow_id,
    workflow_name,
    workflow_status,
    job_id,
    job_name,
    main_job_id,
    is_sub_job,
    started_at,
    finished_at,
    duration_seconds,
    records_processed,
    is_partial,
    workspace_label
from joined

{% endif %}
