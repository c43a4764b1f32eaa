-- account_changes: Accounts whose status changed
--
-- Grain: One row per change of the status of an integration.
-- Needs: captaindata.integration_changes, captaindata._dlt_loads, captaindata.identities,
--   captaindata.workspaces
--
-- Columns:
--   workspace_label: name of the workspace
--   identity_name: name of the identity
--   integration: permalink of the integration
--   field: status or is_deleted
--   old_value: value before
--   new_value: value after
--   seen_at: start of the sync that saw the change
--   total: number of changes

with source as (
    select
        workspace_uid as workspace_id,
        identity_uid,
        integration_permalink as integration,
        uid as change_id,
        field,
        old_value,
        new_value,
        seen_at,
        _dlt_load_id
    from captaindata.integration_changes
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
    left(coalesce(identities.name, changes.identity_uid), 300) as identity_name,
    left(changes.integration, 200) as integration,
    changes.field,
    left(changes.old_value, 200) as old_value,
    left(changes.new_value, 200) as new_value,
    changes.seen_at,
    count(*) over () as total
from changes
left join captaindata.identities as identities
    on
        changes.workspace_id = identities.workspace_uid
        and changes.identity_uid = identities.uid
left join captaindata.workspaces as workspaces
    on changes.workspace_id = workspaces.workspace_uid
order by changes.seen_at desc, changes.workspace_id, changes.change_id
limit 1 /* rows */
