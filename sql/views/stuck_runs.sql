-- stuck_runs: Runs that are in progress for much longer than usual
--
-- Grain: One row per workspace and job (workspace_id, job_id) that is a main run and is in
--   progress, paused or blocked for over an hour and for over three times the usual duration of
--   its workflow. If fewer than 5 runs of the workflow succeeded with a known duration, over an
--   hour is enough. Runs that the API no longer knows, and runs scheduled or postponed to a later
--   time, are not listed. Time is counted to the last sync of the workspace that did not fail.
-- Needs: captaindata_views.jobs, captaindata.jobs, captaindata.sync_runs
-- Time: since_at
--
-- Columns:
--   workspace_id: UID of the workspace
--   workspace_name: name of the workspace
--   workflow_id: UID of the workflow
--   workflow_name: name of the workflow
--   job_id: UID of the job
--   job_name: name of the job
--   status: status as reported by the API
--   since_at: start of the run (or its end, if it goes on after one), or else its scheduled time,
--     its creation, or the time the row was last written, in UTC
--   hours: hours from since_at to last_sync_at
--   usual_duration_seconds: median duration of the workflow's main runs that succeeded, in seconds;
--     null if fewer than 5 have a duration
--   reason: why it waits, if the API says so: its error message, or else the message or label of
--     last_error or last_info; null if the API does not say
--   last_sync_at: end of the last sync of the workspace that did not fail, in UTC
--   workspace_label: name of the workspace in your configuration, or else its UID

with jobs as (
    select * from captaindata_views.jobs
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
    from captaindata.sync_runs
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
    from captaindata.jobs
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
