-- workflows: Runs, success rate, records and durations of each workflow
--
-- Grain: One row per workspace and workflow with runs in the period.
-- Needs: captaindata_views.daily_job_health, captaindata_views.jobs
--
-- Columns:
--   workspace_label: name of the workspace
--   workflow_name: name of the workflow
--   runs: main runs
--   succeeded_runs: main runs that succeeded
--   failed_runs: main runs that failed
--   success_rate: succeeded_runs / (succeeded_runs + failed_runs); null if there are neither
--   duration_p50_seconds: median duration of main runs that succeeded or failed
--   duration_p95_seconds: 95th percentile of that duration
--   records_processed: records of main runs that succeeded
--   total: number of workflows

with runs as (
    select
        workspace_id,
        coalesce(workflow_id, '') as workflow_id,
        min(workspace_label) as workspace_label,
        min(workflow_name) as workflow_name,
        cast(sum(runs) as bigint) as runs,
        cast(sum(succeeded_runs) as bigint) as succeeded_runs,
        cast(sum(failed_runs) as bigint) as failed_runs,
        cast(sum(records_processed) as bigint) as records_processed
    from captaindata_views.daily_job_health
    where
        true /* workspaces */
        and day >= date '2026-01-01' /* first_day */
        and runs > 0
    group by workspace_id, coalesce(workflow_id, '')
),

durations as (
    select
        workspace_id,
        coalesce(workflow_id, '') as workflow_id,
        percentile_cont(0.5) within group (order by duration_seconds) as duration_p50_seconds,
        percentile_cont(0.95) within group (order by duration_seconds) as duration_p95_seconds
    from captaindata_views.jobs
    where
        true /* workspaces */
        and not is_sub_job
        and status_group in ('succeeded', 'failed')
        and duration_seconds is not null
        and cast((run_at at time zone 'UTC' /* report_timezone */) as date)
        >= date '2026-01-01' /* first_day */
    group by workspace_id, coalesce(workflow_id, '')
)

select
    left(runs.workspace_label, 200) as workspace_label,
    left(coalesce(runs.workflow_name, runs.workflow_id), 300) as workflow_name,
    runs.runs,
    runs.succeeded_runs,
    runs.failed_runs,
    cast(runs.succeeded_runs as double precision)
    / nullif(runs.succeeded_runs + runs.failed_runs, 0) as success_rate,
    durations.duration_p50_seconds,
    durations.duration_p95_seconds,
    runs.records_processed,
    count(*) over () as total
from runs
left join durations
    on
        runs.workspace_id = durations.workspace_id
        and runs.workflow_id = durations.workflow_id
order by runs.runs desc, runs.workspace_id, runs.workflow_id
limit 1 /* rows */
