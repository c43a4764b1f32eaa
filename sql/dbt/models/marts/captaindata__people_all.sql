{#- Written by python -m tests.support.dbt_models from sql/views/people_all.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.people_all_on_spark() }}

{% else %}

with source as (
    select * from {{ ref('stg_captaindata__person_rows') }} as person_rows
    where is_overall
)

select
    uid as person_id,
    linkedin_profile_id,
    sales_navigator_profile_id,
    linkedin_profile_url,
    full_name,
    first_name,
    last_name,
    headline,
    job_title,
    company_name,
    linkedin_company_id,
    location,
    email,
    phone,
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
