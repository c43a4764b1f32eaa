-- totals: Runs of the period, and of as many days before it
--
-- Grain: One row.
-- Needs: captaindata_views.daily_job_health
--
-- Columns:
--   runs: main runs
--   succeeded_runs: main runs that succeeded
--   failed_runs: main runs that failed
--   stopped_runs: main runs that were stopped
--   in_progress_runs: main runs that have not ended
--   unknown_runs: main runs with an unknown status
--   records_processed: records of main runs that succeeded
--   workflows: workflows with a run
--   earlier_succeeded_runs: main runs of the days before that succeeded
--   earlier_failed_runs: main runs of the days before that failed

with source as (
    select
        *,
        day >= date '2026-01-01' /* first_day */ as is_in_period
    from captaindata_views.daily_job_health
    where
        true /* workspaces */
        and day >= date '2026-01-01' /* day_before */
        and runs > 0
)

select
    cast(coalesce(sum(runs) filter (where is_in_period), 0) as bigint) as runs,
    cast(coalesce(sum(succeeded_runs) filter (where is_in_period), 0) as bigint)
        as succeeded_runs,
    cast(coalesce(sum(failed_runs) filter (where is_in_period), 0) as bigint) as failed_runs,
    cast(coalesce(sum(stopped_runs) filter (where is_in_period), 0) as bigint) as stopped_runs,
    cast(coalesce(sum(in_progress_runs) filter (where is_in_period), 0) as bigint)
        as in_progress_runs,
    cast(coalesce(sum(unknown_runs) filter (where is_in_period), 0) as bigint) as unknown_runs,
    cast(coalesce(sum(records_processed) filter (where is_in_period), 0) as bigint)
        as records_processed,
    count(distinct workspace_id || ' ' || coalesce(workflow_id, ''))
        filter (where is_in_period) as workflows,
    cast(coalesce(sum(succeeded_runs) filter (where not is_in_period), 0) as bigint)
        as earlier_succeeded_runs,
    cast(coalesce(sum(failed_runs) filter (where not is_in_period), 0) as bigint)
        as earlier_failed_runs
from source
