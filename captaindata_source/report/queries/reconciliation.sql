-- reconciliation: Workflows whose number of results differs from what the API reports
--
-- Grain: One row per workspace and workflow with a job of the period whose numbers differ.
-- Needs: captaindata_views.results_reconciliation
--
-- Columns:
--   workspace_label: name of the workspace
--   workflow_name: name of the workflow
--   jobs_missing: jobs with fewer results than records
--   results_missing: results that are missing
--   jobs_surplus: jobs with more results than records
--   results_surplus: results beyond the records
--   jobs_equal: jobs whose numbers are equal
--   total: number of workflows
--   all_differ: jobs of all workflows whose numbers differ
--   all_equal: jobs of all workflows whose numbers are equal

with source as (
    select * from captaindata_views.results_reconciliation
    where
        true /* workspaces */
        and state in ('missing', 'surplus', 'equal')
        and (
            finished_at is null
            or cast((finished_at at time zone 'UTC' /* report_timezone */) as date)
            >= date '2026-01-01' /* first_day */
        )
),

counted as (
    select
        workspace_id,
        workflow_id,
        min(workspace_label) as workspace_label,
        min(workflow_name) as workflow_name,
        count(*) filter (where state = 'missing') as jobs_missing,
        cast(coalesce(-sum(difference) filter (where state = 'missing'), 0) as bigint)
            as results_missing,
        count(*) filter (where state = 'surplus') as jobs_surplus,
        cast(coalesce(sum(difference) filter (where state = 'surplus'), 0) as bigint)
            as results_surplus,
        count(*) filter (where state = 'equal') as jobs_equal
    from source
    group by workspace_id, workflow_id
),

summed as (
    select
        *,
        cast(sum(jobs_missing + jobs_surplus) over () as bigint) as all_differ,
        cast(sum(jobs_equal) over () as bigint) as all_equal,
        count(*) filter (where jobs_missing + jobs_surplus > 0) over () as total
    from counted
)

select
    left(workspace_label, 200) as workspace_label,
    left(coalesce(workflow_name, workflow_id), 300) as workflow_name,
    jobs_missing,
    results_missing,
    jobs_surplus,
    results_surplus,
    jobs_equal,
    total,
    all_differ,
    all_equal
from summed
order by jobs_missing + jobs_surplus desc, workspace_id, workflow_id
limit 1 /* rows */
