{#- Written by python -m tests.support.dbt_models from sql/views/results_reconciliation.sql -#}
{% macro results_reconciliation_on_spark() %}
WITH jobs AS (
  SELECT
    *
  FROM {{ ref('captaindata__jobs') }} AS jobs
), results AS (
  SELECT
    workspace_id,
    job_id,
    MIN(workflow_id) AS workflow_id,
    COUNT(*) AS results_loaded
  FROM {{ ref('captaindata__job_results') }} AS job_results
  GROUP BY
    workspace_id,
    job_id
), joined AS (
  SELECT
    COALESCE(jobs.workspace_id, results.workspace_id) AS workspace_id,
    jobs.workspace_name,
    jobs.workspace_label,
    COALESCE(jobs.workflow_id, results.workflow_id) AS workflow_id,
    jobs.workflow_name,
    COALESCE(jobs.job_id, results.job_id) AS job_id,
    jobs.name AS job_name,
    COALESCE(jobs.is_sub_job, FALSE) AS is_sub_job,
    jobs.status_group,
    jobs.finished_at,
    CASE WHEN LEFT(jobs.job_id, 5) <> 'flow:' THEN jobs.records_processed END AS records_processed, /* of a flow run they are those of its runs, and no number of its own results */
    jobs.has_results,
    COALESCE(results.results_loaded, 0) AS results_loaded
  FROM jobs
  FULL OUTER JOIN results
    ON jobs.workspace_id = results.workspace_id AND jobs.job_id = results.job_id
), compared AS (
  SELECT
    *,
    CASE
      WHEN NOT has_results
      THEN 'not_loaded'
      WHEN status_group <> 'succeeded' AND results_loaded = 0
      THEN 'not_loaded'
      WHEN records_processed IS NULL
      THEN 'unknown'
      WHEN results_loaded < records_processed
      THEN 'missing'
      WHEN results_loaded > records_processed
      THEN 'surplus'
      ELSE 'equal'
    END AS state
  FROM joined
)
SELECT
  workspace_id,
  workspace_name,
  workflow_id,
  workflow_name,
  job_id,
  job_name,
  is_sub_job,
  status_group,
  finished_at,
  records_processed,
  results_loaded,
  CASE WHEN state <> 'not_loaded' THEN results_loaded - records_processed END AS difference,
  state,
  workspace_label
FROM compared
{% endmacro %}
