{#- Written by python -m tests.support.dbt_models from sql/views/jobs_with_results.sql -#}
{% macro jobs_with_results_on_spark() %}
WITH results AS (
  SELECT
    *
  FROM {{ ref('captaindata__job_results') }} AS job_results
), jobs AS (
  SELECT
    *
  FROM {{ ref('captaindata__jobs') }} AS jobs
), joined AS (
  SELECT
    results.workspace_id,
    jobs.workspace_name,
    jobs.workspace_label,
    results.workflow_id,
    jobs.workflow_name,
    results.job_id,
    jobs.name AS job_name,
    jobs.main_job_id,
    COALESCE(jobs.is_sub_job, FALSE) AS is_sub_job,
    jobs.status AS job_status,
    jobs.status_group,
    jobs.started_at,
    jobs.finished_at,
    jobs.records_processed,
    results.result_id,
    results.position,
    results.data,
    results.created_at,
    jobs.is_partial,
    results.is_repeated
  FROM results
  LEFT JOIN jobs
    ON results.workspace_id = jobs.workspace_id AND results.job_id = jobs.job_id
)
SELECT
  workspace_id,
  workspace_name,
  workflow_id,
  workflow_name,
  job_id,
  job_name,
  main_job_id,
  is_sub_job,
  job_status,
  status_group,
  started_at,
  finished_at,
  records_processed,
  result_id,
  position,
  data,
  created_at,
  is_partial,
  is_repeated,
  workspace_label
FROM joined
{% endmacro %}
