-- results_changes: Results of jobs that were replaced or removed
--
-- Grain: One row per workspace and change (workspace_id, change_id). A first load of a job writes
--   none, and neither do results that are fetched again and did not change.
-- Needs: captaindata.results_changes, captaindata._dlt_loads
-- Time: seen_at
--
-- Columns:
--   workspace_id: UID of the workspace
--   change_id: ID of the change
--   job_id: UID of the job
--   old_workflow_id: UID of the workflow that the job belonged to before
--   workflow_id: UID of the workflow that it belongs to now
--   change: removed (the job has no results any more), moved (the job belongs to another workflow),
--     added (a continued run has more results, and kept all it had), or replaced
--   rows_before: number of results before
--   rows_after: number of results now
--   seen_at: start of the sync that saw the change, in UTC
--   load_id: load that replaced the results, as in job_results._dlt_load_id of the raw table

with source as (
    select * from captaindata.results_changes
    where
        _dlt_load_id in (
            select load_id from captaindata._dlt_loads
            where status = 0
        )
)

select
    workspace_uid as workspace_id,
    uid as change_id,
    job_uid as job_id,
    old_workflow_uid as old_workflow_id,
    workflow_uid as workflow_id,
    change,
    rows_before,
    rows_after,
    seen_at,
    _dlt_load_id as load_id
from source
