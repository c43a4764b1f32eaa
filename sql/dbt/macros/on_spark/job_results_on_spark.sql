{#- Written by python -m tests.support.dbt_models from sql/views/job_results.sql -#}
{% macro job_results_on_spark() %}
WITH RECURSIVE source AS (
  SELECT
    *
  FROM {{ ref('stg_captaindata__job_results') }} AS job_results
), sub_jobs AS (
  SELECT
    workspace_uid,
    uid
  FROM {{ ref('stg_captaindata__jobs') }} AS jobs
  WHERE
    is_sub_job
), repeated_sub_jobs AS (
  SELECT
    workspace_uid,
    uid AS job_uid,
    main_job_uid
  FROM {{ ref('stg_captaindata__jobs') }} AS jobs
  WHERE
    is_sub_job AND main_job_uid <> uid
), repeated_ancestors_walk AS (
  SELECT
    workspace_uid,
    job_uid,
    main_job_uid,
    1 AS walk_depth
  FROM repeated_sub_jobs AS sub_jobs
  UNION ALL
  SELECT
    ancestors.workspace_uid,
    ancestors.job_uid,
    sub_jobs.main_job_uid,
    ancestors.walk_depth + 1 AS walk_depth
  FROM repeated_ancestors_walk AS ancestors
  INNER JOIN repeated_sub_jobs AS sub_jobs
    ON ancestors.workspace_uid = sub_jobs.workspace_uid
    AND ancestors.main_job_uid = sub_jobs.job_uid
  WHERE
    ancestors.walk_depth < 10
), repeated_ancestors AS (
  SELECT DISTINCT
    workspace_uid,
    job_uid,
    main_job_uid
  FROM repeated_ancestors_walk
), repeated_mains /* of jobs that name one another, none is the main job */ AS (
  SELECT
    ancestors.workspace_uid,
    ancestors.job_uid,
    ancestors.main_job_uid
  FROM repeated_ancestors AS ancestors
  LEFT JOIN repeated_ancestors AS backwards
    ON ancestors.workspace_uid = backwards.workspace_uid
    AND ancestors.main_job_uid = backwards.job_uid
    AND ancestors.job_uid = backwards.main_job_uid
  WHERE
    backwards.job_uid IS NULL
), repeated_compared /* each retry beside each of its main jobs */ AS (
  SELECT
    workspace_uid,
    job_uid,
    main_job_uid,
    job_uid AS holder_uid,
    FALSE AS is_main
  FROM repeated_mains AS mains
  UNION ALL
  SELECT
    workspace_uid,
    job_uid,
    main_job_uid,
    main_job_uid AS holder_uid,
    TRUE AS is_main
  FROM repeated_mains AS mains
), repeated_held AS (
  SELECT
    compared.workspace_uid,
    compared.job_uid,
    compared.main_job_uid,
    compared.is_main,
    results.result_uid,
    results.position,
    MD5(
      concat(regexp_replace(coalesce(to_json(try_parse_json(results.data)), results.data), '("(?:[^"\\\\]|\\\\.)*")|\\.0(?=[],}]|$)', '$1'), ' ', array_join(array_sort(regexp_extract_all(results.data, '[0-9][0-9.]{15,}|[eE][+-]?[0-9]{3,}', 0)), ' '))
    ) AS content
  FROM repeated_compared AS compared
  INNER JOIN {{ ref('stg_captaindata__job_results') }} AS results
    ON compared.workspace_uid = results.workspace_uid
    AND compared.holder_uid = results.job_uid
), repeated_equal /* equal results of both: their IDs in the retry, and how many the main job has */ AS (
  SELECT
    workspace_uid,
    job_uid,
    main_job_uid,
    content,
    result_uid,
    NOT is_main AS is_kept,
    ROW_NUMBER() OVER (
      PARTITION BY workspace_uid, job_uid, main_job_uid, content, is_main
      ORDER BY position NULLS LAST, result_uid NULLS LAST
    ) AS place,
    COUNT(CASE WHEN is_main THEN 1 END) OVER (PARTITION BY workspace_uid, job_uid, main_job_uid, content) AS copies
  FROM repeated_held AS held
), repeated AS (
  SELECT
    workspace_uid,
    result_uid AS result_uid
  FROM repeated_equal AS equal
  WHERE
    is_kept AND place <= copies
), renamed AS (
  SELECT
    source.workspace_uid AS workspace_id,
    source.workflow_uid AS workflow_id,
    source.job_uid AS job_id,
    source.result_uid AS result_id,
    source.position,
    source.data AS data,
    CASE
      WHEN source.created_at BETWEEN timestamp '2016-01-01 00:00:00+00:00' AND timestamp '2099-12-31 23:59:59+00:00'
      THEN source.created_at
    END AS created_at,
    NOT sub_jobs.uid IS NULL AS is_sub_job,
    NOT repeated_pairs.workspace_uid IS NULL AS is_repeated
  FROM source
  LEFT JOIN sub_jobs
    ON source.workspace_uid = sub_jobs.workspace_uid AND source.job_uid = sub_jobs.uid
  LEFT JOIN (
    SELECT DISTINCT
      repeated.workspace_uid,
      repeated.result_uid
    FROM repeated
  ) AS repeated_pairs
    ON source.workspace_uid = repeated_pairs.workspace_uid
    AND source.result_uid = repeated_pairs.result_uid
)
SELECT
  workspace_id,
  workflow_id,
  job_id,
  result_id,
  position,
  data,
  created_at,
  is_sub_job,
  is_repeated
FROM renamed
{% endmacro %}
