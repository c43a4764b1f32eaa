{#- Written by python -m tests.support.dbt_models from sql/views/integration_health.sql -#}
{% macro integration_health_on_spark() %}
WITH integrations AS (
  SELECT
    *
  FROM {{ ref('stg_captaindata__integrations') }} AS integrations
  WHERE
    NOT COALESCE(is_deleted, FALSE)
), joined AS (
  SELECT
    integrations.workspace_uid AS workspace_id,
    COALESCE(workspaces.name, workspaces.configured_name) AS workspace_name,
    COALESCE(workspaces.configured_name, integrations.workspace_uid) AS workspace_label,
    integrations.identity_uid AS identity_id,
    identities.name AS identity_name,
    integrations.integration_permalink AS integration,
    integrations.name AS integration_name,
    integrations.status,
    CASE trim(both '_' from regexp_replace(LOWER(integrations.status), '[\\s_-]+', '_'))
      WHEN 'invalid'
      THEN 'log in again'
      WHEN 'pending'
      THEN 'finish connecting'
      WHEN 'limit_reached'
      THEN 'wait for the limit or spread the load'
      ELSE 'look at it'
    END AS needs,
    integrations.is_shared,
    integrations.error,
    CASE
      WHEN integrations.updated_at BETWEEN timestamp '2016-01-01 00:00:00+00:00' AND timestamp '2099-12-31 23:59:59+00:00'
      THEN integrations.updated_at
    END AS changed_at,
    integrations.loaded_at
  FROM integrations
  LEFT JOIN {{ ref('stg_captaindata__identities') }} AS identities
    ON integrations.workspace_uid = identities.workspace_uid
    AND integrations.identity_uid = identities.uid
  LEFT JOIN {{ ref('stg_captaindata__workspaces') }} AS workspaces
    ON integrations.workspace_uid = workspaces.workspace_uid
  WHERE
    COALESCE(
      trim(both '_' from regexp_replace(LOWER(integrations.status), '[\\s_-]+', '_')),
      ''
    ) <> 'valid'
    AND NOT COALESCE(identities.is_deleted, FALSE)
)
SELECT
  workspace_id,
  workspace_name,
  identity_id,
  identity_name,
  integration,
  integration_name,
  status,
  needs,
  is_shared,
  error,
  changed_at,
  loaded_at,
  workspace_label
FROM joined
{% endmacro %}
