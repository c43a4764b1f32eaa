{#- Written by python -m tests.support.dbt_models from sql/views/companies_results.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.companies_results_on_spark() }}

{% else %}

with source as (
    select * from {{ ref('stg_captaindata__company_mentions') }} as company_mentions
    where not is_repeated
)

select
    workspace_uid as workspace_id,
    own_id as company_id,
    workflow_uid as workflow_id,
    job_uid as job_id,
    result_uid as result_id,
    seen_at
from source

{% endif %}
