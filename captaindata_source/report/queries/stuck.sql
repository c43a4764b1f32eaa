-- stuck: Runs that are in progress for much longer than usual
--
-- Grain: One row per workspace and run.
-- Needs: captaindata_views.stuck_runs
--
-- Columns:
--   workspace_label: name of the workspace
--   workflow_name: name of the workflow
--   job_name: name of the run
--   job_id: UID of the run
--   status: its status
--   since_at: since when
--   hours: for how long
--   usual_duration_seconds: usual duration of the workflow
--   reason: why it waits, if the API says so
--   total: number of runs

select
    left(workspace_label, 200) as workspace_label,
    left(coalesce(workflow_name, workflow_id), 300) as workflow_name,
    left(job_name, 300) as job_name,
    left(job_id, 100) as job_id,
    left(status, 100) as status,
    since_at,
    hours,
    usual_duration_seconds,
    left(reason, 500) as reason,
    count(*) over () as total
from captaindata_views.stuck_runs
where true /* workspaces */
order by hours desc nulls last, workspace_id, job_id
limit 1 /* rows */
