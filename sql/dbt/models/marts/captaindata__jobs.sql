{#- Written by python -m tests.support.dbt_models from sql/views/jobs.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.jobs_on_spark() }}

{% else %}

with source as (
    select * from {{ ref('stg_captaindata__jobs') }} as jobs
),

flow_records as (
    select
        workspace_uid,
        main_job_uid,
        cast(sum(coalesce(row_count, total_row_count)) as bigint) as records
    from {{ ref('stg_captaindata__jobs') }} as jobs
    where flow_run_id is not null and is_sub_job
    group by workspace_uid, main_job_uid
),

cleaned as (
    select
        workspace_uid,
        uid,
        name,
        workflow_uid,
        workflow_name,
        main_job_uid,
        is_sub_job,
        is_deleted,
        is_archived,
        status,
        trim(regexp_replace(lower(status), '[\s_-]+', '_', 'g'), '_') as read_status,
        case
            when
                scheduled_time between timestamptz '2016-01-01 00:00:00+00'
                and timestamptz '2099-12-31 23:59:59+00'
                then scheduled_time
        end as scheduled_at,
        case
            when
                start_time between timestamptz '2016-01-01 00:00:00+00'
                and least(loaded_at + interval '8784 hours', timestamptz '2099-12-31 23:59:59+00')
                then start_time
        end as started_at,
        case
            when
                finish_time between timestamptz '2016-01-01 00:00:00+00'
                and least(loaded_at + interval '8784 hours', timestamptz '2099-12-31 23:59:59+00')
                then finish_time
        end as finished_at,
        number_inputs,
        coalesce(row_count, total_row_count) as records_processed,
        error_message,
        is_partial,
        execution_mode,
        has_results,
        loaded_at
    from source
),

renamed as (
    select
        source.workspace_uid as workspace_id,
        coalesce(workspaces.name, workspaces.configured_name) as workspace_name,
        coalesce(workspaces.configured_name, source.workspace_uid) as workspace_label,
        source.workflow_uid as workflow_id,
        coalesce(workflows.name, source.workflow_name) as workflow_name,
        source.uid as job_id,
        source.name,
        case when source.is_sub_job then source.main_job_uid end as main_job_id,
        coalesce(source.is_sub_job, false) as is_sub_job,
        coalesce(source.is_deleted, false) as is_deleted,
        coalesce(source.is_archived, false) as is_archived,
        source.status,
        case
            when
                source.read_status in ('finished', 'completed', 'succeeded', 'partial_succeeded')
                then 'succeeded'
            when source.read_status in ('shutdown', 'warning', 'failed', 'invalid') then 'failed'
            when source.read_status = 'stopped' then 'stopped'
            when source.is_deleted or source.is_archived then 'unknown'
            when
                source.read_status in (
                    'pending', 'running', 'paused', 'created', 'queued', 'scheduled', 'blocked'
                )
                then 'in_progress'
            else 'unknown'
        end as status_group,
        source.scheduled_at,
        source.started_at,
        source.finished_at,
        coalesce(
            source.started_at,
            case when source.scheduled_at > source.loaded_at then null
                else source.scheduled_at end,
            source.finished_at
        ) as run_at,
        -- in UTC, because DuckDB subtracts times with time zone by local days
        case
            when source.finished_at >= source.started_at
                then cast(
                    extract(
                        epoch from (
                            (source.finished_at at time zone 'UTC')
                            - (source.started_at at time zone 'UTC')
                        )
                    ) as double precision
                )
        end as duration_seconds,
        source.number_inputs as inputs,
        coalesce(source.records_processed, flow_records.records) as records_processed,
        source.error_message,
        source.is_partial,
        source.execution_mode,
        coalesce(source.has_results, true) as has_results
    from cleaned as source
    left join {{ ref('stg_captaindata__workflows') }} as workflows
        on
            source.workspace_uid = workflows.workspace_uid
            and source.workflow_uid = workflows.uid
    left join {{ ref('stg_captaindata__workspaces') }} as workspaces
        on source.workspace_uid = workspaces.workspace_uid
    left join flow_records
        on
            source.workspace_uid = flow_records.workspace_uid
            and source.uid = flow_records.main_job_uid
)

select
    workspace_id,
    workspace_name,
    workflow_id,
    workflow_name,
    job_id,
    name,
    main_job_id,
    is_sub_job,
    is_deleted,
    is_archived,
    status,
    status_group,
    scheduled_at,
    started_at,
    finished_at,
    run_at,
    duration_seconds,
    inputs,
    records_processed,
    error_message,
    is_partial,
    execution_mode,
    has_results,
    name as job_name,
    workspace_label
from renamed

{% endif %}
