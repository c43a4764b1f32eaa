{#- Written by python -m tests.support.dbt_models from sql/views/workflows.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.workflows_on_spark() }}

{% else %}

with source as (
    select * from {{ ref('stg_captaindata__workflows') }} as workflows
),

runs as (
    select
        workspace_id,
        workflow_id,
        status,
        status_group,
        row_number() over (
            partition by workspace_id, workflow_id
            order by run_at desc nulls last, job_id collate "C" desc
        ) as newest_first
    from {{ ref('captaindata__jobs') }} as jobs
    where not is_sub_job
),

newest_runs as (
    select
        workspace_id,
        workflow_id,
        (
            status_group = 'in_progress'
            and trim(regexp_replace(lower(status), '[\s_-]+', '_', 'g'), '_') = 'paused'
        ) as is_paused
    from runs
    where newest_first = 1
),

renamed as (
    select
        source.workspace_uid as workspace_id,
        coalesce(workspaces.name, workspaces.configured_name) as workspace_name,
        coalesce(workspaces.configured_name, source.workspace_uid) as workspace_label,
        source.uid as workflow_id,
        source.name,
        source.kind,
        case
            when source.is_deleted then 'archived'
            when newest_runs.is_paused then 'paused'
            else 'active'
        end as status,
        cast(source.steps as json) as steps,
        case
            when
                source.created_at between timestamptz '2016-01-01 00:00:00+00'
                and timestamptz '2099-12-31 23:59:59+00'
                then source.created_at
        end as created_at,
        coalesce(
            case
                when
                    source.updated_at between timestamptz '2016-01-01 00:00:00+00'
                    and timestamptz '2099-12-31 23:59:59+00'
                    then source.updated_at
            end,
            source.loaded_at
        ) as updated_at
    from source
    left join {{ ref('stg_captaindata__workspaces') }} as workspaces
        on source.workspace_uid = workspaces.workspace_uid
    left join newest_runs
        on
            source.workspace_uid = newest_runs.workspace_id
            and source.uid = newest_runs.workflow_id
)

select
    workspace_id,
    workspace_name,
    workflow_id,
    name,
    status,
    steps,
    created_at,
    updated_at,
    name as workflow_name,
    workspace_label,
    kind
from renamed

{% endif %}
