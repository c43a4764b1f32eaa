{#- Deletes from an incremental model on `job_results` the rows that are no longer there, because
    their job brought others since, or none. For its `pre_hook`: what replaces them follows in the
    same transaction. Rows stay as long as those that replace them belong to an unfinished load. -#}
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
