-- results_reconciliation: Number of results that the API reports and number loaded, for each job
--
-- Grain: One row per workspace and job (workspace_id, job_id), sub-jobs included. Jobs that are not
--   loaded but have results have a row too.
-- Needs: captaindata_views.jobs, captaindata_views.job_results
-- Time: finished_at
--
-- Columns:
--   workspace_id: UID of the workspace
--   workspace_name: name of the workspace
--   workflow_id: UID of the workflow
--   workflow_name: name of the workflow
--   job_id: UID of the job
--   job_name: name of the job
--   is_sub_job: true if the job retries another job, or was made by a flow run that is loaded
--     (Edges)
--   status_group: status group of the job, as in jobs; null if the job is not loaded
--   finished_at: end of the job, in UTC
--   records_processed: number of records that the job produced, as reported by the API; null for
--     flow runs
--   results_loaded: number of its results in the warehouse
--   difference: results_loaded - records_processed; null if state is unknown or not_loaded
--   state: equal; missing (fewer results than records); surplus (more results than records);
--     unknown (the API reports no number); not_loaded (the job did not succeed, so its results were
--     not fetched, or they cannot be fetched: has_results in jobs is false)
--   workspace_label: name of the workspace in your configuration, or else its UID

with jobs as (
    select * from captaindata_views.jobs
),

results as (
    select
        workspace_id,
        job_id,
        min(workflow_id) as workflow_id,
        count(*) as results_loaded
    from captaindata_views.job_results
    group by workspace_id, job_id
),

joined as (
    select
        coalesce(jobs.workspace_id, results.workspace_id) as workspace_id,
        jobs.workspace_name,
        jobs.workspace_label,
        coalesce(jobs.workflow_id, results.workflow_id) as workflow_id,
        jobs.workflow_name,
        coalesce(jobs.job_id, results.job_id) as job_id,
        jobs.name as job_name,
        coalesce(jobs.is_sub_job, false) as is_sub_job,
        jobs.status_group,
        jobs.finished_at,
        -- of a flow run they are those of its runs, and no number of its own results
        case when left(jobs.job_id, 5) <> 'flow:' then jobs.records_processed end
            as records_processed,
        jobs.has_results,
        coalesce(results.results_loaded, 0) as results_loaded
    from jobs
    full outer join results
        on
            jobs.workspace_id = results.workspace_id
            and jobs.job_id = results.job_id
),

compared as (
    select
        *,
        case
            when not has_results then 'not_loaded'
            when status_group <> 'succeeded' and results_loaded = 0 then 'not_loaded'
            when records_processed is null then 'unknown'
            when results_loaded < records_processed then 'missing'
            when results_loaded > records_processed then 'surplus'
            else 'equal'
        end as state
    from joined
)

select
    workspace_id,
    workspace_name,
    workflow_id,
    workflow_name,
    job_id,
    job_name,
    is_sub_job,
    status_group,
    finished_at,
    records_processed,
    results_loaded,
    case when state <> 'not_loaded' then results_loaded - records_processed end as difference,
    state,
    workspace_label
from compared
