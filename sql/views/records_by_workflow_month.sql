-- records_by_workflow_month: Records that each workflow delivered, by month
--
-- Grain: One row per month, workspace and workflow (month, workspace_id, workflow_id) in which
--   a main run that succeeded ended. A run without an end is counted at its run_at.
-- Needs: captaindata_views.jobs, captaindata_views.job_results
--
-- Columns:
--   month: first day of the month in the time zone of the option report_timezone (UTC by default)
--   workspace_id: UID of the workspace
--   workspace_name: name of the workspace
--   workflow_id: UID of the workflow
--   workflow_name: name of the workflow
--   succeeded_runs: main runs that succeeded
--   records_processed: records of these runs, as reported by the API
--   results_loaded: results of these runs in the warehouse; the results of LIVE runs cannot be
--     fetched

with runs as (
    select
        workspace_id,
        workspace_name,
        workflow_id,
        workflow_name,
        job_id,
        records_processed,
        cast(
            date_trunc(
                'month', (coalesce(finished_at, run_at) at time zone 'UTC' /* report_timezone */)
            ) as date
        ) as month
    from captaindata_views.jobs
    where not is_sub_job and status_group = 'succeeded'
),

results as (
    select
        workspace_id,
        job_id,
        count(*) as results_loaded
    from captaindata_views.job_results
    group by workspace_id, job_id
),

counted as (
    select
        runs.month,
        runs.workspace_id,
        max(runs.workspace_name) as workspace_name,
        runs.workflow_id,
        max(runs.workflow_name collate "C") as workflow_name,
        count(*) as succeeded_runs,
        cast(coalesce(sum(runs.records_processed), 0) as bigint) as records_processed,
        cast(coalesce(sum(results.results_loaded), 0) as bigint) as results_loaded
    from runs
    left join results
        on
            runs.workspace_id = results.workspace_id
            and runs.job_id = results.job_id
    group by runs.month, runs.workspace_id, runs.workflow_id
)

select
    month,
    workspace_id,
    workspace_name,
    workflow_id,
    workflow_name,
    succeeded_runs,
    records_processed,
    results_loaded
from counted
