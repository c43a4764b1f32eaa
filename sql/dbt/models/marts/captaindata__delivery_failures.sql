{#- Written by python -m tests.support.dbt_models from sql/views/delivery_failures.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.delivery_failures_on_spark() }}

{% else %}

with recursive source as (
    select
        *,
        trim(regexp_replace(lower(status), '[\s_-]+', '_', 'g'), '_') as read_status
    from {{ ref('stg_captaindata__callbacks') }} as callbacks
),

-- each failed delivery with its repetitions, those of the same delivery included
repetitions as (
    select
        workspace_uid,
        uid as failed_uid,
        uid
    from source
    where read_status = 'failed'
    union
    select
        failed.workspace_uid,
        failed.uid as failed_uid,
        sibling.uid
    from source as failed
    inner join source as sibling
        on
            failed.workspace_uid = sibling.workspace_uid
            and failed.parent_uid = sibling.parent_uid
    where failed.read_status = 'failed' and sibling.created_at > failed.created_at
),

reached as (
    select
        workspace_uid,
        failed_uid,
        uid
    from repetitions
    union
    select
        reached.workspace_uid,
        reached.failed_uid,
        source.uid
    from reached
    inner join source
        on
            reached.workspace_uid = source.workspace_uid
            and reached.uid = source.parent_uid
),

delivered as (
    select distinct
        reached.workspace_uid,
        reached.failed_uid
    from reached
    inner join source
        on
            reached.workspace_uid = source.workspace_uid
            and reached.uid = source.uid
    where source.read_status = 'success'
),

joined as (
    select
        source.workspace_uid as workspace_id,
        coalesce(workspaces.name, workspaces.configured_name) as workspace_name,
        coalesce(workspaces.configured_name, source.workspace_uid) as workspace_label,
        source.uid as delivery_id,
        source.parent_uid as repeats_id,
        source.run_uid as run_id,
        jobs.workflow_uid as workflow_id,
        source.batch_uid as batch_id,
        source.retry_count as retries,
        source.http_status,
        source.error,
        delivered.failed_uid is not null as is_delivered,
        case
            when
                source.created_at between timestamptz '2016-01-01 00:00:00+00'
                and timestamptz '2099-12-31 23:59:59+00'
                then source.created_at
        end as failed_at,
        source.loaded_at
    from source
    left join delivered
        on
            source.workspace_uid = delivered.workspace_uid
            and source.uid = delivered.failed_uid
    left join {{ ref('stg_captaindata__jobs') }} as jobs
        on
            source.workspace_uid = jobs.workspace_uid
            and source.run_uid = jobs.uid
    left join {{ ref('stg_captaindata__workspaces') }} as workspaces
        on source.workspace_uid = workspaces.workspace_uid
    where source.read_status = 'failed'
)

select
    workspace_id,
    workspace_name,
    delivery_id,
    repeats_id,
    run_id,
    workflow_id,
    batch_id,
    retries,
    http_status,
    error,
    is_delivered,
    failed_at,
    loaded_at,
    workspace_label
from joined

{% endif %}
