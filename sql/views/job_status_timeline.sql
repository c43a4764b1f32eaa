-- job_status_timeline: Statuses that each job had, one after the other
--
-- Grain: One row per workspace, job and status in turn (workspace_id, job_id, position). A status
--   that began and ended between two syncs is not seen.
-- Needs: captaindata_views.jobs, captaindata.job_changes, captaindata._dlt_loads
-- Time: valid_from
--
-- Columns:
--   workspace_id: UID of the workspace
--   workspace_name: name of the workspace
--   workflow_id: UID of the workflow
--   workflow_name: current name of the workflow
--   job_id: UID of the job
--   job_name: name of the job
--   position: position among the statuses of the job, from 1
--   status: status as reported by the API
--   valid_from: time at which a sync first saw the status, in UTC; of the first status, the
--     scheduled time or else the start of the job, null if that is not before valid_to
--   valid_to: time at which a sync first saw another status, in UTC; null for the current status
--   is_current: true for the status that the job has now
--   hours: time from valid_from to valid_to, in hours; null if one is missing
--   workspace_label: name of the workspace in your configuration, or else its UID

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
    from captaindata.job_changes
    where
        field = 'status'
        and _dlt_load_id in (
            select load_id from captaindata._dlt_loads
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
    from captaindata_views.jobs as jobs
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
