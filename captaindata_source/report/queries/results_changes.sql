-- results_changes: Results of jobs that were replaced, added or removed, by workflow
--
-- Grain: One row per workspace, workflow and kind of change.
-- Needs: captaindata_views.results_changes, captaindata.workflows, captaindata.workspaces
--
-- Columns:
--   workspace_label: name of the workspace
--   workflow_name: name of the workflow
--   change: removed, moved, added or replaced
--   jobs: number of jobs
--   rows_before: number of results before
--   rows_after: number of results after
--   last_seen_at: start of the last sync that saw one
--   total: number of rows

with changes as (
    select
        workspace_id,
        workflow_id,
        change,
        count(distinct job_id) as jobs,
        cast(sum(rows_before) as bigint) as rows_before,
        cast(sum(rows_after) as bigint) as rows_after,
        max(seen_at) as last_seen_at
    from captaindata_views.results_changes
    where
        true /* workspaces */
        and cast((seen_at at time zone 'UTC' /* report_timezone */) as date)
        >= date '2026-01-01' /* first_day */
    group by workspace_id, workflow_id, change
)

select
    left(coalesce(workspaces.configured_name, changes.workspace_id), 200) as workspace_label,
    left(coalesce(workflows.name, changes.workflow_id), 300) as workflow_name,
    changes.change,
    changes.jobs,
    changes.rows_before,
    changes.rows_after,
    changes.last_seen_at,
    count(*) over () as total
from changes
left join captaindata.workflows as workflows
    on
        changes.workspace_id = workflows.workspace_uid
        and changes.workflow_id = workflows.uid
left join captaindata.workspaces as workspaces
    on changes.workspace_id = workspaces.workspace_uid
order by changes.jobs desc, changes.workspace_id, changes.workflow_id, changes.change
limit 1 /* rows */
