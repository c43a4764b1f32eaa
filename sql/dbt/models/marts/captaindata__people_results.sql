{#- Written by python -m tests.support.dbt_models from sql/views/people_results.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.people_results_on_spark() }}

{% else %}

with source as (
    select * from {{ ref('stg_captaindata__person_mentions') }} as person_mentions
    where not is_repeated
)

select
    workspace_uid as workspace_id,
    own_id as person_id,
    workflow_uid as workflow_id,
    job_uid as job_id,
    result_uid as result_id,
    seen_at
from source

{% endif %}
