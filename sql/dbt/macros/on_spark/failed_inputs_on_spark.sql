{#- Written by python -m tests.support.dbt_models from sql/views/failed_inputs.sql -#}
{% macro failed_inputs_on_spark() %}
WITH source AS (
  SELECT
    *,
    COALESCE(trim(both '_' from regexp_replace(LOWER(status), '[\\s_-]+', '_')), '') AS read_status,
    COALESCE(input_data, data) AS input
  FROM {{ ref('stg_captaindata__job_inputs') }} AS job_inputs
), failed AS (
  SELECT
    source.workspace_uid,
    source.workflow_uid,
    source.job_uid,
    source.position,
    MD5(COALESCE(source.input, '')) AS input_id,
    source.input,
    source.error_label,
    source.error_scope,
    source.error_message,
    source.error_reference,
    COALESCE(source.finished_at, source.updated_at, jobs.finish_time) AS failed_at
  FROM source
  LEFT JOIN {{ ref('stg_captaindata__jobs') }} AS jobs
    ON source.workspace_uid = jobs.workspace_uid AND source.job_uid = jobs.uid
  WHERE
    source.read_status = 'failed'
    OR (
      NOT COALESCE(source.error_label, source.error_message) IS NULL
      AND NOT source.read_status IN ('succeeded', 'success', 'finished', 'completed')
    )
), ordered AS (
  SELECT
    *,
    COUNT(*) OVER (PARTITION BY workspace_uid, workflow_uid, input_id, error_label) AS failures,
    ROW_NUMBER() OVER (
      PARTITION BY workspace_uid, workflow_uid, input_id, error_label
      ORDER BY failed_at DESC, job_uid DESC, position DESC
    ) AS newest_first
  FROM failed
), counted AS (
  SELECT
    workspace_uid,
    workflow_uid,
    input_id,
    error_label,
    COUNT(DISTINCT job_uid) AS jobs
  FROM failed
  GROUP BY
    workspace_uid,
    workflow_uid,
    input_id,
    error_label
), joined AS (
  SELECT
    ordered.workspace_uid AS workspace_id,
    COALESCE(workspaces.name, workspaces.configured_name) AS workspace_name,
    COALESCE(workspaces.configured_name, ordered.workspace_uid) AS workspace_label,
    ordered.workflow_uid AS workflow_id,
    COALESCE(workflows.name, ordered.workflow_uid) AS workflow_name,
    ordered.input_id,
    ordered.input,
    ordered.error_label,
    ordered.error_scope,
    ordered.error_message,
    ordered.error_reference,
    ordered.failures,
    counted.jobs,
    ordered.job_uid AS last_job_id,
    CASE
      WHEN ordered.failed_at BETWEEN timestamp '2016-01-01 00:00:00+00:00' AND timestamp '2099-12-31 23:59:59+00:00'
      THEN ordered.failed_at
    END AS last_failed_at
  FROM ordered
  INNER JOIN counted
    ON ordered.workspace_uid = counted.workspace_uid
    AND ordered.workflow_uid IS NOT DISTINCT FROM counted.workflow_uid
    AND ordered.input_id = counted.input_id
    AND ordered.error_label IS NOT DISTINCT FROM counted.error_label
  LEFT JOIN {{ ref('stg_captaindata__workflows') }} AS workflows
    ON ordered.workspace_uid = workflows.workspace_uid
    AND ordered.workflow_uid = workflows.uid
  LEFT JOIN {{ ref('stg_captaindata__workspaces') }} AS workspaces
    ON ordered.workspace_uid = workspaces.workspace_uid
  WHERE
    ordered.newest_first = 1
)
SELECT
  workspace_id,
  workspace_name,
  workflow_id,
  workflow_name,
  input_id,
  input AS input,
  error_label,
  error_scope,
  error_message,
  error_reference,
  failures,
  jobs,
  last_job_id,
  last_failed_at,
  workspace_label
FROM joined
{% endmacro %}
