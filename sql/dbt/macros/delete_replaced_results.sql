{#- For the `pre_hook` of an incremental model on `job_results`: deletes rows of jobs whose results were
    replaced or removed, as `results_changes` has them, where the rows are no longer in
    `job_results`. The model inserts the new rows in the same transaction. Rows stay until the load
    of the new rows is complete. -#}
{% macro delete_replaced_results() %}
{% if is_incremental() %}

delete from {{ this }} as model
where
    exists (
        select 1
        from {{ source('captaindata', 'results_changes') }} as changes
        where
            changes.workspace_uid = model.workspace_uid
            and changes.job_uid = model.job_uid
            and changes._dlt_load_id <> model._dlt_load_id
            and changes._dlt_load_id in (
                select load_id
                from {{ source('captaindata', '_dlt_loads') }}
                where status = 0
            )
    )
    and not exists (
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
