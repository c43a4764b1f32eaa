{#- Written by python -m tests.support.dbt_models from sql/views/failed_inputs.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.failed_inputs_on_spark() }}

{% else %}

with source as (
    select
        *,
        coalesce(
            trim(regexp_replace(lower(status), '[\s_-]+', '_', 'g'), '_'), ''
        ) as read_status,
        cast(coalesce(input_data, data) as text) as input
    from {{ ref('stg_captaindata__job_inputs') }} as job_inputs
),

failed as (
    select
        source.workspace_uid,
        source.workflow_uid,
        source.job_uid,
        source.position,
        md5(coalesce(source.input, '')) as input_id,
        source.input,
        source.error_label,
        source.error_scope,
        source.error_message,
        source.error_reference,
        coalesce(source.finished_at, source.updated_at, jobs.finish_time) as failed_at
    from source
    left join {{ ref('stg_captaindata__jobs') }} as jobs
        on
            source.workspace_uid = jobs.workspace_uid
            and source.job_uid = jobs.uid
    where
        source.read_status = 'failed'
        or (
            coalesce(source.error_label, source.error_message) is not null
            and source.read_status not in ('succeeded', 'success', 'finished', 'completed')
        )
),

ordered as (
    select
        *,
        count(*) over (
            partition by workspace_uid, workflow_uid, input_id, error_label
        ) as failures,
        row_number() over (
            partition by workspace_uid, workflow_uid, input_id, error_label
            order by failed_at desc nulls last, job_uid collate "C" desc, position desc
        ) as newest_first
    from failed
),

counted as (
    select
        workspace_uid,
        workflow_uid,
        input_id,
        error_label,
        count(distinct job_uid) as jobs
    from failed
    group by workspace_uid, workflow_uid, input_id, error_label
),

joined as (
    select
        ordered.workspace_uid as workspace_id,
        coalesce(workspaces.name, workspaces.configured_name) as workspace_name,
        coalesce(workspaces.configured_name, ordered.workspace_uid) as workspace_label,
        ordered.workflow_uid as workflow_id,
        coalesce(workflows.name, ordered.workflow_uid) as workflow_name,
        ordered.input_id,
        ordered.input,
        ordered.error_label,
        ordered.error_scope,
        ordered.error_message,
        ordered.error_reference,
        ordered.failures,
        counted.jobs,
        ordered.job_uid as last_job_id,
        case
            when
                ordered.failed_at between timestamptz '2016-01-01 00:00:00+00'
                and timestamptz '2099-12-31 23:59:59+00'
                then ordered.failed_at
        end as last_failed_at
    from ordered
    inner join counted
        on
            ordered.workspace_uid = counted.workspace_uid
            and ordered.workflow_uid is not distinct from counted.workflow_uid
            and ordered.input_id = counted.input_id
            and ordered.error_label is not distinct from counted.error_label
    left join {{ ref('stg_captaindata__workflows') }} as workflows
        on
            ordered.workspace_uid = workflows.workspace_uid
            and ordered.workflow_uid = workflows.uid
    left join {{ ref('stg_captaindata__workspaces') }} as workspaces
        on ordered.workspace_uid = workspaces.workspace_uid
    where ordered.newest_first = 1
)

select
    workspace_id,
    workspace_name,
    workflow_id,
    workflow_name,
    input_id,
    cast(input as json) as input,
    error_label,
    error_scope,
    error_message,
    error_reference,
    failures,
    jobs,
    last_job_id,
    last_failed_at,
    workspace_label
from joined

{% endif %}
