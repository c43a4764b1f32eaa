{#- Written by python -m tests.support.dbt_models from sql/views/workspaces.sql -#}
{% macro workspaces_on_spark() %}
WITH source AS (
  SELECT
    *
  FROM {{ ref('stg_captaindata__workspaces') }} AS workspaces
), oldest_workflows AS (
  SELECT
    workspace_uid,
    MIN(created_at) AS created_at
  FROM {{ ref('stg_captaindata__workflows') }} AS workflows
  WHERE
    created_at BETWEEN timestamp '2016-01-01 00:00:00+00:00' AND timestamp '2099-12-31 23:59:59+00:00'
  GROUP BY
    workspace_uid
), renamed AS (
  SELECT
    source.workspace_uid AS workspace_id,
    COALESCE(source.name, source.configured_name) AS name,
    source.configured_name,
    oldest_workflows.created_at,
    source.members AS members,
    CAST(CASE
      WHEN LEFT(LTRIM(source.members), 1) = '['
      THEN json_array_length(source.members)
      ELSE 0
    END AS BIGINT) AS members_count,
    source.email,
    source.plan_name,
    source.tasks_max,
    source.tasks_used,
    source.tasks_left,
    CASE
      WHEN source.current_month_start BETWEEN timestamp '2016-01-01 00:00:00+00:00' AND timestamp '2099-12-31 23:59:59+00:00'
      THEN source.current_month_start
    END AS quota_month_started_at,
    CASE
      WHEN source.current_month_end BETWEEN timestamp '2016-01-01 00:00:00+00:00' AND timestamp '2099-12-31 23:59:59+00:00'
      THEN source.current_month_end
    END AS quota_month_ends_at,
    source.credits_max,
    source.credits_used,
    source.credits_left,
    source.identities_included,
    source.identities_synced,
    source.identities_remaining
  FROM source
  LEFT JOIN oldest_workflows
    ON source.workspace_uid = oldest_workflows.workspace_uid
)
SELECT
  workspace_id,
  name,
  configured_name,
  created_at,
  members,
  members_count,
  email,
  plan_name,
  tasks_max,
  tasks_used,
  tasks_left,
  quota_month_started_at,
  quota_month_ends_at,
  credits_max,
  credits_used,
  credits_left,
  identities_included,
  identities_synced,
  identities_remaining,
  name AS workspace_name,
  COALESCE(configured_name, workspace_id) AS workspace_label
FROM renamed
{% endmacro %}
