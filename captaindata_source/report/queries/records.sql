-- records: Records that each workflow delivered, by month
--
-- Grain: One row per month and workflow. The workflows with most records have rows of their own, the
--   others have one together.
-- Needs: captaindata_views.records_by_workflow_month
--
-- Columns:
--   month: first day of the month
--   place: place of the workflow, from 1; the others have the last place
--   workspace_label: name of the workspace
--   workflow_name: name of the workflow
--   records_processed: records of main runs that succeeded, as reported by the API
--   results_loaded: results in the warehouse
--   total: number of workflows, over all months

with source as (
    select
        workspace_id,
        workspace_label,
        coalesce(workflow_id, '') as workflow_id,
        workflow_name,
        month,
        records_processed,
        results_loaded
    from captaindata_views.records_by_workflow_month
    where
        true /* workspaces */
        and month >= date '2026-01-01' /* first_month */
        and (records_processed > 0 or results_loaded > 0)
),

ranked as (
    select
        workspace_id,
        workflow_id,
        row_number() over (
            order by
                sum(records_processed) desc nulls last,
                sum(results_loaded) desc,
                workspace_id collate "C",
                workflow_id collate "C"
        ) as place
    from source
    group by workspace_id, workflow_id
)

select
    source.month,
    least(ranked.place, 1 /* rows */ + 1) as place,
    left(min(source.workspace_label), 200) as workspace_label,
    left(coalesce(min(source.workflow_name), min(source.workflow_id)), 300) as workflow_name,
    cast(coalesce(sum(source.records_processed), 0) as bigint) as records_processed,
    cast(coalesce(sum(source.results_loaded), 0) as bigint) as results_loaded,
    (select max(place) from ranked) as total
from source
inner join ranked
    on
        source.workspace_id = ranked.workspace_id
        and source.workflow_id = ranked.workflow_id
group by source.month, least(ranked.place, 1 /* rows */ + 1)
order by source.month, place
