-- tables: Last sync and last change of each table
--
-- Grain: One row per workspace and table.
-- Needs: captaindata_views.sync_freshness
--
-- Columns:
--   workspace_label: name of the workspace
--   table_name: name of the table
--   last_sync_at: end of the last sync that read it and did not fail
--   last_change_at: end of the last sync that wrote rows to it
--   rows_last_change: number of rows that this sync wrote
--   syncs: number of syncs that read it
--   total: number of rows

select
    left(workspace_label, 200) as workspace_label,
    table_name,
    last_sync_at,
    last_change_at,
    rows_last_change,
    syncs,
    count(*) over () as total
from captaindata_views.sync_freshness
where true /* workspaces */
order by workspace_label, workspace_id, table_name
limit 1 /* rows */
