{#- Written by python -m tests.support.dbt_models from sql/views/records_by_workflow_month.sql -#}
{% macro records_by_workflow_month_on_spark() %}
WITH RECURSIVE jobs AS (
  SELECT
    workspace_id,
    workspace_name,
    workspace_label,
    workflow_id,
    workflow_name,
    job_id,
    main_job_id,
    is_sub_job,
    status_group,
    records_processed,
    trunc(date_from_unix_date(cast(floor(unix_seconds(from_utc_timestamp(COALESCE(finished_at, run_at), {{ captaindata.report_timezone() }})) / 86400) as int)), 'MM') AS month
  FROM {{ ref('captaindata__jobs') }} AS jobs
), mains /* the loaded jobs that a retry goes back to; at most ten, for jobs may name one another */ AS (
  SELECT
    subs.workspace_id,
    subs.job_id,
    jobs.job_id AS main_job_id,
    jobs.month,
    1 AS depth
  FROM jobs AS subs
  INNER JOIN jobs
    ON subs.workspace_id = jobs.workspace_id AND subs.main_job_id = jobs.job_id
  WHERE
    subs.is_sub_job
  UNION ALL
  SELECT
    mains.workspace_id,
    mains.job_id,
    jobs.job_id AS main_job_id,
    jobs.month,
    mains.depth + 1 AS depth
  FROM mains
  INNER JOIN jobs AS subs
    ON mains.workspace_id = subs.workspace_id AND mains.main_job_id = subs.job_id
  INNER JOIN jobs
    ON subs.workspace_id = jobs.workspace_id AND subs.main_job_id = jobs.job_id
  WHERE
    subs.is_sub_job AND mains.depth < 10
), ranked AS (
  SELECT
    workspace_id,
    job_id,
    month,
    ROW_NUMBER() OVER (PARTITION BY workspace_id, job_id ORDER BY depth DESC) AS place
  FROM mains
), results AS (
  SELECT
    workspace_id,
    workflow_id,
    job_id,
    COUNT(*) AS results_loaded,
    MIN(created_at) AS created_at
  FROM {{ ref('captaindata__job_results') }} AS job_results
  WHERE
    NOT is_repeated
  GROUP BY
    workspace_id,
    workflow_id,
    job_id
), parts AS (
  SELECT
    month,
    workspace_id,
    workflow_id,
    1 AS succeeded_runs,
    records_processed,
    0 AS results_loaded
  FROM jobs
  WHERE
    NOT is_sub_job AND status_group = 'succeeded'
  UNION ALL
  SELECT
    CASE
      WHEN NOT ranked.job_id IS NULL
      THEN ranked.month
      WHEN NOT jobs.job_id IS NULL
      THEN jobs.month
      ELSE trunc(date_from_unix_date(cast(floor(unix_seconds(from_utc_timestamp(results.created_at, {{ captaindata.report_timezone() }})) / 86400) as int)), 'MM')
    END AS month,
    results.workspace_id,
    results.workflow_id,
    0 AS succeeded_runs,
    0 AS records_processed,
    results.results_loaded
  FROM results
  LEFT JOIN jobs
    ON results.workspace_id = jobs.workspace_id AND results.job_id = jobs.job_id
  LEFT JOIN ranked
    ON results.workspace_id = ranked.workspace_id
    AND results.job_id = ranked.job_id
    AND ranked.place = 1
), counted AS (
  SELECT
    month,
    workspace_id,
    workflow_id,
    CAST(SUM(succeeded_runs) AS BIGINT) AS succeeded_runs,
    CAST(COALESCE(SUM(records_processed), 0) AS BIGINT) AS records_processed,
    CAST(SUM(results_loaded) AS BIGINT) AS results_loaded
  FROM parts
  GROUP BY
    month,
    workspace_id,
    workflow_id
), workspaces AS (
  SELECT
    workspace_id,
    MAX(workspace_name) AS workspace_name,
    MAX(workspace_label) AS workspace_label
  FROM jobs
  GROUP BY
    workspace_id
), workflows AS (
  SELECT
    workspace_id,
    workflow_id,
    MAX(workflow_name) AS workflow_name
  FROM jobs
  GROUP BY
    workspace_id,
    workflow_id
), joined AS (
  SELECT
    counted.month,
    counted.workspace_id,
    workspaces.workspace_name,
    workspaces.workspace_label,
    counted.workflow_id,
    workflows.workflow_name,
    counted.succeeded_runs,
    counted.records_processed,
    counted.results_loaded
  FROM counted
  LEFT JOIN workspaces
    ON counted.workspace_id = workspaces.workspace_id
  LEFT JOIN workflows
    ON counted.workspace_id = workflows.workspace_id
    AND counted.workflow_id = workflows.workflow_id
)
SELECT
  month,
  workspace_id,
  workspace_name,
  workflow_id,
  workflow_name,
  succeeded_runs,
  records_processed,
  results_loaded,
  workspace_label
FROM joined
{% endmacro %}
