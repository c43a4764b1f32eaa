{#- Written by python -m tests.support.dbt_models from sql/views/workflow_history.sql -#}
{% macro workflow_history_on_spark() %}
WITH changes AS (
  SELECT
    workspace_uid,
    workflow_uid,
    seen_at,
    COUNT(CASE WHEN field = 'name' THEN 1 END) AS names,
    COUNT(CASE WHEN field = 'steps' THEN 1 END) AS steps,
    COUNT(CASE WHEN field = 'details' THEN 1 END) AS details,
    COUNT(CASE WHEN field = 'is_deleted' THEN 1 END) AS deletions,
    MAX(CASE WHEN field = 'name' THEN old_value END) AS old_name,
    MAX(CASE WHEN field = 'steps' THEN old_value END) AS old_steps,
    MAX(CASE WHEN field = 'details' THEN old_value END) AS old_details,
    MAX(CASE WHEN field = 'is_deleted' THEN old_value END) AS old_is_deleted
  FROM {{ ref('stg_captaindata__workflow_changes') }} AS workflow_changes
  WHERE
    _dlt_load_id IN (
      SELECT
        load_id
      FROM {{ ref('stg_captaindata__dlt_loads') }} AS _dlt_loads
      WHERE
        status = 0
    )
  GROUP BY
    workspace_uid,
    workflow_uid,
    seen_at
), versions AS (
  SELECT
    workspace_uid,
    workflow_uid,
    seen_at AS valid_to,
    names,
    steps,
    details,
    deletions,
    old_name,
    old_steps,
    old_details,
    old_is_deleted
  FROM changes
  UNION ALL
  SELECT
    workspace_uid,
    uid AS workflow_uid,
    cast(null as timestamp) AS valid_to,
    1 AS names,
    1 AS steps,
    1 AS details,
    1 AS deletions,
    name AS old_name,
    steps AS old_steps,
    details AS old_details,
    CASE WHEN is_deleted THEN 'true' ELSE 'false' END AS old_is_deleted
  FROM {{ ref('stg_captaindata__workflows') }} AS workflows
), grouped /* a value holds until the next change of its field, which has it as its old value */ AS (
  SELECT
    *,
    ROW_NUMBER() OVER earliest_first AS version,
    lag(valid_to) OVER earliest_first AS seen_before,
    SUM(names) OVER latest_first AS name_group,
    SUM(steps) OVER latest_first AS steps_group,
    SUM(details) OVER latest_first AS details_group,
    SUM(deletions) OVER latest_first AS deletions_group
  FROM versions
  WINDOW earliest_first AS (PARTITION BY workspace_uid, workflow_uid ORDER BY valid_to ASC NULLS LAST), latest_first AS (PARTITION BY workspace_uid, workflow_uid ORDER BY valid_to DESC NULLS FIRST)
), filled AS (
  SELECT
    *,
    MAX(old_name) OVER (PARTITION BY workspace_uid, workflow_uid, name_group) AS name_then,
    MAX(old_steps) OVER (PARTITION BY workspace_uid, workflow_uid, steps_group) AS steps_then,
    MAX(old_details) OVER (PARTITION BY workspace_uid, workflow_uid, details_group) AS details_then,
    MAX(old_is_deleted) OVER (PARTITION BY workspace_uid, workflow_uid, deletions_group) AS is_deleted_then
  FROM grouped
), joined AS (
  SELECT
    filled.*,
    COALESCE(workspaces.name, workspaces.configured_name) AS workspace_name,
    COALESCE(workspaces.configured_name, filled.workspace_uid) AS workspace_label,
    CASE
      WHEN workflows.created_at BETWEEN timestamp '2016-01-01 00:00:00+00:00' AND timestamp '2099-12-31 23:59:59+00:00'
      THEN workflows.created_at
    END AS created_at
  FROM filled
  INNER JOIN {{ ref('stg_captaindata__workflows') }} AS workflows
    ON filled.workspace_uid = workflows.workspace_uid
    AND filled.workflow_uid = workflows.uid
  LEFT JOIN {{ ref('stg_captaindata__workspaces') }} AS workspaces
    ON filled.workspace_uid = workspaces.workspace_uid
)
SELECT
  workspace_uid AS workspace_id,
  workspace_name,
  workflow_uid AS workflow_id,
  version,
  name_then AS workflow_name,
  steps_then AS steps,
  details_then AS details,
  is_deleted_then = 'true' AS is_deleted,
  CASE
    WHEN version > 1
    THEN seen_before
    WHEN valid_to IS NULL OR created_at < valid_to
    THEN created_at
  END AS valid_from,
  valid_to,
  valid_to IS NULL AS is_current,
  workspace_label
FROM joined
{% endmacro %}
