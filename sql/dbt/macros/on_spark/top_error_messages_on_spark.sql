{#- Written by python -m tests.support.dbt_models from sql/views/top_error_messages.sql -#}
{% macro top_error_messages_on_spark() %}
WITH runs AS (
  SELECT
    workspace_id,
    workspace_name,
    workspace_label,
    workflow_id,
    job_id,
    error_message,
    COALESCE(finished_at, run_at) AS seen_at
  FROM {{ ref('captaindata__jobs') }} AS jobs
  WHERE
    NOT is_sub_job AND status_group <> 'succeeded' AND TRIM(error_message) <> ''
), ordered AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY workspace_id, error_message ORDER BY seen_at DESC, job_id DESC) AS newest_first
  FROM runs
), counted AS (
  SELECT
    workspace_id,
    MAX(workspace_name) AS workspace_name,
    MAX(workspace_label) AS workspace_label,
    error_message,
    COUNT(*) AS runs,
    COUNT(DISTINCT workflow_id) AS workflows,
    MIN(seen_at) AS first_seen_at,
    MAX(seen_at) AS last_seen_at,
    MAX(CASE WHEN newest_first = 1 THEN job_id END) AS last_job_id
  FROM ordered
  GROUP BY
    workspace_id,
    error_message
)
SELECT
  workspace_id,
  workspace_name,
  ROW_NUMBER() OVER (
    PARTITION BY workspace_id
    ORDER BY runs DESC, last_seen_at DESC, error_message NULLS LAST
  ) AS message_rank,
  error_message,
  runs,
  workflows,
  first_seen_at,
  last_seen_at,
  last_job_id,
  workspace_label
FROM counted
{% endmacro %}
