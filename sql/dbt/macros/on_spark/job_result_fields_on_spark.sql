{#- Written by python -m tests.support.dbt_models from sql/views/job_result_fields.sql -#}
{% macro job_result_fields_on_spark() %}
WITH fields AS (
  SELECT
    *
  FROM {{ ref('stg_captaindata__job_result_fields') }} AS job_result_fields
), result_views AS (
  SELECT
    *
  FROM {{ ref('stg_captaindata__job_result_views') }} AS job_result_views
), workflows AS (
  SELECT
    *
  FROM {{ ref('stg_captaindata__workflows') }} AS workflows
), workspaces AS (
  SELECT
    *
  FROM {{ ref('stg_captaindata__workspaces') }} AS workspaces
)
SELECT
  fields.workspace_uid AS workspace_id,
  fields.workflow_uid AS workflow_id,
  workflows.name AS workflow_name,
  result_views.view_name,
  fields.field_id,
  fields.key,
  fields.nested_key,
  fields.column_name,
  fields.column_type,
  NOT fields.column_place IS NULL AS is_in_view,
  fields.json_types,
  fields.rows_with_value,
  CASE
    WHEN fields.first_seen_at BETWEEN timestamp '2016-01-01 00:00:00+00:00' AND timestamp '2099-12-31 23:59:59+00:00'
    THEN fields.first_seen_at
  END AS first_seen_at,
  CASE
    WHEN fields.last_seen_at BETWEEN timestamp '2016-01-01 00:00:00+00:00' AND timestamp '2099-12-31 23:59:59+00:00'
    THEN fields.last_seen_at
  END AS last_seen_at,
  fields.previous_type,
  fields.type_changed_at,
  COALESCE(workspaces.name, workspaces.configured_name) AS workspace_name,
  COALESCE(workspaces.configured_name, fields.workspace_uid) AS workspace_label
FROM fields
LEFT JOIN result_views
  ON result_views.workspace_uid = fields.workspace_uid
  AND result_views.workflow_uid = fields.workflow_uid
LEFT JOIN workflows
  ON workflows.workspace_uid = fields.workspace_uid
  AND workflows.uid = fields.workflow_uid
LEFT JOIN workspaces
  ON workspaces.workspace_uid = fields.workspace_uid
{% endmacro %}
