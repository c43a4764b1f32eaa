{#- Written by python -m tests.support.dbt_models from sql/views/companies_all.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.companies_all_on_spark() }}

{% else %}

with source as (
    select * from {{ ref('stg_captaindata__company_rows') }} as company_rows
    where is_overall
)

select
    uid as company_id,
    linkedin_company_id,
    linkedin_company_url,
    domain,
    company_name,
    website,
    industry,
    employee_count,
    headquarters,
    first_seen_at,
    last_seen_at,
    times_seen,
    jobs,
    workflows,
    cast(workflow_uids as json) as workflow_ids,
    workspaces,
    cast(workspace_uids as json) as workspace_ids
from source

{% endif %}
