{#- Written by python -m tests.support.dbt_models from sql/views/people_conflicts.sql -#}
{% macro people_conflicts_on_spark() %}
WITH source AS (
  SELECT
    *
  FROM {{ ref('stg_captaindata__mention_conflicts') }} AS mention_conflicts
), workspaces AS (
  SELECT
    *
  FROM {{ ref('stg_captaindata__workspaces') }} AS workspaces
)
SELECT
  source.workspace_uid AS workspace_id,
  COALESCE(workspaces.name, workspaces.configured_name) AS workspace_name,
  source.entity,
  source.kind,
  source.value,
  source.id_kind,
  source.ids AS ids,
  source.result_rows AS results
FROM source
LEFT JOIN workspaces
  ON source.workspace_uid = workspaces.workspace_uid
{% endmacro %}
