{#- Written by python -m tests.support.dbt_models from sql/views/jobs.sql -#}
{% macro jobs_on_spark() %}
WITH source AS (
  SELECT
    *
  FROM {{ ref('stg_captaindata__jobs') }} AS jobs
), flow_records AS (
  SELECT
    workspace_uid,
    main_job_uid,
    CAST(SUM(COALESCE(row_count, total_row_count)) AS BIGINT) AS records
  FROM {{ ref('stg_captaindata__jobs') }} AS jobs
  WHERE
    NOT flow_run_id IS NULL AND is_sub_job
  GROUP BY
    workspace_uid,
    main_job_uid
), cleaned AS (
  SELECT
    workspace_uid,
    uid,
    name,
    workflow_uid,
    workflow_name,
    main_job_uid,
    is_sub_job,
    is_deleted,
    is_archived,
    status,
    trim(both '_' from regexp_replace(LOWER(status), '[\\s_-]+', '_')) AS read_status,
    CASE
      WHEN scheduled_time BETWEEN timestamp '2016-01-01 00:00:00+00:00' AND timestamp '2099-12-31 23:59:59+00:00'
      THEN scheduled_time
    END AS scheduled_at,
    CASE
      WHEN start_time BETWEEN timestamp '2016-01-01 00:00:00+00:00' AND least(timestamp_micros(unix_micros(loaded_at) + 8784 * 3600000000), timestamp '2099-12-31 23:59:59+00:00')
      THEN start_time
    END AS started_at,
    CASE
      WHEN finish_time BETWEEN timestamp '2016-01-01 00:00:00+00:00' AND least(timestamp_micros(unix_micros(loaded_at) + 8784 * 3600000000), timestamp '2099-12-31 23:59:59+00:00')
      THEN finish_time
    END AS finished_at,
    number_inputs,
    COALESCE(row_count, total_row_count) AS records_processed,
    error_message,
    is_partial,
    execution_mode,
    has_results,
    loaded_at
  FROM source
), renamed AS (
  SELECT
    source.workspace_uid AS workspace_id,
    COALESCE(workspaces.name, workspaces.configured_name) AS workspace_name,
    COALESCE(workspaces.configured_name, source.workspace_uid) AS workspace_label,
    source.workflow_uid AS workflow_id,
    COALESCE(workflows.name, source.workflow_name) AS workflow_name,
    source.uid AS job_id,
    source.name,
    CASE WHEN source.is_sub_job THEN source.main_job_uid END AS main_job_id,
    COALESCE(source.is_sub_job, FALSE) AS is_sub_job,
    COALESCE(source.is_deleted, FALSE) AS is_deleted,
    COALESCE(source.is_archived, FALSE) AS is_archived,
    source.status,
    CASE
      WHEN source.read_status IN ('finished', 'completed', 'succeeded', 'partial_succeeded')
      THEN 'succeeded'
      WHEN source.read_status IN ('shutdown', 'warning', 'failed', 'invalid')
      THEN 'failed'
      WHEN source.read_status = 'stopped'
      THEN 'stopped'
      WHEN source.is_deleted OR source.is_archived
      THEN 'unknown'
      WHEN source.read_status IN ('pending', 'running', 'paused', 'created', 'queued', 'scheduled', 'blocked')
      THEN 'in_progress'
      ELSE 'unknown'
    END AS status_group,
    source.scheduled_at,
    source.started_at,
    source.finished_at,
    COALESCE(
      source.started_at,
      CASE
        WHEN source.scheduled_at > source.loaded_at
        THEN NULL
        ELSE source.scheduled_at
      END,
      source.finished_at
    ) AS run_at,
    CASE
      WHEN source.finished_at >= source.started_at
      THEN CAST(((unix_micros(source.finished_at) - unix_micros(source.started_at)) / 1000000) AS DOUBLE)
    END AS duration_seconds, /* in UTC, because DuckDB subtracts times with time zone by local days */
    source.number_inputs AS inputs,
    COALESCE(source.records_processed, flow_records.records) AS records_processed,
    source.error_message,
    source.is_partial,
    source.execution_mode,
    COALESCE(source.has_results, TRUE) AS has_results
  FROM cleaned AS source
  LEFT JOIN {{ ref('stg_captaindata__workflows') }} AS workflows
    ON source.workspace_uid = workflows.workspace_uid
    AND source.workflow_uid = workflows.uid
  LEFT JOIN {{ ref('stg_captaindata__workspaces') }} AS workspaces
    ON source.workspace_uid = workspaces.workspace_uid
  LEFT JOIN flow_records
    ON source.workspace_uid = flow_records.workspace_uid
    AND source.uid = flow_records.main_job_uid
)
SELECT
  workspace_id,
  workspace_name,
  workflow_id,
  workflow_name,
  job_id,
  name,
  main_job_id,
  is_sub_job,
  is_deleted,
  is_archived,
  status,
  status_group,
  scheduled_at,
  started_at,
  finished_at,
  run_at,
  duration_seconds,
  inputs,
  records_processed,
  error_message,
  is_partial,
  execution_mode,
  has_results,
  name AS job_name,
  workspace_label
FROM renamed
{% endmacro %}
