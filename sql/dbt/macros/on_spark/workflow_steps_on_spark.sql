{#- Written by python -m tests.support.dbt_models from sql/views/workflow_steps.sql -#}
{% macro workflow_steps_on_spark() %}
WITH source AS (
  SELECT
    workspace_uid,
    uid,
    steps AS listed,
    to_json(try_variant_get(try_parse_json(details), '$.steps', 'variant')) AS detailed
  FROM {{ ref('stg_captaindata__workflows') }} AS workflows
), arrays AS (
  SELECT
    workspace_uid,
    uid,
    CASE WHEN LEFT(LTRIM(listed), 1) = '[' THEN listed END AS listed,
    CASE WHEN LEFT(LTRIM(detailed), 1) = '[' THEN detailed END AS detailed
  FROM source
), chosen AS (
  SELECT
    workspace_uid,
    uid,
    CASE WHEN json_array_length(detailed) > 0 THEN detailed ELSE listed END AS steps
  FROM arrays
), steps AS (
  SELECT
    chosen.workspace_uid,
    chosen.uid,
    g.i AS place,
    to_json(get(cast(try_parse_json((
      chosen.steps
    )) as array<variant>), CAST(g.i AS INT))) AS step
  FROM chosen
  CROSS JOIN LATERAL explode(case when (
    CAST(json_array_length(chosen.steps) AS INT) - 1
  ) >= 0 then sequence(0, (
    CAST(json_array_length(chosen.steps) AS INT) - 1
  )) else array() end) AS g(i)
), ordered AS (
  SELECT
    workspace_uid,
    uid,
    step,
    ROW_NUMBER() OVER (
      PARTITION BY workspace_uid, uid
      ORDER BY CASE
        WHEN regexp_like(get_json_object(step, '$.position'), '^[0-9]{1,9}$')
        THEN CAST(get_json_object(step, '$.position') AS INT)
      END NULLS LAST, place NULLS LAST
    ) AS position
  FROM steps
), renamed AS (
  SELECT
    ordered.workspace_uid AS workspace_id,
    workflows.workspace_name,
    workflows.workspace_label,
    ordered.uid AS workflow_id,
    workflows.name AS workflow_name,
    ordered.position,
    get_json_object(ordered.step, '$.step_uid') AS step_id,
    COALESCE(
      get_json_object(ordered.step, '$.step_name'),
      get_json_object(ordered.step, '$.name')
    ) AS name,
    get_json_object(ordered.step, '$.permalink') AS permalink,
    to_json(try_variant_get(try_parse_json(ordered.step), '$.integrations', 'variant')) AS integrations,
    to_json(try_variant_get(try_parse_json(ordered.step), '$.output_schema', 'variant')) AS output_schema
  FROM ordered
  INNER JOIN {{ ref('captaindata__workflows') }} AS workflows
    ON ordered.workspace_uid = workflows.workspace_id
    AND ordered.uid = workflows.workflow_id
)
SELECT
  workspace_id,
  workspace_name,
  workflow_id,
  workflow_name,
  position,
  step_id,
  name,
  permalink,
  integrations,
  output_schema,
  name AS step_name,
  workspace_label
FROM renamed
{% endmacro %}
