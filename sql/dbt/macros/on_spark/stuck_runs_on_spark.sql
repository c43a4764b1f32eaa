{#- Written by python -m tests.support.dbt_models from sql/views/stuck_runs.sql -#}
{% macro stuck_runs_on_spark() %}
WITH jobs AS (
  SELECT
    *
  FROM {{ ref('captaindata__jobs') }} AS jobs
  WHERE
    NOT is_sub_job
), usual AS (
  SELECT
    workspace_id,
    workflow_id,
    percentile(duration_seconds, 0.5) AS duration_seconds
  FROM jobs
  WHERE
    status_group = 'succeeded' AND NOT duration_seconds IS NULL
  GROUP BY
    workspace_id,
    workflow_id
  HAVING
    COUNT(*) >= 5
), syncs AS (
  SELECT
    workspace_uid AS workspace_id,
    MAX(finished_at) AS last_sync_at
  FROM {{ ref('stg_captaindata__sync_runs') }} AS sync_runs
  WHERE
    NOT outcome IN ('failed', 'quota') AND (not coalesce(is_resync, false))
  GROUP BY
    workspace_uid
), details AS (
  SELECT
    workspace_uid AS workspace_id,
    uid AS job_id,
    last_error AS last_error,
    last_info AS last_info,
    CASE
      WHEN created_at BETWEEN timestamp '2016-01-01 00:00:00+00:00' AND timestamp '2099-12-31 23:59:59+00:00'
      THEN created_at
    END AS created_at,
    loaded_at
  FROM {{ ref('stg_captaindata__jobs') }} AS jobs
), waiting AS (
  SELECT
    jobs.workspace_id,
    jobs.workspace_name,
    jobs.workspace_label,
    jobs.workflow_id,
    jobs.workflow_name,
    jobs.job_id,
    jobs.name AS job_name,
    jobs.status,
    COALESCE(
      greatest(jobs.started_at, jobs.finished_at),
      jobs.scheduled_at,
      details.created_at,
      details.loaded_at
    ) AS since_at,
    usual.duration_seconds AS usual_duration_seconds,
    COALESCE(
      NULLIF(TRIM(jobs.error_message), ''),
      get_json_object(details.last_error, '$.message'),
      get_json_object(details.last_error, '$.label'),
      get_json_object(details.last_info, '$.message'),
      get_json_object(details.last_info, '$.label'),
      CASE
        WHEN LEFT(LTRIM(details.last_info), 1) = '"'
        THEN try_variant_get(try_parse_json((
          '[' || details.last_info || ']'
        )), '$[0]', 'string')
      END
    ) AS reason,
    syncs.last_sync_at
  FROM jobs
  INNER JOIN syncs
    ON jobs.workspace_id = syncs.workspace_id
  INNER JOIN details
    ON jobs.workspace_id = details.workspace_id AND jobs.job_id = details.job_id
  LEFT JOIN usual
    ON jobs.workspace_id = usual.workspace_id AND jobs.workflow_id = usual.workflow_id
  WHERE
    jobs.status_group = 'in_progress'
    AND COALESCE(jobs.scheduled_at <= syncs.last_sync_at, TRUE)
), measured AS (
  SELECT
    *,
    CAST(((unix_micros(last_sync_at) - unix_micros(since_at)) / 1000000) AS DOUBLE) AS seconds /* in UTC, because DuckDB subtracts times with time zone by local days */
  FROM waiting
)
SELECT
  workspace_id,
  workspace_name,
  workflow_id,
  workflow_name,
  job_id,
  job_name,
  status,
  since_at,
  seconds / 3600 AS hours,
  usual_duration_seconds,
  reason,
  last_sync_at,
  workspace_label
FROM measured
WHERE
  seconds > 3600 AND seconds > 3 * COALESCE(usual_duration_seconds, 0)
{% endmacro %}
