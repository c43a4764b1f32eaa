{#- Written by python -m tests.support.dbt_models from sql/views/workflow_history.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.workflow_history_on_spark() }}

{% else %}

with changes as (
    select
        workspace_uid,
        workflow_uid,
        seen_at,
        count(*) filter (where field = 'name') as names,
        count(*) filter (where field = 'steps') as steps,
        count(*) filter (where field = 'details') as details,
        count(*) filter (where field = 'is_deleted') as deletions,
        max(old_value) filter (where field = 'name') as old_name,
        max(old_value) filter (where field = 'steps') as old_steps,
        max(old_value) filter (where field = 'details') as old_details,
        max(old_value) filter (where field = 'is_deleted') as old_is_deleted
    from {{ ref('stg_captaindata__workflow_changes') }} as workflow_changes
    where
        _dlt_load_id in (
            select load_id from {{ ref('stg_captaindata__dlt_loads') }} as _dlt_loads
            where status = 0
        )
    group by workspace_uid, workflow_uid, seen_at
),

versions as (
    select
        workspace_uid,
        workflow_uid,
        seen_at as valid_to,
        names,
        steps,
        details,
        deletions,
        old_name,
        old_steps,
        old_details,
        old_is_deleted
    from changes
    union all
    select
        workspace_uid,
        uid as workflow_uid,
        cast(null as timestamp with time zone) as valid_to,
        1 as names,
        1 as steps,
        1 as details,
        1 as deletions,
        name as old_name,
        cast(steps as varchar) as old_steps,
        cast(details as varchar) as old_details,
        case when is_deleted then 'true' else 'false' end as old_is_deleted
    from {{ ref('stg_captaindata__workflows') }} as workflows
),

-- a value holds until the next change of its field, which has it as its old value
grouped as (
    select
        *,
        row_number() over earliest_first as version,
        lag(valid_to) over earliest_first as seen_before,
        sum(names) over latest_first as name_group,
        sum(steps) over latest_first as steps_group,
        sum(details) over latest_first as details_group,
        sum(deletions) over latest_first as deletions_group
    from versions
    window
        earliest_first as (
            partition by workspace_uid, workflow_uid
            order by valid_to asc nulls last
        ),
        latest_first as (
            partition by workspace_uid, workflow_uid
            order by valid_to desc nulls first
        )
),

filled as (
    select
        *,
        max(old_name) over (
            partition by workspace_uid, workflow_uid, name_group
        ) as name_then,
        max(old_steps) over (
            partition by workspace_uid, workflow_uid, steps_group
        ) as steps_then,
        max(old_details) over (
            partition by workspace_uid, workflow_uid, details_group
        ) as details_then,
        max(old_is_deleted) over (
            partition by workspace_uid, workflow_uid, deletions_group
        ) as is_deleted_then
    from grouped
),

joined as (
    select
        filled.*,
        coalesce(workspaces.name, workspaces.configured_name) as workspace_name,
        coalesce(workspaces.configured_name, filled.workspace_uid) as workspace_label,
        case
            when
                workflows.created_at between timestamptz '2016-01-01 00:00:00+00'
                and timestamptz '2099-12-31 23:59:59+00'
                then workflows.created_at
        end as created_at
    from filled
    inner join {{ ref('stg_captaindata__workflows') }} as workflows
        on
            filled.workspace_uid = workflows.workspace_uid
            and filled.workflow_uid = workflows.uid
    left join {{ ref('stg_captaindata__workspaces') }} as workspaces
        on filled.workspace_uid = workspaces.workspace_uid
)

select
    workspace_uid as workspace_id,
    workspace_name,
    workflow_uid as workflow_id,
    version,
    name_then as workflow_name,
    cast(steps_then as json) as steps,
    cast(details_then as json) as details,
    is_deleted_then = 'true' as is_deleted,
    case
        when version > 1 then seen_before
        when valid_to is null or created_at < valid_to then created_at
    end as valid_from,
    valid_to,
    valid_to is null as is_current,
    workspace_label
from joined

{% endif %}
