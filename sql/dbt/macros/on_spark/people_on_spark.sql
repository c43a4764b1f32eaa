{#- Written by python -m tests.support.dbt_models from sql/views/people.sql -#}
{% macro people_on_spark() %}
WITH source AS (
  SELECT
    *
  FROM {{ ref('stg_captaindata__person_rows') }} AS person_rows
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
  source.uid AS person_id,
  source.linkedin_profile_id,
  source.sales_navigator_profile_id,
  source.linkedin_profile_url,
  source.full_name,
  source.first_name,
  source.last_name,
  source.headline,
  source.job_title,
  source.company_name,
  source.linkedin_company_id,
  source.location,
  source.email,
  source.phone,
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
