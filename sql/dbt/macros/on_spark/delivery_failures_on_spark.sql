{#- Written by python -m tests.support.dbt_models from sql/views/delivery_failures.sql -#}
{% macro delivery_failures_on_spark() %}
WITH RECURSIVE source AS (
  SELECT
    *,
    trim(both '_' from regexp_replace(LOWER(status), '[\\s_-]+', '_')) AS read_status
  FROM {{ ref('stg_captaindata__callbacks') }} AS callbacks
), repetitions /* each failed delivery with its repetitions, those of the same delivery included */ AS (
  SELECT
    workspace_uid,
    uid AS failed_uid,
    uid
  FROM source
  WHERE
    read_status = 'failed'
  UNION
  SELECT
    failed.workspace_uid,
    failed.uid AS failed_uid,
    sibling.uid
  FROM source AS failed
  INNER JOIN source AS sibling
    ON failed.workspace_uid = sibling.workspace_uid
    AND failed.parent_uid = sibling.parent_uid
  WHERE
    failed.read_status = 'failed' AND sibling.created_at > failed.created_at
), reached_walk AS (
  SELECT
    workspace_uid,
    failed_uid,
    uid,
    1 AS walk_depth
  FROM repetitions
  UNION ALL
  SELECT
    reached.workspace_uid,
    reached.failed_uid,
    source.uid,
    reached.walk_depth + 1 AS walk_depth
  FROM reached_walk AS reached
  INNER JOIN source
    ON reached.workspace_uid = source.workspace_uid AND reached.uid = source.parent_uid
  WHERE
    reached.walk_depth < 10
), reached AS (
  SELECT DISTINCT
    workspace_uid,
    failed_uid,
    uid
  FROM reached_walk
), delivered AS (
  SELECT DISTINCT
    reached.workspace_uid,
    reached.failed_uid
  FROM reached
  INNER JOIN source
    ON reached.workspace_uid = source.workspace_uid AND reached.uid = source.uid
  WHERE
    source.read_status = 'success'
), joined AS (
  SELECT
    source.workspace_uid AS workspace_id,
    COALESCE(workspaces.name, workspaces.configured_name) AS workspace_name,
    COALESCE(workspaces.configured_name, source.workspace_uid) AS workspace_label,
    source.uid AS delivery_id,
    source.parent_uid AS repeats_id,
    source.run_uid AS run_id,
    jobs.workflow_uid AS workflow_id,
    source.batch_uid AS batch_id,
    source.retry_count AS retries,
    source.http_status,
    source.error,
    NOT delivered.failed_uid IS NULL AS is_delivered,
    CASE
      WHEN source.created_at BETWEEN timestamp '2016-01-01 00:00:00+00:00' AND timestamp '2099-12-31 23:59:59+00:00'
      THEN source.created_at
    END AS failed_at,
    source.loaded_at
  FROM source
  LEFT JOIN delivered
    ON source.workspace_uid = delivered.workspace_uid
    AND source.uid = delivered.failed_uid
  LEFT JOIN {{ ref('stg_captaindata__jobs') }} AS jobs
    ON source.workspace_uid = jobs.workspace_uid AND source.run_uid = jobs.uid
  LEFT JOIN {{ ref('stg_captaindata__workspaces') }} AS workspaces
    ON source.workspace_uid = workspaces.workspace_uid
  WHERE
    source.read_status = 'failed'
)
SELECT
  workspace_id,
  workspace_name,
  delivery_id,
  repeats_id,
  run_id,
  workflow_id,
  batch_id,
  retries,
  http_status,
  error,
  is_delivered,
  failed_at,
  loaded_at,
  workspace_label
FROM joined
{% endmacro %}
