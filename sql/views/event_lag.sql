-- event_lag: Seconds from an event to its rows, by day and kind of event
--
-- Grain: One row per workspace, UTC day and kind of event (workspace_id, day, kind) that
--   `captaindata listen` received.
-- Needs: captaindata.webhook_events, captaindata.workspaces, captaindata._dlt_loads
-- Time: day in UTC
--
-- Columns:
--   workspace_id: UID of the workspace
--   workspace_name: name of the workspace
--   day: UTC day the events were received
--   kind: kind of event, such as job_succeeded or run_final
--   events: number of events
--   copies: number of times that they arrived, at least the number of events
--   loaded: number of events that wrote rows
--   waiting: number of events that are tried again
--   left_to_schedule: number of events that the next sync sees to
--   median_seconds: median of the seconds from the receipt of an event to the commit of its load
--   p95_seconds: 95th percentile of these seconds
--   longest_seconds: longest of these seconds
--   last_event_at: time of the last event, in UTC
--   workspace_label: name of the workspace in your configuration, or else its UID

with source as (
    select
        events.workspace_uid,
        events.kind,
        events.copies,
        events.action,
        events.received_at,
        cast(events.received_at at time zone 'UTC' as date) as day,
        case
            when events.action <> 'waiting'
                then
                    extract(
                        epoch from
                        coalesce(loads.inserted_at, events.loaded_at) - events.received_at
                    )
        end as seconds
    from captaindata.webhook_events as events
    left join captaindata._dlt_loads as loads
        on events._dlt_load_id = loads.load_id
),

counted as (
    select
        workspace_uid,
        day,
        kind,
        count(*) as events,
        sum(copies) as copies,
        count(*) filter (where action in ('results_loaded', 'job_loaded')) as loaded,
        count(*) filter (where action = 'waiting') as waiting,
        count(*) filter (where action = 'left_to_schedule') as left_to_schedule,
        percentile_cont(0.5) within group (order by seconds) as median_seconds,
        percentile_cont(0.95) within group (order by seconds) as p95_seconds,
        max(seconds) as longest_seconds,
        max(received_at) as last_event_at
    from source
    group by workspace_uid, day, kind
)

select
    counted.workspace_uid as workspace_id,
    coalesce(workspaces.name, workspaces.configured_name) as workspace_name,
    counted.day,
    counted.kind,
    counted.events,
    cast(counted.copies as bigint) as copies,
    counted.loaded,
    counted.waiting,
    counted.left_to_schedule,
    cast(
        round(cast(counted.median_seconds as numeric), 3) as double precision
    ) as median_seconds,
    cast(
        round(cast(counted.p95_seconds as numeric), 3) as double precision
    ) as p95_seconds,
    cast(
        round(cast(counted.longest_seconds as numeric), 3) as double precision
    ) as longest_seconds,
    counted.last_event_at,
    coalesce(workspaces.configured_name, counted.workspace_uid) as workspace_label
from counted
left join captaindata.workspaces as workspaces
    on counted.workspace_uid = workspaces.workspace_uid
