-- accounts: Accounts to reconnect
--
-- Grain: One row per workspace, identity and integration.
-- Needs: captaindata_views.integration_health
--
-- Columns:
--   workspace_label: name of the workspace
--   identity_name: name of the identity
--   integration_name: name of the integration
--   status: its status
--   needs: what to do
--   error: what is wrong
--   changed_at: its last change
--   total: number of accounts

select
    left(workspace_label, 200) as workspace_label,
    left(coalesce(identity_name, identity_id), 300) as identity_name,
    left(coalesce(integration_name, integration), 300) as integration_name,
    left(status, 100) as status,
    needs,
    left(error, 500) as error,
    changed_at,
    count(*) over () as total
from captaindata_views.integration_health
where true /* workspaces */
order by changed_at desc nulls last, workspace_id, identity_id, integration
limit 1 /* rows */
