{#- Written by python -m tests.support.dbt_models from sql/views/stuck_runs.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.stuck_runs_on_spark() }}

{% else %}

with jobs as (
    select * from {{ ref('captaindata__jobs') }} as jobs
    where not is_sub_job
),

usual as (
    select
        workspace_id,
        workflow_id,
        percentile_cont(0.5) within group (order by duration_seconds) as duration_seconds
    from jobs
    where status_group = 'succeeded' and duration_seconds is not null
    group by workspace_id, workflow_id
    having count(*) >= 5
),

syncs as (
    select
        workspace_uid as workspace_id,
        max(finished_at) as last_sync_at
    from {{ ref('stg_captaindata__sync_runs') }} as sync_runs
    where outcome not in ('failed', 'quota') and is_resync is not true
    group by workspace_uid
),

details as (
    select
        workspace_uid as workspace_id,
        uid as job_id,
        cast(last_error as json) as last_error,
        cast(last_info as json) as last_info,
        case
            when
                created_at between timestamptz '2016-01-01 00:00:00+00'
                and timestamptz '2099-12-31 23:59:59+00'
                then created_at
        end as created_at,
        loaded_at
    from {{ ref('stg_captaindata__jobs') }} as jobs
),

waiting as (
    select
        jobs.workspace_id,
        jobs.workspace_name,
        jobs.workspace_label,
        jobs.workflow_id,
        jobs.workflow_name,
        jobs.job_id,
        jobs.name as job_name,
        jobs.status,
        coalesce(
            -- a run that goes on after an end began anew
            greatest(jobs.started_at, jobs.finished_at),
            jobs.scheduled_at,
            details.created_at,
            details.loaded_at
        ) as since_at,
        usual.duration_seconds as usual_duration_seconds,
        coalesce(
            nullif(trim(jobs.error_message), ''),
            details.last_error ->> 'message',
            details.last_error ->> 'label',
            details.last_info ->> 'message',
            details.last_info ->> 'label',
            case
                when left(ltrim(cast(details.last_info as text)), 1) = '"'
                    then cast('[' || cast(details.last_info as text) || ']' as json) ->> 0
            end
        ) as reason,
        syncs.last_sync_at
    from jobs
    inner join syncs
        on jobs.workspace_id = syncs.workspace_id
    inner join details
        on
            jobs.workspace_id = details.workspace_id
            and jobs.job_id = details.job_id
    left join usual
        on
            jobs.workspace_id = usual.workspace_id
            and jobs.workflow_id = usual.workflow_id
    where
        jobs.status_group = 'in_progress'
        and coalesce(jobs.scheduled_at <= syncs.last_sync_at, true)
),

measured as (
    select
        *,
        -- in UTC, because DuckDB subtracts times with time zone by local days
        cast(
            extract(
                epoch from (
                    (last_sync_at at time zone 'UTC') - (since_at at time zone 'UTC')
                )
            ) as double precision
        ) as seconds
    from waiting
)

select
    workspace_id,
    workspace_name,
    workflow_id,
    workflow_name,
    job_id,
    job_name,
    status,
    since_at,
    seconds / 3600 as hours,
    usual_duration_seconds,
    reason,
    last_sync_at,
    workspace_label
from measured
where seconds > 3600 and seconds > 3 * coalesce(usual_duration_seconds, 0)

{% endif %}
