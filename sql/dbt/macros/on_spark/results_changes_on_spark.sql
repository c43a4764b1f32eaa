{#- Written by python -m tests.support.dbt_models from sql/views/results_changes.sql -#}
{% macro results_changes_on_spark() %}
WITH source AS (
  SELECT
    *
  FROM {{ ref('stg_captaindata__results_changes') }} AS results_changes
  WHERE
    _dlt_load_id IN (
      SELECT
        load_id
      FROM {{ ref('stg_captaindata__dlt_loads') }} AS _dlt_loads
      WHERE
        status = 0
    )
)
SELECT
  workspace_uid AS workspace_id,
  uid AS change_id,
  job_uid AS job_id,
  old_workflow_uid AS old_workflow_id,
  workflow_uid AS workflow_id,
  change,
  rows_before,
  rows_after,
  seen_at,
  _dlt_load_id AS load_id
FROM source
{% endmacro %}
