{#- Written by python -m tests.support.dbt_models from sql/views/results_changes.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.results_changes_on_spark() }}

{% else %}

with source as (
    select * from {{ ref('stg_captaindata__results_changes') }} as results_changes
    where
        _dlt_load_id in (
            select load_id from {{ ref('stg_captaindata__dlt_loads') }} as _dlt_loads
            where status = 0
        )
)

select
    workspace_uid as workspace_id,
    uid as change_id,
    job_uid as job_id,
    old_workflow_uid as old_workflow_id,
    workflow_uid as workflow_id,
    change,
    rows_before,
    rows_after,
    seen_at,
    _dlt_load_id as load_id
from source

{% endif %}
