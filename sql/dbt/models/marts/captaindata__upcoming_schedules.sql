{#- Written by python -m tests.support.dbt_models from sql/views/upcoming_schedules.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.upcoming_schedules_on_spark() }}

{% else %}

with schedules as (
    select
        *,
        greatest(next_execution_at, postponed_until) as next_at
    from {{ ref('stg_captaindata__schedules') }} as schedules
    where
        not coalesce(is_deleted, false)
        and trim(regexp_replace(lower(status), '[\s_-]+', '_', 'g'), '_') = 'active'
),

joined as (
    select
        schedules.workspace_uid as workspace_id,
        coalesce(workspaces.name, workspaces.configured_name) as workspace_name,
        coalesce(workspaces.configured_name, schedules.workspace_uid) as workspace_label,
        schedules.kind,
        schedules.uid as schedule_id,
        schedules.name,
        case schedules.kind
            when 'flow' then coalesce(schedules.flow_preset_name, schedules.flow_preset_uid)
            else coalesce(schedules.action_name, schedules.action_id)
        end as runs,
        schedules.cron,
        schedules.timezone,
        case
            when
                schedules.next_at between timestamptz '2016-01-01 00:00:00+00'
                and timestamptz '2099-12-31 23:59:59+00'
                then schedules.next_at
        end as next_run_at,
        case
            when
                schedules.last_executed_at between timestamptz '2016-01-01 00:00:00+00'
                and timestamptz '2099-12-31 23:59:59+00'
                then schedules.last_executed_at
        end as last_run_at,
        schedules.loaded_at
    from schedules
    left join {{ ref('stg_captaindata__workspaces') }} as workspaces
        on schedules.workspace_uid = workspaces.workspace_uid
)

select
    workspace_id,
    workspace_name,
    kind,
    schedule_id,
    name,
    runs,
    cron,
    timezone,
    next_run_at,
    last_run_at,
    loaded_at,
    workspace_label
from joined

{% endif %}
