{#- Written by python -m tests.support.dbt_models from sql/views/event_lag.sql -#}
{% macro event_lag_on_spark() %}
WITH source AS (
  SELECT
    events.workspace_uid,
    events.kind,
    events.copies,
    events.action,
    events.received_at,
    date_from_unix_date(cast(floor(unix_seconds(from_utc_timestamp(events.received_at, 'UTC')) / 86400) as int)) AS day,
    CASE
      WHEN events.action <> 'waiting'
      THEN ((unix_micros(COALESCE(loads.inserted_at, events.loaded_at)) - unix_micros(events.received_at)) / 1000000)
    END AS seconds
  FROM {{ ref('stg_captaindata__webhook_events') }} AS events
  LEFT JOIN {{ ref('stg_captaindata__dlt_loads') }} AS loads
    ON events._dlt_load_id = loads.load_id
), counted AS (
  SELECT
    workspace_uid,
    day,
    kind,
    COUNT(*) AS events,
    SUM(copies) AS copies,
    COUNT(CASE WHEN action IN ('results_loaded', 'job_loaded') THEN 1 END) AS loaded,
    COUNT(CASE WHEN action = 'waiting' THEN 1 END) AS waiting,
    COUNT(CASE WHEN action = 'left_to_schedule' THEN 1 END) AS left_to_schedule,
    percentile(seconds, 0.5) AS median_seconds,
    percentile(seconds, 0.95) AS p95_seconds,
    MAX(seconds) AS longest_seconds,
    MAX(received_at) AS last_event_at
  FROM source
  GROUP BY
    workspace_uid,
    day,
    kind
)
SELECT
  counted.workspace_uid AS workspace_id,
  COALESCE(workspaces.name, workspaces.configured_name) AS workspace_name,
  counted.day,
  counted.kind,
  counted.events,
  CAST(counted.copies AS BIGINT) AS copies,
  counted.loaded,
  counted.waiting,
  counted.left_to_schedule,
  cast(cast(counted.median_seconds as decimal(18, 3)) as double) AS median_seconds,
  cast(cast(counted.p95_seconds as decimal(18, 3)) as double) AS p95_seconds,
  cast(cast(counted.longest_seconds as decimal(18, 3)) as double) AS longest_seconds,
  counted.last_event_at,
  COALESCE(workspaces.configured_name, counted.workspace_uid) AS workspace_label
FROM counted
LEFT JOIN {{ ref('stg_captaindata__workspaces') }} AS workspaces
  ON counted.workspace_uid = workspaces.workspace_uid
{% endmacro %}
