-- freshness: Last sync of each workspace
--
-- Grain: One row per workspace.
-- Needs: captaindata_views.sync_freshness
--
-- Columns:
--   workspace_label: name of the workspace
--   last_sync_at: end of the last sync that did not fail
--   last_change_at: end of the last sync that wrote rows
--   last_outcome: outcome of the last sync
--   total: number of workspaces
--   oldest_sync_at: the oldest last_sync_at of all workspaces
--   newest_sync_at: the newest last_sync_at of all workspaces

with spaces as (
    select
        workspace_id,
        min(workspace_label) as workspace_label,
        max(last_sync_at) as last_sync_at,
        max(last_change_at) as last_change_at,
        min(last_outcome) as last_outcome
    from captaindata_views.sync_freshness
    where true /* workspaces */
    group by workspace_id
)

select
    left(workspace_label, 200) as workspace_label,
    last_sync_at,
    last_change_at,
    last_outcome,
    count(*) over () as total,
    min(last_sync_at) over () as oldest_sync_at,
    max(last_sync_at) over () as newest_sync_at
from spaces
order by last_sync_at asc nulls first, workspace_id
limit 1 /* rows */
