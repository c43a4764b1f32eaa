{#- Written by python -m tests.support.dbt_models from sql/views/all_successful_jobs.sql -#}
{% macro all_successful_jobs_on_spark() %}
WITH jobs AS (
  SELECT
    *
  FROM {{ ref('captaindata__successful_jobs') }} AS successful_jobs
), joined AS (
  SELECT
    jobs.workspace_id,
    jobs.workspace_name,
    jobs.workspace_label,
    workspaces.configured_name,
    jobs.workflow_id,
    jobs.workflow_name,
    workflows.status AS workflow_status,
    jobs.job_id,
    jobs.name AS job_name,
    jobs.main_job_id,
    jobs.is_sub_job,
    jobs.started_at,
    jobs.finished_at,
    jobs.duration_seconds,
    jobs.records_processed,
    jobs.is_partial
  FROM jobs
  LEFT JOIN {{ ref('captaindata__workspaces') }} AS workspaces
    ON jobs.workspace_id = workspaces.workspace_id
  LEFT JOIN {{ ref('captaindata__workflows') }} AS workflows
    ON jobs.workspace_id = workflows.workspace_id
    AND jobs.workflow_id = workflows.workflow_id
)
SELECT
  workspace_id,
  workspace_name,
  configured_name,
  workflow_id,
  workflow_name,
  workflow_status,
  job_id,
  job_name,
  main_job_id,
  is_sub_job,
  started_at,
  finished_at,
  duration_seconds,
  records_processed,
  is_partial,
  workspace_label
FROM joined
{% endmacro %}
