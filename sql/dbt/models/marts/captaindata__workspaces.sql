{#- Written by python -m tests.support.dbt_models from sql/views/workspaces.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.workspaces_on_spark() }}

{% else %}

with source as (
    select * from {{ ref('stg_captaindata__workspaces') }} as workspaces
),

oldest_workflows as (
    select
        workspace_uid,
        min(created_at) as created_at
    from {{ ref('stg_captaindata__workflows') }} as workflows
    where
        created_at between timestamptz '2016-01-01 00:00:00+00'
        and timestamptz '2099-12-31 23:59:59+00'
    group by workspace_uid
),

renamed as (
    select
        source.workspace_uid as workspace_id,
        coalesce(source.name, source.configured_name) as name,
        source.configured_name,
        oldest_workflows.created_at,
        cast(source.members as json) as members,
        cast(
            case
                when left(ltrim(cast(source.members as text)), 1) = '['
                    then json_array_length(cast(source.members as json))
                else 0
            end as bigint
        ) as members_count,
        source.email,
        source.plan_name,
        source.tasks_max,
        source.tasks_used,
        source.tasks_left,
        case
            when
                source.current_month_start between timestamptz '2016-01-01 00:00:00+00'
                and timestamptz '2099-12-31 23:59:59+00'
                then source.current_month_start
        end as quota_month_started_at,
        case
            when
                source.current_month_end between timestamptz '2016-01-01 00:00:00+00'
                and timestamptz '2099-12-31 23:59:59+00'
                then source.current_month_end
        end as quota_month_ends_at,
        source.credits_max,
        source.credits_used,
        source.credits_left,
        source.identities_included,
        source.identities_synced,
        source.identities_remaining
    from source
    left join oldest_workflows
        on source.workspace_uid = oldest_workflows.workspace_uid
)

select
    workspace_id,
    name,
    configured_name,
    created_at,
    members,
    members_count,
    email,
    plan_name,
    tasks_max,
    tasks_used,
    tasks_left,
    quota_month_started_at,
    quota_month_ends_at,
    credits_max,
    credits_used,
    credits_left,
    identities_included,
    identities_synced,
    identities_remaining,
    name as workspace_name,
    coalesce(configured_name, workspace_id) as workspace_label
from renamed

{% endif %}
