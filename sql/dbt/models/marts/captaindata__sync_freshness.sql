{#- Written by python -m tests.support.dbt_models from sql/views/sync_freshness.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.sync_freshness_on_spark() }}

{% else %}

with source as (
    select
        workspace_uid,
        uid,
        workspace_name,
        finished_at,
        outcome,
        cast(rows_by_table as json) as rows_by_table,
        row_number() over (
            partition by workspace_uid
            order by coalesce(finished_at, started_at) desc nulls last, uid collate "C" desc
        ) as newest_first
    from {{ ref('stg_captaindata__sync_runs') }} as sync_runs
    where is_resync is not true
),

last_syncs as (
    select
        workspace_uid,
        workspace_name,
        outcome
    from source
    where newest_first = 1
),

tables as (
    select
        source.workspace_uid,
        source.newest_first,
        source.finished_at,
        source.outcome,
        e.key as table_name,
        cast(cast(e.value as text) as bigint) as rows_written
    from source
    cross join lateral json_each(source.rows_by_table) as e
),

changes as (
    select
        *,
        row_number() over (
            partition by workspace_uid, table_name, (rows_written > 0)
            order by newest_first
        ) as newest_change_first
    from tables
),

counted as (
    select
        workspace_uid,
        table_name,
        max(finished_at) filter (where outcome not in ('failed', 'quota')) as last_sync_at,
        max(finished_at) filter (where rows_written > 0) as last_change_at,
        max(rows_written) filter (
            where rows_written > 0 and newest_change_first = 1
        ) as rows_last_change,
        count(*) as syncs
    from changes
    group by workspace_uid, table_name
),

-- what events told of is in the tables of jobs and their results
told as (
    select
        workspace_uid,
        count(*) as events,
        max(loaded_at) as last_event_at
    from {{ ref('stg_captaindata__webhook_events') }} as webhook_events
    where action in ('results_loaded', 'job_loaded')
    group by workspace_uid
),

joined as (
    select
        counted.workspace_uid as workspace_id,
        coalesce(workspaces.name, last_syncs.workspace_name) as workspace_name,
        coalesce(workspaces.configured_name, counted.workspace_uid) as workspace_label,
        counted.table_name,
        counted.last_sync_at,
        counted.last_change_at,
        counted.rows_last_change,
        last_syncs.outcome as last_outcome,
        counted.syncs,
        coalesce(told.events, 0) as events,
        told.last_event_at
    from counted
    inner join last_syncs
        on counted.workspace_uid = last_syncs.workspace_uid
    left join told
        on
            counted.workspace_uid = told.workspace_uid
            and counted.table_name in ('jobs', 'successful_jobs', 'job_results')
    left join {{ ref('stg_captaindata__workspaces') }} as workspaces
        on counted.workspace_uid = workspaces.workspace_uid
)

select
    workspace_id,
    workspace_name,
    table_name,
    last_sync_at,
    last_change_at,
    rows_last_change,
    last_outcome,
    syncs,
    workspace_label,
    events,
    last_event_at
from joined

{% endif %}
