-- daily_job_health: Runs, failures and success rate of each workflow, by day
--
-- Grain: One row per day, workspace and workflow (day, workspace_id, workflow_id). The days go from
--   the first run of the workflow to the newest run or the last sync of its workspace, whichever is
--   later; days without runs are included. Only main runs count, on the day of their start (or else
--   of their schedule, or else of their end). Runs without any of these times are not counted.
-- Needs: captaindata_views.jobs, captaindata.sync_runs
-- Time: day in report_timezone
--
-- Columns:
--   day: day in the time zone of the option report_timezone (UTC by default)
--   workspace_id: UID of the workspace
--   workspace_name: name of the workspace
--   workflow_id: UID of the workflow
--   workflow_name: name of the workflow
--   runs: main runs of the day, of any status
--   succeeded_runs: main runs that succeeded
--   failed_runs: main runs that failed
--   stopped_runs: main runs that were stopped
--   in_progress_runs: main runs that have not ended
--   unknown_runs: main runs with an unknown status
--   success_rate: succeeded_runs / (succeeded_runs + failed_runs), from 0 to 1; null if there are
--     neither
--   duration_p50_seconds: median duration of the day's main runs that succeeded or failed, in
--     seconds; null if none has a duration
--   duration_p95_seconds: 95th percentile of that duration, in seconds
--   records_processed: records of main runs that succeeded, as reported by the API
--   workspace_label: name of the workspace in your configuration, or else its UID

with runs as (
    select
        workspace_id,
        workspace_name,
        workspace_label,
        workflow_id,
        workflow_name,
        status_group,
        duration_seconds,
        records_processed,
        cast((run_at at time zone 'UTC' /* report_timezone */) as date) as day
    from captaindata_views.jobs
    where not is_sub_job and run_at is not null
),

days_seen as (
    select
        workspace_id,
        day
    from runs
    union all
    select
        workspace_uid as workspace_id,
        cast((finished_at at time zone 'UTC' /* report_timezone */) as date) as day
    from captaindata.sync_runs
    where outcome not in ('failed', 'quota') and is_resync is not true
),

last_days as (
    select
        workspace_id,
        max(day) as last_day
    from days_seen
    group by workspace_id
),

workflows as (
    select
        workspace_id,
        max(workspace_name) as workspace_name,
        max(workspace_label) as workspace_label,
        workflow_id,
        max(workflow_name collate "C") as workflow_name,
        min(day) as first_day
    from runs
    group by workspace_id, workflow_id
),

spans as (
    select
        workflows.workspace_id,
        workflows.workspace_name,
        workflows.workspace_label,
        workflows.workflow_id,
        workflows.workflow_name,
        workflows.first_day,
        cast(last_days.last_day - workflows.first_day as int) as days
    from workflows
    inner join last_days
        on workflows.workspace_id = last_days.workspace_id
),

runs_and_days as (
    select
        day,
        workspace_id,
        workspace_name,
        workspace_label,
        workflow_id,
        workflow_name,
        status_group,
        duration_seconds,
        records_processed
    from runs
    union all
    select
        spans.first_day + cast(g.i as int) as day,
        spans.workspace_id,
        spans.workspace_name,
        spans.workspace_label,
        spans.workflow_id,
        spans.workflow_name,
        null as status_group,
        null as duration_seconds,
        null as records_processed
    from spans
    cross join lateral generate_series(0, spans.days) as g (i)
),

counted as (
    select
        day,
        workspace_id,
        max(workspace_name) as workspace_name,
        max(workspace_label) as workspace_label,
        workflow_id,
        max(workflow_name collate "C") as workflow_name,
        count(status_group) as runs,
        count(*) filter (where status_group = 'succeeded') as succeeded_runs,
        count(*) filter (where status_group = 'failed') as failed_runs,
        count(*) filter (where status_group = 'stopped') as stopped_runs,
        count(*) filter (where status_group = 'in_progress') as in_progress_runs,
        count(*) filter (where status_group = 'unknown') as unknown_runs,
        percentile_cont(0.5) within group (order by duration_seconds) filter (
            where status_group in ('succeeded', 'failed')
        ) as duration_p50_seconds,
        percentile_cont(0.95) within group (order by duration_seconds) filter (
            where status_group in ('succeeded', 'failed')
        ) as duration_p95_seconds,
        cast(
            coalesce(sum(records_processed) filter (where status_group = 'succeeded'), 0) as bigint
        ) as records_processed
    from runs_and_days
    group by day, workspace_id, workflow_id
)

select
    day,
    workspace_id,
    workspace_name,
    workflow_id,
    workflow_name,
    runs,
    succeeded_runs,
    failed_runs,
    stopped_runs,
    in_progress_runs,
    unknown_runs,
    cast(succeeded_runs as double precision)
    / nullif(succeeded_runs + failed_runs, 0) as success_rate,
    duration_p50_seconds,
    duration_p95_seconds,
    records_processed,
    workspace_label
from counted
