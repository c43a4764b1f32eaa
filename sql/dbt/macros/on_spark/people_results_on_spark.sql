{#- Written by python -m tests.support.dbt_models from sql/views/people_results.sql -#}
{% macro people_results_on_spark() %}
WITH source AS (
  SELECT
    *
  FROM {{ ref('stg_captaindata__person_mentions') }} AS person_mentions
  WHERE
    NOT is_repeated
)
SELECT
  workspace_uid AS workspace_id,
  own_id AS person_id,
  workflow_uid AS workflow_id,
  job_uid AS job_id,
  result_uid AS result_id,
  seen_at
FROM source
{% endmacro %}
