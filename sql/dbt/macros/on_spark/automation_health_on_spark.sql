{#- Written by python -m tests.support.dbt_models from sql/views/automation_health.sql -#}
{% macro automation_health_on_spark() %}
WITH workspaces AS (
  SELECT
    *
  FROM {{ ref('captaindata__workspaces') }} AS workspaces
), workflows AS (
  SELECT
    workspace_id,
    COUNT(CASE WHEN workflow_status = 'active' THEN 1 END) AS active_workflows,
    COUNT(CASE WHEN workflow_status = 'paused' THEN 1 END) AS paused_workflows,
    COUNT(CASE WHEN workflow_status = 'archived' THEN 1 END) AS archived_workflows,
    CAST(SUM(runs) AS BIGINT) AS runs,
    CAST(SUM(succeeded_runs) AS BIGINT) AS succeeded_runs,
    CAST(SUM(failed_runs) AS BIGINT) AS failed_runs,
    CAST(SUM(in_progress_runs) AS BIGINT) AS in_progress_runs,
    CAST(SUM(records_processed) AS BIGINT) AS records_processed,
    MAX(last_run_at) AS last_run_at,
    MAX(last_success_at) AS last_success_at
  FROM {{ ref('captaindata__workflow_performance') }} AS workflow_performance
  GROUP BY
    workspace_id
), failing AS (
  SELECT
    workspace_id,
    COUNT(*) AS failing_workflows
  FROM {{ ref('captaindata__failing_workflows') }} AS failing_workflows
  GROUP BY
    workspace_id
), stuck AS (
  SELECT
    workspace_id,
    COUNT(*) AS stuck_runs
  FROM {{ ref('captaindata__stuck_runs') }} AS stuck_runs
  GROUP BY
    workspace_id
), recent AS (
  SELECT
    jobs.workspace_id,
    CAST(COUNT(CASE WHEN jobs.status_group = 'succeeded' THEN 1 END) AS DOUBLE) / NULLIF(COUNT(CASE WHEN jobs.status_group IN ('succeeded', 'failed') THEN 1 END), 0) AS success_rate
  FROM {{ ref('captaindata__jobs') }} AS jobs
  INNER JOIN workflows
    ON jobs.workspace_id = workflows.workspace_id
  WHERE
    NOT jobs.is_sub_job
    AND jobs.run_at > timestamp_micros(unix_micros(workflows.last_run_at) + -720 * 3600000000)
  GROUP BY
    jobs.workspace_id
), syncs AS (
  SELECT
    workspace_uid AS workspace_id,
    MAX(workspace_name) AS workspace_name,
    MAX(
      CASE
        WHEN NOT outcome IN ('failed', 'quota') AND (not coalesce(is_resync, false))
        THEN finished_at
      END
    ) AS last_sync_at
  FROM {{ ref('stg_captaindata__sync_runs') }} AS sync_runs
  GROUP BY
    workspace_uid
), known AS (
  SELECT
    workspace_id
  FROM workspaces
  UNION
  SELECT
    workspace_id
  FROM workflows
  UNION
  SELECT
    workspace_id
  FROM syncs
), joined AS (
  SELECT
    known.workspace_id,
    COALESCE(workspaces.name, syncs.workspace_name) AS workspace_name,
    COALESCE(workspaces.workspace_label, known.workspace_id) AS workspace_label,
    COALESCE(workflows.active_workflows, 0) AS active_workflows,
    COALESCE(workflows.paused_workflows, 0) AS paused_workflows,
    COALESCE(workflows.archived_workflows, 0) AS archived_workflows,
    COALESCE(failing.failing_workflows, 0) AS failing_workflows,
    COALESCE(workflows.runs, 0) AS runs,
    COALESCE(workflows.succeeded_runs, 0) AS succeeded_runs,
    COALESCE(workflows.failed_runs, 0) AS failed_runs,
    COALESCE(workflows.in_progress_runs, 0) AS in_progress_runs,
    CAST(workflows.succeeded_runs AS DOUBLE) / NULLIF(workflows.succeeded_runs + workflows.failed_runs, 0) AS success_rate,
    recent.success_rate AS success_rate_30_days,
    COALESCE(workflows.records_processed, 0) AS records_processed,
    workflows.last_run_at,
    workflows.last_success_at,
    workspaces.tasks_left,
    syncs.last_sync_at,
    workspaces.credits_left,
    COALESCE(stuck.stuck_runs, 0) AS stuck_runs
  FROM known
  LEFT JOIN workspaces
    ON known.workspace_id = workspaces.workspace_id
  LEFT JOIN workflows
    ON known.workspace_id = workflows.workspace_id
  LEFT JOIN failing
    ON known.workspace_id = failing.workspace_id
  LEFT JOIN stuck
    ON known.workspace_id = stuck.workspace_id
  LEFT JOIN recent
    ON known.workspace_id = recent.workspace_id
  LEFT JOIN syncs
    ON known.workspace_id = syncs.workspace_id
)
SELECT
  workspace_id,
  workspace_name,
  active_workflows,
  paused_workflows,
  archived_workflows,
  failing_workflows,
  runs,
  succeeded_runs,
  failed_runs,
  in_progress_runs,
  success_rate,
  success_rate_30_days,
  records_processed,
  last_run_at,
  last_success_at,
  tasks_left,
  last_sync_at,
  credits_left,
  stuck_runs,
  workspace_label
FROM joined
{% endmacro %}
