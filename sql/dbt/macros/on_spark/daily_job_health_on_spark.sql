{#- Written by python -m tests.support.dbt_models from sql/views/daily_job_health.sql -#}
{% macro daily_job_health_on_spark() %}
WITH runs AS (
  SELECT
    workspace_id,
    workspace_name,
    workspace_label,
    workflow_id,
    workflow_name,
    status_group,
    duration_seconds,
    records_processed,
    date_from_unix_date(cast(floor(unix_seconds(from_utc_timestamp(run_at, {{ captaindata.report_timezone() }})) / 86400) as int)) AS day
  FROM {{ ref('captaindata__jobs') }} AS jobs
  WHERE
    NOT is_sub_job AND NOT run_at IS NULL
), days_seen AS (
  SELECT
    workspace_id,
    day
  FROM runs
  UNION ALL
  SELECT
    workspace_uid AS workspace_id,
    date_from_unix_date(cast(floor(unix_seconds(from_utc_timestamp(finished_at, {{ captaindata.report_timezone() }})) / 86400) as int)) AS day
  FROM {{ ref('stg_captaindata__sync_runs') }} AS sync_runs
  WHERE
    NOT outcome IN ('failed', 'quota') AND (not coalesce(is_resync, false))
), last_days AS (
  SELECT
    workspace_id,
    MAX(day) AS last_day
  FROM days_seen
  GROUP BY
    workspace_id
), workflows AS (
  SELECT
    workspace_id,
    MAX(workspace_name) AS workspace_name,
    MAX(workspace_label) AS workspace_label,
    workflow_id,
    MAX(workflow_name) AS workflow_name,
    MIN(day) AS first_day
  FROM runs
  GROUP BY
    workspace_id,
    workflow_id
), spans AS (
  SELECT
    workflows.workspace_id,
    workflows.workspace_name,
    workflows.workspace_label,
    workflows.workflow_id,
    workflows.workflow_name,
    workflows.first_day,
    datediff(last_days.last_day, workflows.first_day) AS days
  FROM workflows
  INNER JOIN last_days
    ON workflows.workspace_id = last_days.workspace_id
), runs_and_days AS (
  SELECT
    day,
    workspace_id,
    workspace_name,
    workspace_label,
    workflow_id,
    workflow_name,
    status_group,
    duration_seconds,
    records_processed
  FROM runs
  UNION ALL
  SELECT
    date_add(spans.first_day, CAST(g.i AS INT)) AS day,
    spans.workspace_id,
    spans.workspace_name,
    spans.workspace_label,
    spans.workflow_id,
    spans.workflow_name,
    NULL AS status_group,
    NULL AS duration_seconds,
    NULL AS records_processed
  FROM spans
  CROSS JOIN LATERAL explode(case when spans.days >= 0 then sequence(0, spans.days) else array() end) AS g(i)
), counted AS (
  SELECT
    day,
    workspace_id,
    MAX(workspace_name) AS workspace_name,
    MAX(workspace_label) AS workspace_label,
    workflow_id,
    MAX(workflow_name) AS workflow_name,
    COUNT(status_group) AS runs,
    COUNT(CASE WHEN status_group = 'succeeded' THEN 1 END) AS succeeded_runs,
    COUNT(CASE WHEN status_group = 'failed' THEN 1 END) AS failed_runs,
    COUNT(CASE WHEN status_group = 'stopped' THEN 1 END) AS stopped_runs,
    COUNT(CASE WHEN status_group = 'in_progress' THEN 1 END) AS in_progress_runs,
    COUNT(CASE WHEN status_group = 'unknown' THEN 1 END) AS unknown_runs,
    percentile(CASE WHEN status_group IN ('succeeded', 'failed') THEN duration_seconds END, 0.5) AS duration_p50_seconds,
    percentile(CASE WHEN status_group IN ('succeeded', 'failed') THEN duration_seconds END, 0.95) AS duration_p95_seconds,
    CAST(COALESCE(SUM(CASE WHEN status_group = 'succeeded' THEN records_processed END), 0) AS BIGINT) AS records_processed
  FROM runs_and_days
  GROUP BY
    day,
    workspace_id,
    workflow_id
)
SELECT
  day,
  workspace_id,
  workspace_name,
  workflow_id,
  workflow_name,
  runs,
  succeeded_runs,
  failed_runs,
  stopped_runs,
  in_progress_runs,
  unknown_runs,
  CAST(succeeded_runs AS DOUBLE) / NULLIF(succeeded_runs + failed_runs, 0) AS success_rate,
  duration_p50_seconds,
  duration_p95_seconds,
  records_processed,
  workspace_label
FROM counted
{% endmacro %}
