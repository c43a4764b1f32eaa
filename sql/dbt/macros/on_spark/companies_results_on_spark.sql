{#- Written by python -m tests.support.dbt_models from sql/views/companies_results.sql -#}
{% macro companies_results_on_spark() %}
WITH source AS (
  SELECT
    *
  FROM {{ ref('stg_captaindata__company_mentions') }} AS company_mentions
  WHERE
    NOT is_repeated
)
SELECT
  workspace_uid AS workspace_id,
  own_id AS company_id,
  workflow_uid AS workflow_id,
  job_uid AS job_id,
  result_uid AS result_id,
  seen_at
FROM source
{% endmacro %}
