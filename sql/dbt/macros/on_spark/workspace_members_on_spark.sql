{#- Written by python -m tests.support.dbt_models from sql/views/workspace_members.sql -#}
{% macro workspace_members_on_spark() %}
WITH source AS (
  SELECT
    *
  FROM {{ ref('captaindata__workspaces') }} AS workspaces
), members AS (
  SELECT
    source.workspace_id,
    source.workspace_name,
    source.workspace_label,
    to_json(get(cast(try_parse_json((
      source.members
    )) as array<variant>), CAST(g.i AS INT))) AS member
  FROM source
  CROSS JOIN LATERAL explode(case when (
    CAST(source.members_count AS INT) - 1
  ) >= 0 then sequence(0, (
    CAST(source.members_count AS INT) - 1
  )) else array() end) AS g(i)
), renamed AS (
  SELECT
    workspace_id,
    workspace_name,
    workspace_label,
    get_json_object(member, '$.uid') AS member_id,
    get_json_object(member, '$.email') AS email,
    get_json_object(member, '$.first_name') AS first_name,
    get_json_object(member, '$.last_name') AS last_name,
    get_json_object(member, '$.full_name') AS full_name,
    get_json_object(member, '$.country') AS country,
    to_json(try_variant_get(try_parse_json(member), '$.accounts', 'variant')) AS accounts,
    COALESCE(
      get_json_object(member, '$.role'),
      try_variant_get(try_parse_json(to_json(try_variant_get(try_parse_json(member), '$.roles', 'variant'))), '$[0]', 'string')
    ) AS role,
    get_json_object(member, '$.timezone') AS timezone
  FROM members
)
SELECT
  workspace_id,
  workspace_name,
  member_id,
  email,
  first_name,
  last_name,
  full_name,
  country,
  accounts,
  role,
  timezone,
  workspace_label
FROM renamed
{% endmacro %}
