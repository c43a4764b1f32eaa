{#- Written by python -m tests.support.dbt_models from sql/views/workflows.sql -#}
{% macro workflows_on_spark() %}
WITH source AS (
  SELECT
    *
  FROM {{ ref('stg_captaindata__workflows') }} AS workflows
), runs AS (
  SELECT
    workspace_id,
    workflow_id,
    status,
    status_group,
    ROW_NUMBER() OVER (PARTITION BY workspace_id, workflow_id ORDER BY run_at DESC, job_id DESC) AS newest_first
  FROM {{ ref('captaindata__jobs') }} AS jobs
  WHERE
    NOT is_sub_job
), newest_runs AS (
  SELECT
    workspace_id,
    workflow_id,
    (
      status_group = 'in_progress'
      AND trim(both '_' from regexp_replace(LOWER(status), '[\\s_-]+', '_')) = 'paused'
    ) AS is_paused
  FROM runs
  WHERE
    newest_first = 1
), renamed AS (
  SELECT
    source.workspace_uid AS workspace_id,
    COALESCE(workspaces.name, workspaces.configured_name) AS workspace_name,
    COALESCE(workspaces.configured_name, source.workspace_uid) AS workspace_label,
    source.uid AS workflow_id,
    source.name,
    source.kind,
    CASE
      WHEN source.is_deleted
      THEN 'archived'
      WHEN newest_runs.is_paused
      THEN 'paused'
      ELSE 'active'
    END AS status,
    source.steps AS steps,
    CASE
      WHEN source.created_at BETWEEN timestamp '2016-01-01 00:00:00+00:00' AND timestamp '2099-12-31 23:59:59+00:00'
      THEN source.created_at
    END AS created_at,
    COALESCE(
      CASE
        WHEN source.updated_at BETWEEN timestamp '2016-01-01 00:00:00+00:00' AND timestamp '2099-12-31 23:59:59+00:00'
        THEN source.updated_at
      END,
      source.loaded_at
    ) AS updated_at
  FROM source
  LEFT JOIN {{ ref('stg_captaindata__workspaces') }} AS workspaces
    ON source.workspace_uid = workspaces.workspace_uid
  LEFT JOIN newest_runs
    ON source.workspace_uid = newest_runs.workspace_id
    AND source.uid = newest_runs.workflow_id
)
SELECT
  workspace_id,
  workspace_name,
  workflow_id,
  name,
  status,
  steps,
  created_at,
  updated_at,
  name AS workflow_name,
  workspace_label,
  kind
FROM renamed
{% endmacro %}
