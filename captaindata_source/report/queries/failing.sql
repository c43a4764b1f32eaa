-- failing: Workflows that fail often or have become slow
--
-- Grain: One row per workspace and workflow.
-- Needs: captaindata_views.failing_workflows
--
-- Columns:
--   workspace_label: name of the workspace
--   workflow_name: name of the workflow
--   reason: reason why it is listed
--   is_failing_often: true if it fails often
--   is_slower: true if it has become slow
--   failures_in_a_row: failed runs since the last that succeeded
--   times_as_long: how many times as long recent runs took as earlier ones
--   last_run_at: its newest run
--   last_error_message: error message of the newest run that failed
--   total: number of workflows
--   failing_total: number of workflows that fail often
--   slower_total: number of workflows that have become slow

select
    left(workspace_label, 200) as workspace_label,
    left(coalesce(workflow_name, workflow_id), 300) as workflow_name,
    left(reason, 300) as reason,
    is_failing_often,
    is_slower,
    failures_in_a_row,
    times_as_long,
    last_run_at,
    left(last_error_message, 500) as last_error_message,
    count(*) over () as total,
    count(*) filter (where is_failing_often) over () as failing_total,
    count(*) filter (where is_slower) over () as slower_total
from captaindata_views.failing_workflows
where true /* workspaces */
order by
    recent_failure_rate desc, times_as_long desc nulls last, workspace_id, workflow_id
limit 1 /* rows */
