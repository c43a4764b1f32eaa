{#- Written by python -m tests.support.dbt_models from sql/views/workspace_members.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.workspace_members_on_spark() }}

{% else %}

with source as (
    select * from {{ ref('captaindata__workspaces') }} as workspaces
),

members as (
    select
        source.workspace_id,
        source.workspace_name,
        source.workspace_label,
        (source.members -> cast(g.i as int)) as member
    from source
    cross join lateral generate_series(0, cast(source.members_count as int) - 1) as g (i)
),

renamed as (
    select
        workspace_id,
        workspace_name,
        workspace_label,
        (member ->> 'uid') as member_id,
        (member ->> 'email') as email,
        (member ->> 'first_name') as first_name,
        (member ->> 'last_name') as last_name,
        (member ->> 'full_name') as full_name,
        (member ->> 'country') as country,
        (member -> 'accounts') as accounts,
        coalesce((member ->> 'role'), ((member -> 'roles') ->> 0)) as role,
        (member ->> 'timezone') as timezone
    from members
)

select
    workspace_id,
    workspace_name,
    member_id,
    email,
    first_name,
    last_name,
    full_name,
    country,
    accounts,
    role,
    timezone,
    workspace_label
from renamed

{% endif %}
