{#- Written by python -m tests.support.dbt_models from sql/views/job_result_fields.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.job_result_fields_on_spark() }}

{% else %}

with fields as (
    select * from {{ ref('stg_captaindata__job_result_fields') }} as job_result_fields
),

result_views as (
    select * from {{ ref('stg_captaindata__job_result_views') }} as job_result_views
),

workflows as (
    select * from {{ ref('stg_captaindata__workflows') }} as workflows
),

workspaces as (
    select * from {{ ref('stg_captaindata__workspaces') }} as workspaces
)

select
    fields.workspace_uid as workspace_id,
    fields.workflow_uid as workflow_id,
    workflows.name as workflow_name,
    result_views.view_name,
    fields.field_id,
    fields.key,
    fields.nested_key,
    fields.column_name,
    fields.column_type,
    fields.column_place is not null as is_in_view,
    fields.json_types,
    fields.rows_with_value,
    case
        when
            fields.first_seen_at between timestamptz '2016-01-01 00:00:00+00'
            and timestamptz '2099-12-31 23:59:59+00'
            then fields.first_seen_at
    end as first_seen_at,
    case
        when
            fields.last_seen_at between timestamptz '2016-01-01 00:00:00+00'
            and timestamptz '2099-12-31 23:59:59+00'
            then fields.last_seen_at
    end as last_seen_at,
    fields.previous_type,
    fields.type_changed_at,
    coalesce(workspaces.name, workspaces.configured_name) as workspace_name,
    coalesce(workspaces.configured_name, fields.workspace_uid) as workspace_label
from fields
left join result_views
    on result_views.workspace_uid = fields.workspace_uid
    and result_views.workflow_uid = fields.workflow_uid
left join workflows
    on workflows.workspace_uid = fields.workspace_uid
    and workflows.uid = fields.workflow_uid
left join workspaces
    on workspaces.workspace_uid = fields.workspace_uid

{% endif %}
