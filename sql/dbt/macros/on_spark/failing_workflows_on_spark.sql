{#- Written by python -m tests.support.dbt_models from sql/views/failing_workflows.sql -#}
{% macro failing_workflows_on_spark() %}
WITH ended AS (
  SELECT
    workspace_id,
    workspace_name,
    workspace_label,
    workflow_id,
    workflow_name,
    status_group,
    duration_seconds,
    run_at,
    error_message,
    ROW_NUMBER() OVER (PARTITION BY workspace_id, workflow_id ORDER BY run_at DESC, job_id DESC) AS newest_first,
    ROW_NUMBER() OVER (
      PARTITION BY workspace_id, workflow_id, status_group
      ORDER BY run_at DESC, job_id DESC
    ) AS newest_of_group_first
  FROM {{ ref('captaindata__jobs') }} AS jobs
  WHERE
    NOT is_sub_job AND status_group IN ('succeeded', 'failed')
), compared AS (
  SELECT
    workspace_id,
    MAX(workspace_name) AS workspace_name,
    MAX(workspace_label) AS workspace_label,
    workflow_id,
    MAX(workflow_name) AS workflow_name,
    COUNT(CASE WHEN newest_first <= 10 THEN 1 END) AS recent_runs,
    COUNT(CASE WHEN newest_first <= 10 AND status_group = 'failed' THEN 1 END) AS recent_failed_runs,
    COUNT(CASE WHEN newest_first <= 10 THEN duration_seconds END) AS recent_durations,
    percentile(CASE WHEN newest_first <= 10 THEN duration_seconds END, 0.5) AS recent_duration_p50_seconds,
    COUNT(CASE WHEN newest_first > 10 THEN 1 END) AS earlier_runs,
    COUNT(CASE WHEN newest_first > 10 AND status_group = 'failed' THEN 1 END) AS earlier_failed_runs,
    COUNT(CASE WHEN newest_first > 10 THEN duration_seconds END) AS earlier_durations,
    percentile(CASE WHEN newest_first > 10 THEN duration_seconds END, 0.5) AS earlier_duration_p50_seconds,
    MAX(
      CASE
        WHEN status_group = 'failed' AND newest_of_group_first = 1
        THEN error_message
      END
    ) AS last_error_message
  FROM ended
  GROUP BY
    workspace_id,
    workflow_id
), timed /* Is it slower? Logarithms of durations, because what counts is how many times as long a run takes. */ AS (
  SELECT
    workspace_id,
    workflow_id,
    newest_first,
    LN(greatest(duration_seconds, 1)) AS log_duration,
    CAST(FLOOR((unix_micros(run_at) / 1000000)) AS BIGINT) AS at_second
  FROM ended
  WHERE
    NOT duration_seconds IS NULL AND newest_first <= 1010
), pairs /* earlier runs of another day within 6 hours of the time of day of a recent one */ AS (
  SELECT
    recent.workspace_id,
    recent.workflow_id,
    recent.newest_first AS recent_run,
    recent.log_duration AS recent_log,
    earlier.newest_first AS earlier_run,
    earlier.log_duration AS earlier_log,
    ABS((
      recent.at_second - earlier.at_second + 43200
    ) % 86400 - 43200) AS seconds_apart
  FROM timed AS recent
  INNER JOIN timed AS earlier
    ON recent.workspace_id = earlier.workspace_id
    AND recent.workflow_id = earlier.workflow_id
  WHERE
    recent.newest_first <= 10
    AND earlier.newest_first > 10
    AND recent.at_second - earlier.at_second >= 43200
    AND ABS((
      recent.at_second - earlier.at_second + 43200
    ) % 86400 - 43200) <= 21600
), ranked AS (
  SELECT
    *,
    RANK() OVER (
      PARTITION BY workspace_id, workflow_id, recent_run
      ORDER BY seconds_apart NULLS LAST
    ) AS nearness,
    COUNT(*) OVER (PARTITION BY workspace_id, workflow_id, recent_run) AS at_that_time
  FROM pairs
), matched /* those that are nearest: a third, but at least five */ AS (
  SELECT
    *,
    CAST(1 AS DOUBLE) / COUNT(*) OVER (PARTITION BY workspace_id, workflow_id, recent_run) AS weight
  FROM ranked
  WHERE
    nearness * 3 <= greatest(15, at_that_time)
), differences AS (
  SELECT
    workspace_id,
    workflow_id,
    recent_run,
    MAX(recent_log) - AVG(earlier_log) AS difference,
    var_samp(earlier_log) AS earlier_variance
  FROM matched
  GROUP BY
    workspace_id,
    workflow_id,
    recent_run
), recent_spread AS (
  SELECT
    workspace_id,
    workflow_id,
    COUNT(*) AS runs,
    AVG(difference) AS difference,
    percentile(difference, 0.5) AS median_difference,
    var_samp(difference) AS variance,
    AVG(earlier_variance) AS earlier_variance
  FROM differences
  GROUP BY
    workspace_id,
    workflow_id
), earlier_weights AS (
  SELECT
    workspace_id,
    workflow_id,
    earlier_run,
    SUM(weight) AS weight
  FROM matched
  GROUP BY
    workspace_id,
    workflow_id,
    earlier_run
), earlier_spread AS (
  SELECT
    workspace_id,
    workflow_id,
    COUNT(*) AS runs,
    SUM(weight * weight) AS weights
  FROM earlier_weights
  GROUP BY
    workspace_id,
    workflow_id
), judged_durations AS (
  SELECT
    recent_spread.workspace_id,
    recent_spread.workflow_id,
    recent_spread.runs,
    recent_spread.difference,
    recent_spread.median_difference,
    (
      2.5 + 4.0 / (
        recent_spread.runs + earlier_spread.runs - 2
      )
    ) /* under one in a hundred by chance: the quantile of Student's t, near enough */ * SQRT(
      (
        (
          recent_spread.runs - 1
        ) * recent_spread.variance + (
          earlier_spread.runs - 1
        ) * COALESCE(recent_spread.earlier_variance, recent_spread.variance)
      ) / (
        recent_spread.runs + earlier_spread.runs - 2
      ) * (
        CAST(1 AS DOUBLE) / recent_spread.runs + earlier_spread.weights / (
          recent_spread.runs * recent_spread.runs
        )
      )
    ) AS chance
  FROM recent_spread
  INNER JOIN earlier_spread
    ON recent_spread.workspace_id = earlier_spread.workspace_id
    AND recent_spread.workflow_id = earlier_spread.workflow_id
  WHERE
    recent_spread.runs >= 5
), judged AS (
  SELECT
    compared.*,
    CAST(compared.recent_failed_runs AS DOUBLE) / compared.recent_runs AS recent_failure_rate,
    CAST(compared.earlier_failed_runs AS DOUBLE) / NULLIF(compared.earlier_runs, 0) AS earlier_failure_rate,
    (
      compared.recent_failed_runs * 10 >= compared.recent_runs * 3
    ) AS is_failing_often,
    COALESCE(
      compared.earlier_durations >= 5
      AND durations.runs * 10 >= compared.recent_durations * 8
      AND /* more than rounding */ durations.difference > greatest(LN(1.5), durations.chance) + 0.000000001
      AND durations.median_difference > LN(1.25),
      FALSE
    ) AS is_slower,
    CASE
      WHEN compared.earlier_durations >= 5
      THEN cast(cast(EXP(durations.difference) as decimal(18, 3)) as double)
    END AS times_as_long
  FROM compared
  LEFT JOIN judged_durations AS durations
    ON compared.workspace_id = durations.workspace_id
    AND compared.workflow_id = durations.workflow_id
  WHERE
    compared.recent_runs >= 3
), explained AS (
  SELECT
    judged.*,
    concat_ws('; ', CASE
      WHEN judged.is_failing_often
      THEN 'failed ' || CAST(judged.recent_failed_runs AS STRING) || ' of its last ' || CAST(judged.recent_runs AS STRING) || ' runs'
    END, CASE
      WHEN judged.is_slower
      AND judged.recent_duration_p50_seconds > judged.earlier_duration_p50_seconds
      THEN 'median run took ' || cast(cast(judged.recent_duration_p50_seconds as decimal(18, 1)) as string) || ' s, before that ' || cast(cast(judged.earlier_duration_p50_seconds as decimal(18, 1)) as string) || ' s'
      WHEN judged.is_slower
      THEN 'runs took ' || cast(cast(judged.times_as_long as decimal(18, 1)) as string) || ' times as long as before at the same time of day'
    END) AS reason,
    performance.workflow_status,
    performance.failures_in_a_row,
    performance.last_run_at
  FROM judged
  LEFT JOIN {{ ref('captaindata__workflow_performance') }} AS performance
    ON judged.workspace_id = performance.workspace_id
    AND judged.workflow_id = performance.workflow_id
  WHERE
    judged.is_failing_often OR judged.is_slower
)
SELECT
  workspace_id,
  workspace_name,
  workflow_id,
  workflow_name,
  workflow_status,
  reason,
  is_failing_often,
  is_slower,
  recent_runs,
  recent_failed_runs,
  recent_failure_rate,
  recent_duration_p50_seconds,
  earlier_runs,
  earlier_failure_rate,
  earlier_duration_p50_seconds,
  failures_in_a_row,
  last_run_at,
  last_error_message,
  times_as_long,
  workspace_label
FROM explained
{% endmacro %}
