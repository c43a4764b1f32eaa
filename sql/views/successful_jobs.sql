-- successful_jobs: the jobs that completed without errors, as of now
--
-- Grain: One row per workspace and successful job (workspace_id, job_id); retries are flagged.
-- Question: Which jobs succeeded, and what did each bring?
-- Needs: captaindata_views.jobs
--
-- Columns:
--   workspace_id: workspace
--   workspace_name: name of the workspace
--   workflow_id: workflow
--   workflow_name: name of the workflow
--   job_id: UID of the job
--   name: name of the job
--   main_job_id: the job that this one retries; null where it is a main run
--   is_sub_job: it retries another job
--   status: status as the API tells it
--   started_at: start, in UTC
--   finished_at: end, in UTC
--   duration_seconds: from start to end, in seconds
--   records_processed: records that it brought, as the API counts them
--   is_partial: it succeeded for a part of its inputs only; null where the API does not tell (v3)
--   execution_mode: LIVE or ASYNC, as the API tells it; null where it does not (v3)

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
    execution_mode
from successful
