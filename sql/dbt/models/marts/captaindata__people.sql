{#- Written by python -m tests.support.dbt_models from sql/views/people.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.people_on_spark() }}

{% else %}

with source as (
    select * from {{ ref('stg_captaindata__person_rows') }} as person_rows
    where is_own
),

workspaces as (
    select * from {{ ref('stg_captaindata__workspaces') }} as workspaces
)

select
    source.workspace_uid as workspace_id,
    coalesce(workspaces.name, workspaces.configured_name) as workspace_name,
    source.uid as person_id,
    source.linkedin_profile_id,
    source.sales_navigator_profile_id,
    source.linkedin_profile_url,
    source.full_name,
    source.first_name,
    source.last_name,
    source.headline,
    source.job_title,
    source.company_name,
    source.linkedin_company_id,
    source.location,
    source.email,
    source.phone,
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
