-- integration_health: Accounts to reconnect, and what to do about each
--
-- Grain: One row per workspace, identity and integration (workspace_id, identity_id, integration)
--   whose status is not VALID or not known. Deleted integrations and identities are left out. A
--   shared integration has one row for each identity.
-- Needs: captaindata.integrations, captaindata.identities, captaindata.workspaces
-- Time: changed_at
--
-- Columns:
--   workspace_id: UID of the workspace
--   workspace_name: name of the workspace
--   identity_id: UID of the identity
--   identity_name: name of the identity; null if the identity is not loaded
--   integration: permalink of the integration, such as linkedin
--   integration_name: name of the integration
--   status: INVALID, PENDING, LIMIT_REACHED or another status, as reported by the API
--   needs: what to do: log in again (INVALID), finish connecting (PENDING), wait for the limit or
--     spread the load (LIMIT_REACHED), look at it (any other status)
--   is_shared: true if several identities share the integration
--   error: what is wrong, as reported by the API
--   changed_at: last change of the integration, in UTC, as reported by the API; null if before 2016
--     or after 2099
--   loaded_at: time the row was last written, in UTC
--   workspace_label: name of the workspace in your configuration, or else its UID

with integrations as (
    select * from captaindata.integrations
    where not coalesce(is_deleted, false)
),

joined as (
    select
        integrations.workspace_uid as workspace_id,
        coalesce(workspaces.name, workspaces.configured_name) as workspace_name,
        coalesce(workspaces.configured_name, integrations.workspace_uid) as workspace_label,
        integrations.identity_uid as identity_id,
        identities.name as identity_name,
        integrations.integration_permalink as integration,
        integrations.name as integration_name,
        integrations.status,
        case trim(regexp_replace(lower(integrations.status), '[\s_-]+', '_', 'g'), '_')
            when 'invalid' then 'log in again'
            when 'pending' then 'finish connecting'
            when 'limit_reached' then 'wait for the limit or spread the load'
            else 'look at it'
        end as needs,
        integrations.is_shared,
        integrations.error,
        case
            when
                integrations.updated_at between timestamptz '2016-01-01 00:00:00+00'
                and timestamptz '2099-12-31 23:59:59+00'
                then integrations.updated_at
        end as changed_at,
        integrations.loaded_at
    from integrations
    left join captaindata.identities as identities
        on
            integrations.workspace_uid = identities.workspace_uid
            and integrations.identity_uid = identities.uid
    left join captaindata.workspaces as workspaces
        on integrations.workspace_uid = workspaces.workspace_uid
    where
        coalesce(trim(regexp_replace(lower(integrations.status), '[\s_-]+', '_', 'g'), '_'), '')
        <> 'valid'
        and not coalesce(identities.is_deleted, false)
)

select
    workspace_id,
    workspace_name,
    identity_id,
    identity_name,
    integration,
    integration_name,
    status,
    needs,
    is_shared,
    error,
    changed_at,
    loaded_at,
    workspace_label
from joined
