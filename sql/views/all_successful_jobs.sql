-- all_successful_jobs: Successful jobs of all workspaces, with the names of workspace and workflow
--
-- Grain: One row per workspace and successful job (workspace_id, job_id), retries included. The
--   records of a retry are also counted by the run that it retries: filter with not is_sub_job
--   before you sum.
-- Needs: captaindata_views.successful_jobs, captaindata_views.workspaces,
--   captaindata_views.workflows
-- Time: finished_at
--
-- Columns:
--   workspace_id: UID of the workspace
--   workspace_name: display name of the workspace
--   configured_name: name of the workspace in your configuration
--   workflow_id: UID of the workflow
--   workflow_name: name of the workflow
--   workflow_status: active, paused or archived; null if the workflow itself is not loaded
--   job_id: UID of the job
--   job_name: name of the job
--   main_job_id: UID of the job that this job retries, or of the flow run that made it (Edges);
--     null for a main run
--   is_sub_job: true if the job retries another job, or was made by a flow run that is loaded
--     (Edges)
--   started_at: start time, in UTC
--   finished_at: end time, in UTC
--   duration_seconds: time from start to end, in seconds
--   records_processed: number of records that the job produced, as reported by the API
--   is_partial: true if the run succeeded for only some of its inputs; null if the API does not
--     report it (v3)
--   workspace_label: name of the workspace in your configuration, or else its UID

with jobs as (
    select * from captaindata_views.successful_jobs
),

joined as (
    select
        jobs.workspace_id,
        jobs.workspace_name,
        jobs.workspace_label,
        workspaces.configured_name,
        jobs.workflow_id,
        jobs.workflow_name,
        workflows.status as workflow_status,
        jobs.job_id,
        jobs.name as job_name,
        jobs.main_job_id,
        jobs.is_sub_job,
        jobs.started_at,
        jobs.finished_at,
        jobs.duration_seconds,
        jobs.records_processed,
        jobs.is_partial
    from jobs
    left join captaindata_views.workspaces as workspaces
        on jobs.workspace_id = workspaces.workspace_id
    left join captaindata_views.workflows as workflows
        on
            jobs.workspace_id = workflows.workspace_id
            and jobs.workflow_id = workflows.workflow_id
)

select
    workspace_id,
    workspace_name,
    configured_name,
    workflow_id,
    workflow_name,
    workflow_status,
    job_id,
    job_name,
    main_job_id,
    is_sub_job,
    started_at,
    finished_at,
    duration_seconds,
    records_processed,
    is_partial,
    workspace_label
from joined
