-- job_changes: Changes of jobs, by kind
--
-- Grain: One row per field, and for statuses per old and new status.
-- Needs: captaindata.job_changes, captaindata._dlt_loads
--
-- Columns:
--   field: status, row_count, total_row_count, finish_time, is_deleted or is_archived
--   old_value: status before
--   new_value: status after
--   changes: number of changes
--   jobs: number of jobs
--   last_seen_at: start of the last sync that saw one
--   total: number of kinds

with source as (
    select
        workspace_uid as workspace_id,
        job_uid,
        field,
        case when field in ('status', 'is_deleted', 'is_archived') then old_value end as old_value,
        case when field in ('status', 'is_deleted', 'is_archived') then new_value end as new_value,
        seen_at,
        _dlt_load_id
    from captaindata.job_changes
),

changes as (
    select * from source
    where
        true /* workspaces */
        and _dlt_load_id in (
            select load_id from captaindata._dlt_loads
            where status = 0
        )
        and cast((seen_at at time zone 'UTC' /* report_timezone */) as date)
        >= date '2026-01-01' /* first_day */
)

select
    field,
    left(old_value, 100) as old_value,
    left(new_value, 100) as new_value,
    count(*) as changes,
    count(distinct workspace_id || ' ' || job_uid) as jobs,
    max(seen_at) as last_seen_at,
    count(*) over () as total
from changes
group by field, left(old_value, 100), left(new_value, 100)
order by changes desc, field, old_value, new_value
limit 1 /* rows */
