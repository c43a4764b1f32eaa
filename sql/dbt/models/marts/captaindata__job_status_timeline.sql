{#- Written by python -m tests.support.dbt_models from sql/views/job_status_timeline.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.job_status_timeline_on_spark() }}

{% else %}

with changes as (
    select
        workspace_uid as workspace_id,
        job_uid as job_id,
        old_value,
        seen_at,
        row_number() over (
            partition by workspace_uid, job_uid
            order by seen_at, _dlt_load_id collate "C"
        ) as position
    from {{ ref('stg_captaindata__job_changes') }} as job_changes
    where
        field = 'status'
        and _dlt_load_id in (
            select load_id from {{ ref('stg_captaindata__dlt_loads') }} as _dlt_loads
            where status = 0
        )
),

counted as (
    select
        workspace_id,
        job_id,
        count(*) as changes,
        max(seen_at) as last_seen_at
    from changes
    group by workspace_id, job_id
),

jobs as (
    select
        jobs.*,
        coalesce(jobs.scheduled_at, jobs.started_at) as begins_at,
        coalesce(counted.changes, 0) as changes,
        counted.last_seen_at
    from {{ ref('captaindata__jobs') }} as jobs
    left join counted
        on jobs.workspace_id = counted.workspace_id and jobs.job_id = counted.job_id
),

past as (
    select
        jobs.*,
        changes.position,
        changes.old_value as status_then,
        lag(changes.seen_at) over (
            partition by changes.workspace_id, changes.job_id
            order by changes.position
        ) as seen_before,
        changes.seen_at as valid_to
    from jobs
    inner join changes
        on jobs.workspace_id = changes.workspace_id and jobs.job_id = changes.job_id
),

united as (
    select
        workspace_id,
        workspace_name,
        workspace_label,
        workflow_id,
        workflow_name,
        job_id,
        name as job_name,
        position,
        status_then as status,
        case
            when position > 1 then seen_before
            when begins_at < valid_to then begins_at
        end as valid_from,
        valid_to,
        false as is_current
    from past
    union all
    select
        workspace_id,
        workspace_name,
        workspace_label,
        workflow_id,
        workflow_name,
        job_id,
        name as job_name,
        changes + 1 as position,
        status,
        case when changes > 0 then last_seen_at else begins_at end as valid_from,
        cast(null as timestamp with time zone) as valid_to,
        true as is_current
    from jobs
)

select
    workspace_id,
    workspace_name,
    workflow_id,
    workflow_name,
    job_id,
    job_name,
    position,
    status,
    valid_from,
    valid_to,
    is_current,
    cast(extract(epoch from (valid_to - valid_from)) as double precision) / 3600 as hours,
    workspace_label
from united

{% endif %}
