{#- Written by python -m tests.support.dbt_models from sql/views/credits_by_action.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.credits_by_action_on_spark() }}

{% else %}

with source as (
    select
        *,
        cast((read_at at time zone 'UTC') as date) as day
    from {{ ref('stg_captaindata__credit_consumption') }} as credit_consumption
    where read_at is not null
),

compared as (
    select
        *,
        min(day) over (partition by workspace_uid) as first_day,
        row_number() over (
            partition by workspace_uid, action_slug, current_month_start
            order by read_at, uid collate "C"
        ) as place_in_month,
        lag(credits_used) over (
            partition by workspace_uid, action_slug, current_month_start
            order by read_at, uid collate "C"
        ) as credits_before,
        lag(runs_count) over (
            partition by workspace_uid, action_slug, current_month_start
            order by read_at, uid collate "C"
        ) as runs_before,
        row_number() over (
            partition by workspace_uid, action_slug, day
            order by read_at desc, current_month_start desc nulls last, uid collate "C" desc
        ) as newest_of_day_first
    from source
),

readings as (
    select
        *,
        case
            when place_in_month > 1 then credits_used - credits_before
            when day > first_day then credits_used
        end as credits,
        case
            when place_in_month > 1 then runs_count - runs_before
            when day > first_day then runs_count
        end as runs
    from compared
),

days as (
    select
        day,
        workspace_uid,
        action_slug,
        sum(credits) as credits_used,
        cast(sum(runs) as bigint) as runs,
        max(credits_used) filter (where newest_of_day_first = 1) as credits_used_in_month,
        max(runs_count) filter (where newest_of_day_first = 1) as runs_in_month,
        max(current_month_start) filter (
            where
                newest_of_day_first = 1
                and current_month_start between timestamptz '2016-01-01 00:00:00+00'
                and timestamptz '2099-12-31 23:59:59+00'
        ) as month_started_at,
        max(current_month_end) filter (
            where
                newest_of_day_first = 1
                and current_month_end between timestamptz '2016-01-01 00:00:00+00'
                and timestamptz '2099-12-31 23:59:59+00'
        ) as month_ends_at
    from readings
    group by day, workspace_uid, action_slug
),

joined as (
    select
        days.*,
        days.workspace_uid as workspace_id,
        coalesce(workspaces.name, workspaces.configured_name) as workspace_name,
        coalesce(workspaces.configured_name, days.workspace_uid) as workspace_label,
        days.action_slug as action
    from days
    left join {{ ref('stg_captaindata__workspaces') }} as workspaces
        on days.workspace_uid = workspaces.workspace_uid
)

select
    day,
    workspace_id,
    workspace_name,
    action,
    credits_used,
    runs,
    credits_used_in_month,
    runs_in_month,
    month_started_at,
    month_ends_at,
    workspace_label
from joined

{% endif %}
