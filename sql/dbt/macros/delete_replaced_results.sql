{#- For the `pre_hook` of an incremental model on `job_results`: deletes rows that are no longer in
    `job_results`, because their job has new results or none. The model inserts the new rows in the
    same transaction. Rows stay until the load of the new rows is complete. -#}
{% macro delete_replaced_results() %}
{% if is_incremental() %}

delete from {{ this }} as model
where not exists (
    select 1
    from {{ source('captaindata', 'job_results') }} as results
    where
        results.workspace_uid = model.workspace_uid
        and results.job_uid = model.job_uid
        and (
            results._dlt_load_id = model._dlt_load_id
            or results._dlt_load_id not in (
                select load_id
                from {{ source('captaindata', '_dlt_loads') }}
                where status = 0
            )
        )
)

{% endif %}
{% endmacro %}
