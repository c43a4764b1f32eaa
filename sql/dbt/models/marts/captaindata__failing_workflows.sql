{#- Written by python -m tests.support.dbt_models from sql/views/failing_workflows.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.failing_workflows_on_spark() }}

{% else %}

with ended as (
    select
        workspace_id,
        workspace_name,
        workspace_label,
        workflow_id,
        workflow_name,
        status_group,
        duration_seconds,
        run_at,
        error_message,
        row_number() over (
            partition by workspace_id, workflow_id
            order by run_at desc nulls last, job_id collate "C" desc
        ) as newest_first,
        row_number() over (
            partition by workspace_id, workflow_id, status_group
            order by run_at desc nulls last, job_id collate "C" desc
        ) as newest_of_group_first
    from {{ ref('captaindata__jobs') }} as jobs
    where not is_sub_job and status_group in ('succeeded', 'failed')
),

compared as (
    select
        workspace_id,
        max(workspace_name) as workspace_name,
        max(workspace_label) as workspace_label,
        workflow_id,
        max(workflow_name collate "C") as workflow_name,
        count(*) filter (where newest_first <= 10) as recent_runs,
        count(*) filter (
            where newest_first <= 10 and status_group = 'failed'
        ) as recent_failed_runs,
        count(duration_seconds) filter (where newest_first <= 10) as recent_durations,
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

-- Is it slower? Logarithms of durations, because what counts is how many times as long a run takes.
timed as (
    select
        workspace_id,
        workflow_id,
        newest_first,
        ln(greatest(duration_seconds, 1)) as log_duration,
        cast(floor(extract(epoch from (run_at at time zone 'UTC'))) as bigint) as at_second
    from ended
    where duration_seconds is not null and newest_first <= 1010
),

-- earlier runs of another day within 6 hours of the time of day of a recent one
pairs as (
    select
        recent.workspace_id,
        recent.workflow_id,
        recent.newest_first as recent_run,
        recent.log_duration as recent_log,
        earlier.newest_first as earlier_run,
        earlier.log_duration as earlier_log,
        abs(
            mod(recent.at_second - earlier.at_second + 43200, 86400) - 43200
        ) as seconds_apart
    from timed as recent
    inner join timed as earlier
        on
            recent.workspace_id = earlier.workspace_id
            and recent.workflow_id = earlier.workflow_id
    where
        recent.newest_first <= 10
        and earlier.newest_first > 10
        and recent.at_second - earlier.at_second >= 43200
        and abs(mod(recent.at_second - earlier.at_second + 43200, 86400) - 43200) <= 21600
),

ranked as (
    select
        *,
        rank() over (
            partition by workspace_id, workflow_id, recent_run order by seconds_apart
        ) as nearness,
        count(*) over (partition by workspace_id, workflow_id, recent_run) as at_that_time
    from pairs
),

-- those that are nearest: a third, but at least five
matched as (
    select
        *,
        cast(1 as double precision) / count(*) over (
            partition by workspace_id, workflow_id, recent_run
        ) as weight
    from ranked
    where nearness * 3 <= greatest(15, at_that_time)
),

differences as (
    select
        workspace_id,
        workflow_id,
        recent_run,
        max(recent_log) - avg(earlier_log) as difference,
        var_samp(earlier_log) as earlier_variance
    from matched
    group by workspace_id, workflow_id, recent_run
),

recent_spread as (
    select
        workspace_id,
        workflow_id,
        count(*) as runs,
        avg(difference) as difference,
        percentile_cont(0.5) within group (order by difference) as median_difference,
        var_samp(difference) as variance,
        avg(earlier_variance) as earlier_variance
    from differences
    group by workspace_id, workflow_id
),

earlier_weights as (
    select
        workspace_id,
        workflow_id,
        earlier_run,
        sum(weight) as weight
    from matched
    group by workspace_id, workflow_id, earlier_run
),

earlier_spread as (
    select
        workspace_id,
        workflow_id,
        count(*) as runs,
        sum(weight * weight) as weights
    from earlier_weights
    group by workspace_id, workflow_id
),

judged_durations as (
    select
        recent_spread.workspace_id,
        recent_spread.workflow_id,
        recent_spread.runs,
        recent_spread.difference,
        recent_spread.median_difference,
        -- under one in a hundred by chance: the quantile of Student's t, near enough
        (2.5 + 4.0 / (recent_spread.runs + earlier_spread.runs - 2))
        * sqrt(
            (
                (recent_spread.runs - 1) * recent_spread.variance
                + (earlier_spread.runs - 1)
                * coalesce(recent_spread.earlier_variance, recent_spread.variance)
            )
            / (recent_spread.runs + earlier_spread.runs - 2)
            * (
                cast(1 as double precision) / recent_spread.runs
                + earlier_spread.weights / (recent_spread.runs * recent_spread.runs)
            )
        ) as chance
    from recent_spread
    inner join earlier_spread
        on
            recent_spread.workspace_id = earlier_spread.workspace_id
            and recent_spread.workflow_id = earlier_spread.workflow_id
    where recent_spread.runs >= 5
),

judged as (
    select
        compared.*,
        cast(compared.recent_failed_runs as double precision)
        / compared.recent_runs as recent_failure_rate,
        cast(compared.earlier_failed_runs as double precision)
        / nullif(compared.earlier_runs, 0) as earlier_failure_rate,
        (compared.recent_failed_runs * 10 >= compared.recent_runs * 3) as is_failing_often,
        coalesce(
            compared.earlier_durations >= 5
            and durations.runs * 10 >= compared.recent_durations * 8
            -- more than rounding
            and durations.difference > greatest(ln(1.5), durations.chance) + 0.000000001
            and durations.median_difference > ln(1.25),
            false
        ) as is_slower,
        case
            when compared.earlier_durations >= 5
                then cast(
                    cast(exp(durations.difference) as decimal(18, 3)) as double precision
                )
        end as times_as_long
    from compared
    left join judged_durations as durations
        on
            compared.workspace_id = durations.workspace_id
            and compared.workflow_id = durations.workflow_id
    where compared.recent_runs >= 3
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
                when
                    judged.is_slower
                    and judged.recent_duration_p50_seconds > judged.earlier_duration_p50_seconds
                    then 'median run took '
                        || cast(cast(judged.recent_duration_p50_seconds as decimal(18, 1)) as text)
                        || ' s, before that '
                        || cast(cast(judged.earlier_duration_p50_seconds as decimal(18, 1)) as text)
                        || ' s'
                when judged.is_slower
                    then 'runs took '
                        || cast(cast(judged.times_as_long as decimal(18, 1)) as text)
                        || ' times as long as before at the same time of day'
            end
        ) as reason,
        performance.workflow_status,
        performance.failures_in_a_row,
        performance.last_run_at
    from judged
    left join {{ ref('captaindata__workflow_performance') }} as performance
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
    last_error_message,
    times_as_long,
    workspace_label
from explained

{% endif %}
