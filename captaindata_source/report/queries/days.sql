-- days: Runs of each day, week or month
--
-- Grain: One row per day, or per week or month of a long period.
-- Needs: captaindata_views.daily_job_health
--
-- Columns:
--   day: the day, or first day of the week or month
--   runs: main runs
--   succeeded_runs: main runs that succeeded
--   failed_runs: main runs that failed
--   stopped_runs: main runs that were stopped
--   in_progress_runs: main runs that have not ended
--   unknown_runs: main runs with an unknown status
--   success_rate: succeeded_runs / (succeeded_runs + failed_runs); null if there are neither
--   records_processed: records of main runs that succeeded

with source as (
    select
        *,
        cast(date_trunc('day' /* step */, day) as date) as first_day
    from captaindata_views.daily_job_health
    where
        true /* workspaces */
        and day between date '2026-01-01' /* first_day */ and date '2026-01-31' /* last_day */
)

select
    first_day as day,
    cast(sum(runs) as bigint) as runs,
    cast(sum(succeeded_runs) as bigint) as succeeded_runs,
    cast(sum(failed_runs) as bigint) as failed_runs,
    cast(sum(stopped_runs) as bigint) as stopped_runs,
    cast(sum(in_progress_runs) as bigint) as in_progress_runs,
    cast(sum(unknown_runs) as bigint) as unknown_runs,
    cast(sum(succeeded_runs) as double precision)
    / nullif(sum(succeeded_runs) + sum(failed_runs), 0) as success_rate,
    cast(sum(records_processed) as bigint) as records_processed
from source
group by first_day
order by first_day
