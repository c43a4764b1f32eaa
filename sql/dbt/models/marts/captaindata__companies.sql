{#- Written by python -m tests.support.dbt_models from sql/views/companies.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.companies_on_spark() }}

{% else %}

with source as (
    select * from {{ ref('stg_captaindata__company_rows') }} as company_rows
    where is_own
),

workspaces as (
    select * from {{ ref('stg_captaindata__workspaces') }} as workspaces
)

select
    source.workspace_uid as workspace_id,
    coalesce(workspaces.name, workspaces.configured_name) as workspace_name,
    source.uid as company_id,
    source.linkedin_company_id,
    source.linkedin_company_url,
    source.domain,
    source.company_name,
    source.website,
    source.industry,
    source.employee_count,
    source.headquarters,
    source.first_seen_at,
    source.last_seen_at,
    source.times_seen,
    source.jobs,
    source.workflows,
    cast(source.workflow_uids as json) as workflow_ids
from source
left join workspaces
    on source.workspace_uid = workspaces.workspace_uid

{% endif %}
