{#- Written by python -m tests.support.dbt_models from sql/views/successful_jobs.sql -#}
{% macro successful_jobs_on_spark() %}
WITH jobs AS (
  SELECT
    *
  FROM {{ ref('captaindata__jobs') }} AS jobs
), successful AS (
  SELECT
    *
  FROM jobs
  WHERE
    status_group = 'succeeded'
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
  status,
  started_at,
  finished_at,
  duration_seconds,
  records_processed,
  is_partial,
  execution_mode,
  job_name,
  workspace_label
FROM successful
{% endmacro %}
