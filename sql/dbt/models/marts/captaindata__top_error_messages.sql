{#- Written by python -m tests.support.dbt_models from sql/views/top_error_messages.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.top_error_messages_on_spark() }}

{% else %}

with runs as (
    select
        workspace_id,
        workspace_name,
        workspace_label,
        workflow_id,
        job_id,
        error_message,
        coalesce(finished_at, run_at) as seen_at
    from {{ ref('captaindata__jobs') }} as jobs
    where
        not is_sub_job
        and status_group <> 'succeeded'
        and trim(error_message) <> ''
),

ordered as (
    select
        *,
        row_number() over (
            partition by workspace_id, error_message
            order by seen_at desc nulls last, job_id collate "C" desc
        ) as newest_first
    from runs
),

counted as (
    select
        workspace_id,
        max(workspace_name) as workspace_name,
        max(workspace_label) as workspace_label,
        error_message,
        count(*) as runs,
        count(distinct workflow_id) as workflows,
        min(seen_at) as first_seen_at,
        max(seen_at) as last_seen_at,
        max(job_id) filter (where newest_first = 1) as last_job_id
    from ordered
    group by workspace_id, error_message
)

select
    workspace_id,
    workspace_name,
    row_number() over (
        partition by workspace_id
        order by runs desc, last_seen_at desc nulls last, error_message collate "C"
    ) as message_rank,
    error_message,
    runs,
    workflows,
    first_seen_at,
    last_seen_at,
    last_job_id,
    workspace_label
from counted

{% endif %}
