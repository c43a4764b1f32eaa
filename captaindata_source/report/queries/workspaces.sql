-- workspaces: Runs of each workspace
--
-- Grain: One row per workspace with runs in the period.
-- Needs: captaindata_views.daily_job_health
--
-- Columns:
--   workspace_label: name of the workspace
--   workflows: workflows with a run
--   runs: main runs
--   succeeded_runs: main runs that succeeded
--   failed_runs: main runs that failed
--   success_rate: succeeded_runs / (succeeded_runs + failed_runs); null if there are neither
--   records_processed: records of main runs that succeeded
--   total: number of workspaces

with source as (
    select * from captaindata_views.daily_job_health
    where
        true /* workspaces */
        and day >= date '2026-01-01' /* first_day */
        and runs > 0
)

select
    left(min(workspace_label), 200) as workspace_label,
    count(distinct coalesce(workflow_id, '')) as workflows,
    cast(sum(runs) as bigint) as runs,
    cast(sum(succeeded_runs) as bigint) as succeeded_runs,
    cast(sum(failed_runs) as bigint) as failed_runs,
    cast(sum(succeeded_runs) as double precision)
    / nullif(sum(succeeded_runs) + sum(failed_runs), 0) as success_rate,
    cast(sum(records_processed) as bigint) as records_processed,
    count(*) over () as total
from source
group by workspace_id
order by runs desc, workspace_id
limit 1 /* rows */
