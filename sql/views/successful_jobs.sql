-- successful_jobs: Jobs that are successful now
--
-- Grain: One row per workspace and successful job (workspace_id, job_id), retries included.
-- Needs: captaindata_views.jobs
-- Time: finished_at
--
-- Columns:
--   workspace_id: UID of the workspace
--   workspace_name: name of the workspace
--   workflow_id: UID of the workflow
--   workflow_name: name of the workflow
--   job_id: UID of the job
--   name: name of the job
--   main_job_id: UID of the job that this job retries, or of the flow run that made it (Edges);
--     null for a main run
--   is_sub_job: true if the job retries another job, or was made by a flow run that is loaded
--     (Edges)
--   status: status as reported by the API
--   started_at: start time, in UTC
--   finished_at: end time, in UTC
--   duration_seconds: time from start to end, in seconds
--   records_processed: number of records that the job produced, as reported by the API
--   is_partial: true if the run succeeded for only some of its inputs; null if the API does not
--     report it (v3)
--   execution_mode: LIVE or ASYNC, as reported by the API; null if the API does not report it (v3)
--   job_name: name of the job
--   workspace_label: name of the workspace in your configuration, or else its UID

with jobs as (
    select * from captaindata_views.jobs
),

successful as (
    select * from jobs
    where status_group = 'succeeded'
)

select
    workspace_id,
    workspace_name,
    workflow_id,
    workflow_name,
    job_id,
    name,
    main_job_id,
    is_sub_job,
    status,
    started_at,
    finished_at,
    duration_seconds,
    records_processed,
    is_partial,
    execution_mode,
    job_name,
    workspace_label
from successful
