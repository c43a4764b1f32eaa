-- jobs: Jobs: the runs of workflows and their retries
--
-- Grain: One row per workspace and job (workspace_id, job_id). A retry is a job of its own, called
--   a sub-job, and so is a run that a loaded flow run made (Edges). Reports count main runs, which
--   are all jobs but sub-jobs.
-- Needs: captaindata.jobs, captaindata.workflows, captaindata.workspaces
-- Time: run_at
--
-- Columns:
--   workspace_id: UID of the workspace
--   workspace_name: name of the workspace
--   workflow_id: UID of the workflow
--   workflow_name: current name of the workflow; if the workflow is not loaded, its name in the job
--   job_id: UID of the job
--   name: name of the job
--   main_job_id: UID of the job that this job retries, or of the flow run that made it (Edges);
--     null for a main run
--   is_sub_job: true if the job retries another job, or was made by a flow run that is loaded
--     (Edges)
--   is_deleted: true if the API answered 404 for the job
--   is_archived: true if the API answered 404 for the job because it archives runs after 90 days
--     (v4)
--   status: status as reported by the API
--   status_group: succeeded (finished, completed, succeeded, partial_succeeded), failed (shutdown,
--     warning, failed, invalid), stopped, in_progress (pending, running, paused, created, queued,
--     scheduled, blocked), or unknown (any other status, and unfinished jobs that the API no longer
--     knows). Case, spaces and hyphens in the status are ignored
--   scheduled_at: scheduled time, in UTC; null if before 2016 or after 2099
--   started_at: start time, in UTC; null if before 2016, or more than 366 days after the row was
--     loaded
--   finished_at: end time, in UTC; null as for started_at
--   run_at: time at which reports count the run, in UTC: its start, or else its scheduled time if
--     that had passed when the row was loaded, or else its end; null if none is known
--   duration_seconds: time from start to end, in seconds; null if one is missing or the end is
--     before the start
--   inputs: number of inputs
--   records_processed: number of records that the job produced, as reported by the API; of a flow
--     run, for which the API reports none, the sum over the runs that it made
--   error_message: error message of the job
--   is_partial: true if the run succeeded for only some of its inputs; null if the API does not
--     report it (v3)
--   execution_mode: LIVE or ASYNC, as reported by the API; null if the API does not report it (v3)
--   has_results: true if the results can be fetched; false for a LIVE run, whose outputs the API
--     sends only to the caller
--   job_name: name of the job
--   workspace_label: name of the workspace in your configuration, or else its UID

with source as (
    select * from captaindata.jobs
),

flow_records as (
    select
        workspace_uid,
        main_job_uid,
        cast(sum(coalesce(row_count, total_row_count)) as bigint) as records
    from captaindata.jobs
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
    left join captaindata.workflows as workflows
        on
            source.workspace_uid = workflows.workspace_uid
            and source.workflow_uid = workflows.uid
    left join captaindata.workspaces as workspaces
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
