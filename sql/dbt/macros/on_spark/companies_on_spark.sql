{#- Written by python -m tests.support.dbt_models from sql/views/companies.sql -#}
{% macro companies_on_spark() %}
WITH source AS (
  SELECT
    *
  FROM {{ ref('stg_captaindata__company_rows') }} AS company_rows
  WHERE
    is_own
), workspaces AS (
  SELECT
    *
  FROM {{ ref('stg_captaindata__workspaces') }} AS workspaces
)
SELECT
  source.workspace_uid AS workspace_id,
  COALESCE(workspaces.name, workspaces.configured_name) AS workspace_name,
  source.uid AS company_id,
  source.linkedin_company_id,
  source.linkedin_company_url,
  source.domain,
  source.company_name,
  source.website,
  source.industry,
  source.employee_count,
  source.headquarters,
  source.first_seen_at,
  source.last_seen_at,
  source.times_seen,
  source.jobs,
  source.workflows,
  source.workflow_uids AS workflow_ids
FROM source
LEFT JOIN workspaces
  ON source.workspace_uid = workspaces.workspace_uid
{% endmacro %}
