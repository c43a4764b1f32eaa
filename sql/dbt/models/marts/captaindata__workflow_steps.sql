{#- Written by python -m tests.support.dbt_models from sql/views/workflow_steps.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.workflow_steps_on_spark() }}

{% else %}

with source as (
    select
        workspace_uid,
        uid,
        cast(steps as json) as listed,
        (cast(details as json) -> 'steps') as detailed
    from {{ ref('stg_captaindata__workflows') }} as workflows
),

arrays as (
    select
        workspace_uid,
        uid,
        case when left(ltrim(cast(listed as text)), 1) = '[' then listed end as listed,
        case when left(ltrim(cast(detailed as text)), 1) = '[' then detailed end as detailed
    from source
),

chosen as (
    select
        workspace_uid,
        uid,
        case when json_array_length(detailed) > 0 then detailed else listed end as steps
    from arrays
),

steps as (
    select
        chosen.workspace_uid,
        chosen.uid,
        g.i as place,
        (chosen.steps -> cast(g.i as int)) as step
    from chosen
    cross join lateral generate_series(0, cast(json_array_length(chosen.steps) as int) - 1) as g (i)
),

ordered as (
    select
        workspace_uid,
        uid,
        step,
        row_number() over (
            partition by workspace_uid, uid
            order by
                case
                    when (step ->> 'position') ~ '^[0-9]{1,9}$'
                        then cast((step ->> 'position') as int)
                end nulls last,
                place
        ) as position
    from steps
),

renamed as (
    select
        ordered.workspace_uid as workspace_id,
        workflows.workspace_name,
        workflows.workspace_label,
        ordered.uid as workflow_id,
        workflows.name as workflow_name,
        ordered.position,
        (ordered.step ->> 'step_uid') as step_id,
        coalesce((ordered.step ->> 'step_name'), (ordered.step ->> 'name')) as name,
        (ordered.step ->> 'permalink') as permalink,
        (ordered.step -> 'integrations') as integrations,
        (ordered.step -> 'output_schema') as output_schema
    from ordered
    inner join {{ ref('captaindata__workflows') }} as workflows
        on
            ordered.workspace_uid = workflows.workspace_id
            and ordered.uid = workflows.workflow_id
)

select
    workspace_id,
    workspace_name,
    workflow_id,
    workflow_name,
    position,
    step_id,
    name,
    permalink,
    integrations,
    output_schema,
    name as step_name,
    workspace_label
from renamed

{% endif %}
