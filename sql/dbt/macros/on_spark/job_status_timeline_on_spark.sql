{#- Written by python -m tests.support.dbt_models from sql/views/job_status_timeline.sql -#}
{% macro job_status_timeline_on_spark() %}
WITH changes AS (
  SELECT
    workspace_uid AS workspace_id,
    job_uid AS job_id,
    old_value,
    seen_at,
    ROW_NUMBER() OVER (
      PARTITION BY workspace_uid, job_uid
      ORDER BY seen_at NULLS LAST, _dlt_load_id NULLS LAST
    ) AS position
  FROM {{ ref('stg_captaindata__job_changes') }} AS job_changes
  WHERE
    field = 'status'
    AND _dlt_load_id IN (
      SELECT
        load_id
      FROM {{ ref('stg_captaindata__dlt_loads') }} AS _dlt_loads
      WHERE
        status = 0
    )
), counted AS (
  SELECT
    workspace_id,
    job_id,
    COUNT(*) AS changes,
    MAX(seen_at) AS last_seen_at
  FROM changes
  GROUP BY
    workspace_id,
    job_id
), jobs AS (
  SELECT
    jobs.*,
    COALESCE(jobs.scheduled_at, jobs.started_at) AS begins_at,
    COALESCE(counted.changes, 0) AS changes,
    counted.last_seen_at
  FROM {{ ref('captaindata__jobs') }} AS jobs
  LEFT JOIN counted
    ON jobs.workspace_id = counted.workspace_id AND jobs.job_id = counted.job_id
), past AS (
  SELECT
    jobs.*,
    changes.position,
    changes.old_value AS status_then,
    lag(changes.seen_at) OVER (
      PARTITION BY changes.workspace_id, changes.job_id
      ORDER BY changes.position NULLS LAST
    ) AS seen_before,
    changes.seen_at AS valid_to
  FROM jobs
  INNER JOIN changes
    ON jobs.workspace_id = changes.workspace_id AND jobs.job_id = changes.job_id
), united AS (
  SELECT
    workspace_id,
    workspace_name,
    workspace_label,
    workflow_id,
    workflow_name,
    job_id,
    name AS job_name,
    position,
    status_then AS status,
    CASE WHEN position > 1 THEN seen_before WHEN begins_at < valid_to THEN begins_at END AS valid_from,
    valid_to,
    FALSE AS is_current
  FROM past
  UNION ALL
  SELECT
    workspace_id,
    workspace_name,
    workspace_label,
    workflow_id,
    workflow_name,
    job_id,
    name AS job_name,
    changes + 1 AS position,
    status,
    CASE WHEN changes > 0 THEN last_seen_at ELSE begins_at END AS valid_from,
    cast(null as timestamp) AS valid_to,
    TRUE AS is_current
  FROM jobs
)
SELECT
  workspace_id,
  workspace_name,
  workflow_id,
  workflow_name,
  job_id,
  job_name,
  position,
  status,
  valid_from,
  valid_to,
  is_current,
  CAST(((unix_micros(valid_to) - unix_micros(valid_from)) / 1000000) AS DOUBLE) / 3600 AS hours,
  workspace_label
FROM united
{% endmacro %}
