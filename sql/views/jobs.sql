-- jobs: the runs of workflows, and the retries of runs
--
-- Grain: One row per workspace and job (workspace_id, job_id). A retry is a job of its own, a
--   sub-job of the run that it retries; reports count main runs, which are not is_sub_job.
-- Question: What ran when, for how long, how did it end and how much did it bring?
-- Needs: captaindata.jobs, captaindata.workflows, captaindata.workspaces
--
-- Columns:
--   workspace_id: workspace
--   workspace_name: name of the workspace
--   workflow_id: workflow
--   workflow_name: name of the workflow now; where it is not known, its name as the job tells it
--   job_id: UID of the job
--   name: name of the job
--   main_job_id: the job that this one retries; null where it is a main run
--   is_sub_job: it retries another job
--   is_deleted: the API no longer knows it
--   status: status as the API tells it
--   status_group: succeeded (finished, completed, succeeded, partial_succeeded), failed (shutdown,
--     warning, failed, invalid), stopped, in_progress (pending, running, paused, created, queued,
--     scheduled, blocked), or unknown (any other, and in progress when the API lost it); case,
--     spaces and hyphens in the status don't matter
--   scheduled_at: scheduled time, in UTC; null where it is not plausible: before 2016 or after 2099
--   started_at: start, in UTC; null also where it is over 366 days after the row was loaded
--   finished_at: end, in UTC; null as started_at
--   run_at: the time that reports put it at, in UTC: its start, else its schedule where that was
--     past when the row was loaded, else its end; null where it is still to come
--   duration_seconds: from start to end, in seconds; null where one is missing or the end is before
--     the start
--   inputs: inputs that it was given
--   records_processed: records that it brought, as the API counts them
--   error_message: what went wrong
--   is_partial: it succeeded for a part of its inputs only; null where the API does not tell (v3)
--   execution_mode: LIVE or ASYNC, as the API tells it; null where it does not (v3)
--   has_results: its results can be fetched; false for a LIVE run, whose outputs went to its caller

with source as (
    select * from captaindata.jobs
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
        source.workflow_uid as workflow_id,
        coalesce(workflows.name, source.workflow_name) as workflow_name,
        source.uid as job_id,
        source.name,
        case when source.is_sub_job then source.main_job_uid end as main_job_id,
        coalesce(source.is_sub_job, false) as is_sub_job,
        coalesce(source.is_deleted, false) as is_deleted,
        source.status,
        case
            when
                source.read_status in ('finished', 'completed', 'succeeded', 'partial_succeeded')
                then 'succeeded'
            when source.read_status in ('shutdown', 'warning', 'failed', 'invalid') then 'failed'
            when source.read_status = 'stopped' then 'stopped'
            when source.is_deleted then 'unknown'
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
        -- in UTC: a difference of times with time zone is one of local days on DuckDB
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
        source.records_processed,
        source.error_message,
        source.is_partial,
        source.execution_mode,
        coalesce(source.has_results, true) as has_results
    from cleaned as source
    left join captaindata.workflows as workflows
        on
            source.workspace_uid = workflows.workspace_uid
            and source.workflow_uid = workflows.uid
    left join captaindata.workspaces as workspaces
        on source.workspace_uid = workspaces.workspace_uid
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
    has_results
from renamed
