{#- Written by python -m tests.support.dbt_models from sql/views/credit_usage.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.credit_usage_on_spark() }}

{% else %}

with source as (
    select
        *,
        cast((read_at at time zone 'UTC') as date) as day
    from {{ ref('stg_captaindata__quota_readings') }} as quota_readings
    where read_at is not null
),

compared as (
    select
        *,
        min(read_at) over (partition by workspace_uid, unit) as first_read_at,
        row_number() over (
            partition by workspace_uid, unit, current_month_start
            order by read_at, uid collate "C"
        ) as place_in_month,
        lag(quota_used) over (
            partition by workspace_uid, unit, current_month_start
            order by read_at, uid collate "C"
        ) as used_before,
        row_number() over (
            partition by workspace_uid, unit, day
            order by read_at desc, current_month_start desc nulls last, uid collate "C" desc
        ) as newest_of_day_first
    from source
),

readings as (
    select
        *,
        case
            when place_in_month > 1 then quota_used - used_before
            when current_month_start > first_read_at then quota_used
        end as used
    from compared
),

days as (
    select
        day,
        workspace_uid,
        unit,
        cast(sum(used) as bigint) as used,
        cast(
            day - lag(day) over (partition by workspace_uid, unit order by day) as bigint
        ) as days_covered,
        max(quota_used) filter (where newest_of_day_first = 1) as used_in_month,
        max(quota_max) filter (where newest_of_day_first = 1) as quota_max,
        max(quota_left) filter (where newest_of_day_first = 1) as quota_left,
        max(current_month_start) filter (
            where
                newest_of_day_first = 1
                and current_month_start between timestamptz '2016-01-01 00:00:00+00'
                and timestamptz '2099-12-31 23:59:59+00'
        ) as quota_month_started_at,
        max(current_month_end) filter (
            where
                newest_of_day_first = 1
                and current_month_end between timestamptz '2016-01-01 00:00:00+00'
                and timestamptz '2099-12-31 23:59:59+00'
        ) as quota_month_ends_at,
        max(plan_name) filter (where newest_of_day_first = 1) as plan_name
    from readings
    group by day, workspace_uid, unit
),

joined as (
    select
        days.*,
        days.workspace_uid as workspace_id,
        coalesce(workspaces.name, workspaces.configured_name) as workspace_name,
        coalesce(workspaces.configured_name, days.workspace_uid) as workspace_label
    from days
    left join {{ ref('stg_captaindata__workspaces') }} as workspaces
        on days.workspace_uid = workspaces.workspace_uid
)

select
    day,
    workspace_id,
    workspace_name,
    unit,
    used,
    days_covered,
    used_in_month,
    quota_max,
    quota_left,
    quota_month_started_at,
    quota_month_ends_at,
    plan_name,
    workspace_label
from joined

{% endif %}
