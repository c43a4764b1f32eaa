{#- Written by python -m tests.support.dbt_models from sql/views/workflow_performance.sql -#}
{% macro workflow_performance_on_spark() %}
WITH workflows AS (
  SELECT
    *
  FROM {{ ref('captaindata__workflows') }} AS workflows
), jobs AS (
  SELECT
    *,
    COUNT(CASE WHEN status_group = 'succeeded' AND NOT is_sub_job THEN 1 END) OVER (
      PARTITION BY workspace_id, workflow_id
      ORDER BY run_at DESC, job_id DESC
      rows BETWEEN UNBOUNDED preceding AND CURRENT ROW
    ) AS successes_since /* number of successes from the newest run down to this one */
  FROM {{ ref('captaindata__jobs') }} AS jobs
), performance AS (
  SELECT
    workspace_id,
    workflow_id,
    MAX(workspace_name) AS workspace_name,
    MAX(workspace_label) AS workspace_label,
    MAX(workflow_name) AS workflow_name,
    COUNT(CASE WHEN NOT is_sub_job THEN 1 END) AS runs,
    COUNT(CASE WHEN NOT is_sub_job AND status_group = 'succeeded' THEN 1 END) AS succeeded_runs,
    COUNT(CASE WHEN NOT is_sub_job AND status_group = 'failed' THEN 1 END) AS failed_runs,
    COUNT(CASE WHEN NOT is_sub_job AND status_group = 'stopped' THEN 1 END) AS stopped_runs,
    COUNT(CASE WHEN NOT is_sub_job AND status_group = 'in_progress' THEN 1 END) AS in_progress_runs,
    COUNT(CASE WHEN NOT is_sub_job AND status_group = 'unknown' THEN 1 END) AS unknown_runs,
    COUNT(CASE WHEN is_sub_job THEN 1 END) AS retries,
    percentile(CASE
      WHEN NOT is_sub_job AND status_group IN ('succeeded', 'failed')
      THEN duration_seconds
    END, 0.5) AS duration_p50_seconds,
    percentile(CASE
      WHEN NOT is_sub_job AND status_group IN ('succeeded', 'failed')
      THEN duration_seconds
    END, 0.95) AS duration_p95_seconds,
    CAST(SUM(
      CASE WHEN NOT is_sub_job AND status_group = 'succeeded' THEN records_processed END
    ) AS BIGINT) AS records_processed,
    MAX(CASE WHEN NOT is_sub_job THEN run_at END) AS last_run_at,
    MAX(
      CASE
        WHEN NOT is_sub_job AND status_group = 'succeeded'
        THEN COALESCE(finished_at, run_at)
      END
    ) AS last_success_at,
    COUNT(
      CASE
        WHEN NOT is_sub_job AND status_group = 'failed' AND successes_since = 0
        THEN 1
      END
    ) AS failures_in_a_row
  FROM jobs
  GROUP BY
    workspace_id,
    workflow_id
), joined AS (
  SELECT
    COALESCE(workflows.workspace_id, performance.workspace_id) AS workspace_id,
    COALESCE(workflows.workspace_name, performance.workspace_name) AS workspace_name,
    COALESCE(workflows.workspace_label, performance.workspace_label) AS workspace_label,
    COALESCE(workflows.workflow_id, performance.workflow_id) AS workflow_id,
    COALESCE(workflows.name, performance.workflow_name) AS workflow_name,
    workflows.status AS workflow_status,
    COALESCE(performance.runs, 0) AS runs,
    COALESCE(performance.succeeded_runs, 0) AS succeeded_runs,
    COALESCE(performance.failed_runs, 0) AS failed_runs,
    COALESCE(performance.stopped_runs, 0) AS stopped_runs,
    COALESCE(performance.in_progress_runs, 0) AS in_progress_runs,
    COALESCE(performance.unknown_runs, 0) AS unknown_runs,
    COALESCE(performance.retries, 0) AS retries,
    CAST(performance.succeeded_runs AS DOUBLE) / NULLIF(performance.succeeded_runs + performance.failed_runs, 0) AS success_rate,
    performance.duration_p50_seconds,
    performance.duration_p95_seconds,
    COALESCE(performance.records_processed, 0) AS records_processed,
    performance.last_run_at,
    performance.last_success_at,
    COALESCE(performance.failures_in_a_row, 0) AS failures_in_a_row
  FROM workflows
  FULL OUTER JOIN performance
    ON workflows.workspace_id = performance.workspace_id
    AND workflows.workflow_id = performance.workflow_id
)
SELECT
  workspace_id,
  workspace_name,
  workflow_id,
  workflow_name,
  workflow_status,
  runs,
  succeeded_runs,
  failed_runs,
  stopped_runs,
  in_progress_runs,
  unknown_runs,
  retries,
  success_rate,
  duration_p50_seconds,
  duration_p95_seconds,
  records_processed,
  last_run_at,
  last_success_at,
  failures_in_a_row,
  workspace_label
FROM joined
{% endmacro %}
