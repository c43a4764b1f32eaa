{#- Written by python -m tests.support.dbt_models from sql/views/companies_all.sql -#}
{% macro companies_all_on_spark() %}
WITH source AS (
  SELECT
    *
  FROM {{ ref('stg_captaindata__company_rows') }} AS company_rows
  WHERE
    is_overall
)
SELECT
  uid AS company_id,
  linkedin_company_id,
  linkedin_company_url,
  domain,
  company_name,
  website,
  industry,
  employee_count,
  headquarters,
  first_seen_at,
  last_seen_at,
  times_seen,
  jobs,
  workflows,
  workflow_uids AS workflow_ids,
  workspaces,
  workspace_uids AS workspace_ids
FROM source
{% endmacro %}
