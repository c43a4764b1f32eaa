-- all_successful_jobs: the successful jobs of all workspaces, appended
--
-- Grain: One row per workspace and successful job (workspace_id, job_id); retries are flagged, and
--   what they brought is counted by the run that they retry too: filter not is_sub_job.
-- Question: What was delivered, for which client or team, by which workflow?
-- Needs: captaindata_views.successful_jobs, captaindata_views.workspaces,
--   captaindata_views.workflows
--
-- Columns:
--   workspace_id: workspace
--   workspace_name: display name of the workspace
--   configured_name: name of the workspace in the connector's configuration
--   workflow_id: workflow
--   workflow_name: name of the workflow
--   workflow_status: active, paused or archived; null where only its jobs are known
--   job_id: UID of the job
--   job_name: name of the job
--   main_job_id: the job that this one retries; null where it is a main run
--   is_sub_job: it retries another job
--   started_at: start, in UTC
--   finished_at: end, in UTC
--   duration_seconds: from start to end, in seconds
--   records_processed: records that it brought, as the API counts them
--   is_partial: it succeeded for a part of its inputs only; null where the API does not tell (v3)

with jobs as (
    select * from captaindata_views.successful_jobs
),

joined as (
    select
        jobs.workspace_id,
        jobs.workspace_name,
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
    is_partial
from joined
