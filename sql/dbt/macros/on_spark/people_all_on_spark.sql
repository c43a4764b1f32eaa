{#- Written by python -m tests.support.dbt_models from sql/views/people_all.sql -#}
{% macro people_all_on_spark() %}
WITH source AS (
  SELECT
    *
  FROM {{ ref('stg_captaindata__person_rows') }} AS person_rows
  WHERE
    is_overall
)
SELECT
  uid AS person_id,
  linkedin_profile_id,
  sales_navigator_profile_id,
  linkedin_profile_url,
  full_name,
  first_name,
  last_name,
  headline,
  job_title,
  company_name,
  linkedin_company_id,
  location,
  email,
  phone,
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
