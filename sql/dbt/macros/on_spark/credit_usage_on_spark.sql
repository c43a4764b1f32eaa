{#- Written by python -m tests.support.dbt_models from sql/views/credit_usage.sql -#}
{% macro credit_usage_on_spark() %}
WITH source AS (
  SELECT
    *,
    date_from_unix_date(cast(floor(unix_seconds(from_utc_timestamp(read_at, 'UTC')) / 86400) as int)) AS day
  FROM {{ ref('stg_captaindata__quota_readings') }} AS quota_readings
  WHERE
    NOT read_at IS NULL
), compared AS (
  SELECT
    *,
    MIN(read_at) OVER (PARTITION BY workspace_uid, unit) AS first_read_at,
    ROW_NUMBER() OVER (
      PARTITION BY workspace_uid, unit, current_month_start
      ORDER BY read_at NULLS LAST, uid NULLS LAST
    ) AS place_in_month,
    lag(quota_used) OVER (
      PARTITION BY workspace_uid, unit, current_month_start
      ORDER BY read_at NULLS LAST, uid NULLS LAST
    ) AS used_before,
    ROW_NUMBER() OVER (
      PARTITION BY workspace_uid, unit, day
      ORDER BY read_at DESC, current_month_start DESC, uid DESC
    ) AS newest_of_day_first
  FROM source
), readings AS (
  SELECT
    *,
    CASE
      WHEN place_in_month > 1
      THEN quota_used - used_before
      WHEN current_month_start > first_read_at
      THEN quota_used
    END AS used
  FROM compared
), days AS (
  SELECT
    day,
    workspace_uid,
    unit,
    CAST(SUM(used) AS BIGINT) AS used,
    datediff(day, lag(day) OVER (PARTITION BY workspace_uid, unit ORDER BY day NULLS LAST)) AS days_covered,
    MAX(CASE WHEN newest_of_day_first = 1 THEN quota_used END) AS used_in_month,
    MAX(CASE WHEN newest_of_day_first = 1 THEN quota_max END) AS quota_max,
    MAX(CASE WHEN newest_of_day_first = 1 THEN quota_left END) AS quota_left,
    MAX(
      CASE
        WHEN newest_of_day_first = 1
        AND current_month_start BETWEEN timestamp '2016-01-01 00:00:00+00:00' AND timestamp '2099-12-31 23:59:59+00:00'
        THEN current_month_start
      END
    ) AS quota_month_started_at,
    MAX(
      CASE
        WHEN newest_of_day_first = 1
        AND current_month_end BETWEEN timestamp '2016-01-01 00:00:00+00:00' AND timestamp '2099-12-31 23:59:59+00:00'
        THEN current_month_end
      END
    ) AS quota_month_ends_at,
    MAX(CASE WHEN newest_of_day_first = 1 THEN plan_name END) AS plan_name
  FROM readings
  GROUP BY
    day,
    workspace_uid,
    unit
), joined AS (
  SELECT
    days.*,
    days.workspace_uid AS workspace_id,
    COALESCE(workspaces.name, workspaces.configured_name) AS workspace_name,
    COALESCE(workspaces.configured_name, days.workspace_uid) AS workspace_label
  FROM days
  LEFT JOIN {{ ref('stg_captaindata__workspaces') }} AS workspaces
    ON days.workspace_uid = workspaces.workspace_uid
)
SELECT
  day,
  workspace_id,
  workspace_name,
  unit,
  used,
  days_covered,
  used_in_month,
  quota_max,
  quota_left,
  quota_month_started_at,
  quota_month_ends_at,
  plan_name,
  workspace_label
FROM joined
{% endmacro %}
