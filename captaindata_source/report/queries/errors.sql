-- errors: Most frequent error messages of the period
--
-- Grain: One row per workspace and message that a run of the period has.
-- Needs: captaindata_views.jobs, captaindata_views.top_error_messages
--
-- Columns:
--   workspace_label: name of the workspace
--   error_message: error message
--   runs_in_period: main runs of the period with this message
--   runs: main runs with this message, whenever they ran
--   workflows: number of workflows with such a run
--   first_seen_at: end of the first such run
--   last_seen_at: end of the last such run
--   total: number of messages

with in_period as (
    select
        workspace_id,
        error_message,
        count(*) as runs_in_period
    from captaindata_views.jobs
    where
        true /* workspaces */
        and not is_sub_job
        and status_group <> 'succeeded'
        and trim(error_message) <> ''
        and cast(
            (coalesce(finished_at, run_at) at time zone 'UTC' /* report_timezone */) as date
        ) >= date '2026-01-01' /* first_day */
    group by workspace_id, error_message
),

messages as (
    select * from captaindata_views.top_error_messages
    where true /* workspaces */
)

select
    left(messages.workspace_label, 200) as workspace_label,
    left(messages.error_message, 500) as error_message,
    in_period.runs_in_period,
    messages.runs,
    messages.workflows,
    messages.first_seen_at,
    messages.last_seen_at,
    count(*) over () as total
from messages
inner join in_period
    on
        messages.workspace_id = in_period.workspace_id
        and messages.error_message = in_period.error_message
order by
    in_period.runs_in_period desc, messages.runs desc, messages.workspace_id, messages.message_rank
limit 1 /* rows */
