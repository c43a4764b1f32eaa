-- failing_workflows: Workflows that fail often or have become slow, with the reason
--
-- Grain: One row per workspace and workflow (workspace_id, workflow_id) that fails often or is
--   slower than before. Recent runs are the last 10 main runs that succeeded or failed; workflows
--   with fewer than 3 are left out. Earlier runs are the main runs before them that succeeded or
--   failed.
-- Needs: captaindata_views.jobs, captaindata_views.workflow_performance
--
-- Columns:
--   workspace_id: UID of the workspace
--   workspace_name: name of the workspace
--   workflow_id: UID of the workflow
--   workflow_name: name of the workflow
--   workflow_status: active, paused or archived; null if the workflow itself is not loaded
--   reason: reason why the workflow is listed, as a sentence
--   is_failing_often: true if at least 3 in 10 of its recent runs failed
--   is_slower: true if the median duration of its recent runs is over 1.5 times that of its earlier
--     runs, at least 5 of which have a duration
--   recent_runs: number of recent runs, 3 to 10
--   recent_failed_runs: recent runs that failed
--   recent_failure_rate: recent_failed_runs / recent_runs, from 0 to 1
--   recent_duration_p50_seconds: median duration of recent runs, in seconds
--   earlier_runs: number of earlier runs
--   earlier_failure_rate: share of the earlier runs that failed, from 0 to 1; null if there are
--     none
--   earlier_duration_p50_seconds: median duration of earlier runs, in seconds
--   failures_in_a_row: failed main runs since the last main run that succeeded
--   last_run_at: run_at of its newest main run, in UTC
--   last_error_message: error message of the newest run that failed

with ended as (
    select
        workspace_id,
        workspace_name,
        workflow_id,
        workflow_name,
        status_group,
        duration_seconds,
        error_message,
        row_number() over (
            partition by workspace_id, workflow_id
            order by run_at desc nulls last, job_id collate "C" desc
        ) as newest_first,
        row_number() over (
            partition by workspace_id, workflow_id, status_group
            order by run_at desc nulls last, job_id collate "C" desc
        ) as newest_of_group_first
    from captaindata_views.jobs
    where not is_sub_job and status_group in ('succeeded', 'failed')
),

compared as (
    select
        workspace_id,
        max(workspace_name) as workspace_name,
        workflow_id,
        max(workflow_name collate "C") as workflow_name,
        count(*) filter (where newest_first <= 10) as recent_runs,
        count(*) filter (
            where newest_first <= 10 and status_group = 'failed'
        ) as recent_failed_runs,
        percentile_cont(0.5) within group (order by duration_seconds) filter (
            where newest_first <= 10
        ) as recent_duration_p50_seconds,
        count(*) filter (where newest_first > 10) as earlier_runs,
        count(*) filter (
            where newest_first > 10 and status_group = 'failed'
        ) as earlier_failed_runs,
        count(duration_seconds) filter (where newest_first > 10) as earlier_durations,
        percentile_cont(0.5) within group (order by duration_seconds) filter (
            where newest_first > 10
        ) as earlier_duration_p50_seconds,
        max(error_message) filter (
            where status_group = 'failed' and newest_of_group_first = 1
        ) as last_error_message
    from ended
    group by workspace_id, workflow_id
),

judged as (
    select
        *,
        cast(recent_failed_runs as double precision) / recent_runs as recent_failure_rate,
        cast(earlier_failed_runs as double precision)
        / nullif(earlier_runs, 0) as earlier_failure_rate,
        (recent_failed_runs * 10 >= recent_runs * 3) as is_failing_often,
        (
            earlier_durations >= 5
            and coalesce(recent_duration_p50_seconds > 1.5 * earlier_duration_p50_seconds, false)
        ) as is_slower
    from compared
    where recent_runs >= 3
),

explained as (
    select
        judged.*,
        concat_ws(
            '; ',
            case
                when judged.is_failing_often
                    then 'failed ' || cast(judged.recent_failed_runs as text)
                        || ' of its last ' || cast(judged.recent_runs as text) || ' runs'
            end,
            case
                when judged.is_slower
                    then 'median run took '
                        || cast(cast(judged.recent_duration_p50_seconds as decimal(18, 1)) as text)
                        || ' s, before that '
                        || cast(cast(judged.earlier_duration_p50_seconds as decimal(18, 1)) as text)
                        || ' s'
            end
        ) as reason,
        performance.workflow_status,
        performance.failures_in_a_row,
        performance.last_run_at
    from judged
    left join captaindata_views.workflow_performance as performance
        on
            judged.workspace_id = performance.workspace_id
            and judged.workflow_id = performance.workflow_id
    where judged.is_failing_often or judged.is_slower
)

select
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
    last_error_message
from explained
