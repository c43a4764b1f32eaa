{#- Written by python -m tests.support.dbt_models from sql/views/integration_health.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.integration_health_on_spark() }}

{% else %}

with integrations as (
    select * from {{ ref('stg_captaindata__integrations') }} as integrations
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
    left join {{ ref('stg_captaindata__identities') }} as identities
        on
            integrations.workspace_uid = identities.workspace_uid
            and integrations.identity_uid = identities.uid
    left join {{ ref('stg_captaindata__workspaces') }} as workspaces
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

{% endif %}
