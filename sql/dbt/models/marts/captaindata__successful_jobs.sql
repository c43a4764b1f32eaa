{#- Written by python -m tests.support.dbt_models from sql/views/successful_jobs.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.successful_jobs_on_spark() }}

{% else %}

with jobs as (
    select * from {{ ref('captaindata__jobs') }} as jobs
),

successful as (
    select * from jobs
    where status_group = 'succeeded'
)

select
    workspace_id,
    workspace_name,
    workflow_id,
    workflow_name,
    job_id,
    name,
    main_job_id,
    is_sub_job,
    status,
    started_at,
    finished_at,
    duration_seconds,
    records_processed,
    is_partial,
    execution_mode,
    job_name,
    workspace_label
from successful

{% endif %}
