{#- Written by python -m tests.support.dbt_models from sql/views/people_conflicts.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.people_conflicts_on_spark() }}

{% else %}

with source as (
    select * from {{ ref('stg_captaindata__mention_conflicts') }} as mention_conflicts
),

workspaces as (
    select * from {{ ref('stg_captaindata__workspaces') }} as workspaces
)

select
    source.workspace_uid as workspace_id,
    coalesce(workspaces.name, workspaces.configured_name) as workspace_name,
    source.entity,
    source.kind,
    source.value,
    source.id_kind,
    cast(source.ids as json) as ids,
    source.result_rows as results
from source
left join workspaces
    on source.workspace_uid = workspaces.workspace_uid

{% endif %}
