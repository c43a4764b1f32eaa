{#- Written by python -m tests.support.dbt_models from sql/views/credits_by_action.sql -#}
{% macro credits_by_action_on_spark() %}
WITH source AS (
  SELECT
    *,
    date_from_unix_date(cast(floor(unix_seconds(from_utc_timestamp(read_at, 'UTC')) / 86400) as int)) AS day
  FROM {{ ref('stg_captaindata__credit_consumption') }} AS credit_consumption
  WHERE
    NOT read_at IS NULL
), compared AS (
  SELECT
    *,
    MIN(day) OVER (PARTITION BY workspace_uid) AS first_day,
    ROW_NUMBER() OVER (
      PARTITION BY workspace_uid, action_slug, current_month_start
      ORDER BY read_at NULLS LAST, uid NULLS LAST
    ) AS place_in_month,
    lag(credits_used) OVER (
      PARTITION BY workspace_uid, action_slug, current_month_start
      ORDER BY read_at NULLS LAST, uid NULLS LAST
    ) AS credits_before,
    lag(runs_count) OVER (
      PARTITION BY workspace_uid, action_slug, current_month_start
      ORDER BY read_at NULLS LAST, uid NULLS LAST
    ) AS runs_before,
    ROW_NUMBER() OVER (
      PARTITION BY workspace_uid, action_slug, day
      ORDER BY read_at DESC, current_month_start DESC, uid DESC
    ) AS newest_of_day_first
  FROM source
), readings AS (
  SELECT
    *,
    CASE
      WHEN place_in_month > 1
      THEN credits_used - credits_before
      WHEN day > first_day
      THEN credits_used
    END AS credits,
    CASE
      WHEN place_in_month > 1
      THEN runs_count - runs_before
      WHEN day > first_day
      THEN runs_count
    END AS runs
  FROM compared
), days AS (
  SELECT
    day,
    workspace_uid,
    action_slug,
    SUM(credits) AS credits_used,
    CAST(SUM(runs) AS BIGINT) AS runs,
    MAX(CASE WHEN newest_of_day_first = 1 THEN credits_used END) AS credits_used_in_month,
    MAX(CASE WHEN newest_of_day_first = 1 THEN runs_count END) AS runs_in_month,
    MAX(
      CASE
        WHEN newest_of_day_first = 1
        AND current_month_start BETWEEN timestamp '2016-01-01 00:00:00+00:00' AND timestamp '2099-12-31 23:59:59+00:00'
        THEN current_month_start
      END
    ) AS month_started_at,
    MAX(
      CASE
        WHEN newest_of_day_first = 1
        AND current_month_end BETWEEN timestamp '2016-01-01 00:00:00+00:00' AND timestamp '2099-12-31 23:59:59+00:00'
        THEN current_month_end
      END
    ) AS month_ends_at
  FROM readings
  GROUP BY
    day,
    workspace_uid,
    action_slug
), joined AS (
  SELECT
    days.*,
    days.workspace_uid AS workspace_id,
    COALESCE(workspaces.name, workspaces.configured_name) AS workspace_name,
    COALESCE(workspaces.configured_name, days.workspace_uid) AS workspace_label,
    days.action_slug AS action
  FROM days
  LEFT JOIN {{ ref('stg_captaindata__workspaces') }} AS workspaces
    ON days.workspace_uid = workspaces.workspace_uid
)
SELECT
  day,
  workspace_id,
  workspace_name,
  action,
  credits_used,
  runs,
  credits_used_in_month,
  runs_in_month,
  month_started_at,
  month_ends_at,
  workspace_label
FROM joined
{% endmacro %}
