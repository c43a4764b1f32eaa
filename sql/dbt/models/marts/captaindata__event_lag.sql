{#- Written by python -m tests.support.dbt_models from sql/views/event_lag.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.event_lag_on_spark() }}

{% else %}

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
    from {{ ref('stg_captaindata__webhook_events') }} as events
    left join {{ ref('stg_captaindata__dlt_loads') }} as loads
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
left join {{ ref('stg_captaindata__workspaces') }} as workspaces
    on counted.workspace_uid = workspaces.workspace_uid

{% endif %}
