-- workflow_changes: Workflows that were renamed, edited, archived or listed again
--
-- Grain: One row per change of a field of a workflow.
-- Needs: captaindata.workflow_changes, captaindata._dlt_loads, captaindata.workflows,
--   captaindata.workspaces
--
-- Columns:
--   workspace_label: name of the workspace
--   workflow_name: name of the workflow now
--   field: name, steps, details or is_deleted
--   old_value: value before, of a name or is_deleted
--   new_value: value after, of a name or is_deleted
--   seen_at: start of the sync that saw the change
--   total: number of changes

with source as (
    select
        workspace_uid as workspace_id,
        workflow_uid as workflow_id,
        uid as change_id,
        field,
        case when field in ('name', 'is_deleted') then left(old_value, 200) end as old_value,
        case when field in ('name', 'is_deleted') then left(new_value, 200) end as new_value,
        seen_at,
        _dlt_load_id
    from captaindata.workflow_changes
),

changes as (
    select * from source
    where
        true /* workspaces */
        and _dlt_load_id in (
            select load_id from captaindata._dlt_loads
            where status = 0
        )
        and cast((seen_at at time zone 'UTC' /* report_timezone */) as date)
        >= date '2026-01-01' /* first_day */
)

select
    left(coalesce(workspaces.configured_name, changes.workspace_id), 200) as workspace_label,
    left(coalesce(workflows.name, changes.workflow_id), 300) as workflow_name,
    changes.field,
    changes.old_value,
    changes.new_value,
    changes.seen_at,
    count(*) over () as total
from changes
left join captaindata.workflows as workflows
    on
        changes.workspace_id = workflows.workspace_uid
        and changes.workflow_id = workflows.uid
left join captaindata.workspaces as workspaces
    on changes.workspace_id = workspaces.workspace_uid
order by changes.seen_at desc, changes.workspace_id, changes.change_id
limit 1 /* rows */
