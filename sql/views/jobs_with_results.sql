-- jobs_with_results: job results beside the jobs that brought them
--
-- Grain: One row per workspace and result (workspace_id, result_id), so a job has as many rows as
--   results and none without: count distinct job_id for jobs, and do not sum a job's columns.
--   A retry's results are also among those of the run that it retries: filter not is_sub_job.
-- Question: Which run of which workflow brought this record?
-- Needs: captaindata_views.job_results, captaindata_views.jobs
--
-- Columns:
--   workspace_id: workspace
--   workspace_name: name of the workspace
--   workflow_id: workflow
--   workflow_name: name of the workflow
--   job_id: the job that brought it
--   job_name: name of the job
--   main_job_id: the job that this one retries; null where it is a main run
--   is_sub_job: the job retries another job
--   job_status: status of the job, as the API tells it
--   status_group: status of the job as in jobs; null where the job is not known
--   started_at: start of the job, in UTC
--   finished_at: end of the job, in UTC
--   records_processed: records that the whole job brought, as the API counts them
--   result_id: identifies the result within its workspace
--   position: place among the job's results, from 0
--   data: the record, JSON as the API gave it
--   created_at: when the record was extracted, else when its job finished, in UTC;
--     null where it is not plausible: before 2016 or after 2099
--   is_partial: the job succeeded for a part of its inputs only; null where the API does not tell
--     (v3) or the job is not known

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
        jobs.is_partial
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
    is_partial
from joined
