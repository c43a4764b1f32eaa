{#- Written by python -m tests.support.dbt_models from sql/views/sync_freshness.sql -#}
{% macro sync_freshness_on_spark() %}
WITH source AS (
  SELECT
    workspace_uid,
    uid,
    workspace_name,
    finished_at,
    outcome,
    rows_by_table AS rows_by_table,
    ROW_NUMBER() OVER (
      PARTITION BY workspace_uid
      ORDER BY COALESCE(finished_at, started_at) DESC, uid DESC
    ) AS newest_first
  FROM {{ ref('stg_captaindata__sync_runs') }} AS sync_runs
  WHERE
    (not coalesce(is_resync, false))
), last_syncs AS (
  SELECT
    workspace_uid,
    workspace_name,
    outcome
  FROM source
  WHERE
    newest_first = 1
), tables AS (
  SELECT
    source.workspace_uid,
    source.newest_first,
    source.finished_at,
    source.outcome,
    e.key AS table_name,
    CAST(e.value AS BIGINT) AS rows_written
  FROM source
  CROSS JOIN LATERAL explode(from_json(source.rows_by_table, 'map<string,string>')) AS e(key, value)
), changes AS (
  SELECT
    *,
    ROW_NUMBER() OVER (
      PARTITION BY workspace_uid, table_name, (
        rows_written > 0
      )
      ORDER BY newest_first NULLS LAST
    ) AS newest_change_first
  FROM tables
), counted AS (
  SELECT
    workspace_uid,
    table_name,
    MAX(CASE WHEN NOT outcome IN ('failed', 'quota') THEN finished_at END) AS last_sync_at,
    MAX(CASE WHEN rows_written > 0 THEN finished_at END) AS last_change_at,
    MAX(CASE WHEN rows_written > 0 AND newest_change_first = 1 THEN rows_written END) AS rows_last_change,
    COUNT(*) AS syncs
  FROM changes
  GROUP BY
    workspace_uid,
    table_name
), told /* what events told of is in the tables of jobs and their results */ AS (
  SELECT
    workspace_uid,
    COUNT(*) AS events,
    MAX(loaded_at) AS last_event_at
  FROM {{ ref('stg_captaindata__webhook_events') }} AS webhook_events
  WHERE
    action IN ('results_loaded', 'job_loaded')
  GROUP BY
    workspace_uid
), joined AS (
  SELECT
    counted.workspace_uid AS workspace_id,
    COALESCE(workspaces.name, last_syncs.workspace_name) AS workspace_name,
    COALESCE(workspaces.configured_name, counted.workspace_uid) AS workspace_label,
    counted.table_name,
    counted.last_sync_at,
    counted.last_change_at,
    counted.rows_last_change,
    last_syncs.outcome AS last_outcome,
    counted.syncs,
    COALESCE(told.events, 0) AS events,
    told.last_event_at
  FROM counted
  INNER JOIN last_syncs
    ON counted.workspace_uid = last_syncs.workspace_uid
  LEFT JOIN told
    ON counted.workspace_uid = told.workspace_uid
    AND counted.table_name IN ('jobs', 'successful_jobs', 'job_results')
  LEFT JOIN {{ ref('stg_captaindata__workspaces') }} AS workspaces
    ON counted.workspace_uid = workspaces.workspace_uid
)
SELECT
  workspace_id,
  workspace_name,
  table_name,
  last_sync_at,
  last_change_at,
  rows_last_change,
  last_outcome,
  syncs,
  workspace_label,
  events,
  last_event_at
FROM joined
{% endmacro %}
