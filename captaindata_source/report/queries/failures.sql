-- failures: Failed runs of each day, week or month, by workflow
--
-- Grain: One row per day (or week or month) and workflow that has failed runs in it. The workflows
--   with most failures have rows of their own, the others have one together.
-- Needs: captaindata_views.daily_job_health
--
-- Columns:
--   day: the day, or first day of the week or month
--   place: place of the workflow, from 1; the others have the last place
--   workspace_label: name of the workspace
--   workflow_name: name of the workflow
--   failed_runs: main runs that failed
--   total: number of workflows, over all days

with source as (
    select
        workspace_id,
        workspace_label,
        workflow_id,
        workflow_name,
        failed_runs,
        cast(date_trunc('day' /* step */, day) as date) as first_day
    from captaindata_views.daily_job_health
    where
        true /* workspaces */
        and day >= date '2026-01-01' /* first_day */
        and failed_runs > 0
),

ranked as (
    select
        workspace_id,
        workflow_id,
        row_number() over (
            order by sum(failed_runs) desc, workspace_id collate "C", workflow_id collate "C"
        ) as place
    from source
    group by workspace_id, workflow_id
)

select
    source.first_day as day,
    least(ranked.place, 1 /* series */ + 1) as place,
    left(min(source.workspace_label), 200) as workspace_label,
    left(coalesce(min(source.workflow_name), min(source.workflow_id)), 300) as workflow_name,
    cast(sum(source.failed_runs) as bigint) as failed_runs,
    (select max(place) from ranked) as total
from source
inner join ranked
    on
        source.workspace_id = ranked.workspace_id
        and coalesce(source.workflow_id, '') = coalesce(ranked.workflow_id, '')
group by source.first_day, least(ranked.place, 1 /* series */ + 1)
order by day, place
