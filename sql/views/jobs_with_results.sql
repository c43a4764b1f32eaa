-- jobs_with_results: Results with the job and the workflow that produced them
--
-- Grain: One row per workspace and result (workspace_id, result_id). A job has as many rows as it
--   has results: to count jobs, use count(distinct job_id), and do not sum columns of the job. Of
--   the results of a retry, those that the run that it retries holds too are is_repeated: filter
--   with not is_repeated.
-- Needs: captaindata_views.job_results, captaindata_views.jobs
-- Time: created_at
--
-- Columns:
--   workspace_id: UID of the workspace
--   workspace_name: name of the workspace
--   workflow_id: UID of the workflow
--   workflow_name: name of the workflow
--   job_id: UID of the job that produced the record
--   job_name: name of the job
--   main_job_id: UID of the job that this job retries, or of the flow run that made it (Edges);
--     null for a main run
--   is_sub_job: true if the job retries another job, or was made by a flow run that is loaded
--     (Edges)
--   job_status: status of the job, as reported by the API
--   status_group: status group of the job, as in jobs; null if the job is not loaded
--   started_at: start of the job, in UTC
--   finished_at: end of the job, in UTC
--   records_processed: number of records of the whole job, as reported by the API
--   result_id: ID of the result, unique within its workspace
--   position: position among the results of the job, from 0
--   data: the record as JSON, unchanged
--   created_at: time the record was extracted, or else the time its job finished, in UTC; null if
--     before 2016 or after 2099
--   is_partial: true if the job succeeded for only some of its inputs; null if the API does not
--     report it (v3) or the job is not loaded
--   is_repeated: true if the job retries another job that holds an equal result
--   workspace_label: name of the workspace in your configuration, or else its UID

with results as (
    select * from captaindata_views.job_results
),

jobs as (
    select * from captaindata_views.jobs
),

joined as (
    select
        results.workspace_id,
        jobs.workspace_name,
        jobs.workspace_label,
        results.workflow_id,
        jobs.workflow_name,
        results.job_id,
        jobs.name as job_name,
        jobs.main_job_id,
        coalesce(jobs.is_sub_job, false) as is_sub_job,
        jobs.status as job_status,
        jobs.status_group,
        jobs.started_at,
        jobs.finished_at,
        jobs.records_processed,
        results.result_id,
        results.position,
        results.data,
        results.created_at,
        jobs.is_partial,
        results.is_repeated
    from results
    left join jobs
        on
            results.workspace_id = jobs.workspace_id
            and results.job_id = jobs.job_id
)

select
    workspace_id,
    workspace_name,
    workflow_id,
    workflow_name,
    job_id,
    job_name,
    main_job_id,
    is_sub_job,
    job_status,
    status_group,
    started_at,
    finished_at,
    records_processed,
    result_id,
    position,
    data,
    created_at,
    is_partial,
    is_repeated,
    workspace_label
from joined
