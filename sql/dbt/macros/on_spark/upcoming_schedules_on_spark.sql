{#- Written by python -m tests.support.dbt_models from sql/views/upcoming_schedules.sql -#}
{% macro upcoming_schedules_on_spark() %}
WITH schedules AS (
  SELECT
    *,
    greatest(next_execution_at, postponed_until) AS next_at
  FROM {{ ref('stg_captaindata__schedules') }} AS schedules
  WHERE
    NOT COALESCE(is_deleted, FALSE)
    AND trim(both '_' from regexp_replace(LOWER(status), '[\\s_-]+', '_')) = 'active'
), joined AS (
  SELECT
    schedules.workspace_uid AS workspace_id,
    COALESCE(workspaces.name, workspaces.configured_name) AS workspace_name,
    COALESCE(workspaces.configured_name, schedules.workspace_uid) AS workspace_label,
    schedules.kind,
    schedules.uid AS schedule_id,
    schedules.name,
    CASE schedules.kind
      WHEN 'flow'
      THEN COALESCE(schedules.flow_preset_name, schedules.flow_preset_uid)
      ELSE COALESCE(schedules.action_name, schedules.action_id)
    END AS runs,
    schedules.cron,
    schedules.timezone,
    CASE
      WHEN schedules.next_at BETWEEN timestamp '2016-01-01 00:00:00+00:00' AND timestamp '2099-12-31 23:59:59+00:00'
      THEN schedules.next_at
    END AS next_run_at,
    CASE
      WHEN schedules.last_executed_at BETWEEN timestamp '2016-01-01 00:00:00+00:00' AND timestamp '2099-12-31 23:59:59+00:00'
      THEN schedules.last_executed_at
    END AS last_run_at,
    schedules.loaded_at
  FROM schedules
  LEFT JOIN {{ ref('stg_captaindata__workspaces') }} AS workspaces
    ON schedules.workspace_uid = workspaces.workspace_uid
)
SELECT
  workspace_id,
  workspace_name,
  kind,
  schedule_id,
  name,
  runs,
  cron,
  timezone,
  next_run_at,
  last_run_at,
  loaded_at,
  workspace_label
FROM joined
{% endmacro %}
