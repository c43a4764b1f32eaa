-- failed_inputs: Inputs that failed, with the reason and how often
--
-- Grain: One row per workspace, workflow, input and error (workspace_id, workflow_id, input_id,
--   error_label). Inputs with the same content are one input.
-- Needs: captaindata.job_inputs, captaindata.jobs, captaindata.workflows, captaindata.workspaces
-- Time: last_failed_at
--
-- Columns:
--   workspace_id: UID of the workspace
--   workspace_name: name of the workspace
--   workflow_id: UID of the workflow; in API v4, name of the action
--   workflow_name: name of the workflow
--   input_id: hash of the input
--   input: the input, as JSON: input_data, or else the fields without a column (API v3)
--   error_label: name of the error, as reported by the API
--   error_scope: cause of the error, such as input, param or integ; that of the last failure
--   error_message: message of the last failure
--   error_reference: ID by which the vendor's support finds the last failure
--   failures: number of times that the input failed with this error
--   jobs: number of jobs in which it did
--   last_job_id: UID of the job in which it failed last
--   last_failed_at: time of the last failure, in UTC; null if not known, before 2016 or after 2099
--   workspace_label: name of the workspace in your configuration, or else its UID

with source as (
    select
        *,
        coalesce(
            trim(regexp_replace(lower(status), '[\s_-]+', '_', 'g'), '_'), ''
        ) as read_status,
        cast(coalesce(input_data, data) as text) as input
    from captaindata.job_inputs
),

failed as (
    select
        source.workspace_uid,
        source.workflow_uid,
        source.job_uid,
        source.position,
        md5(coalesce(source.input, '')) as input_id,
        source.input,
        source.error_label,
        source.error_scope,
        source.error_message,
        source.error_reference,
        coalesce(source.finished_at, source.updated_at, jobs.finish_time) as failed_at
    from source
    left join captaindata.jobs as jobs
        on
            source.workspace_uid = jobs.workspace_uid
            and source.job_uid = jobs.uid
    where
        source.read_status = 'failed'
        or (
            coalesce(source.error_label, source.error_message) is not null
            and source.read_status not in ('succeeded', 'success', 'finished', 'completed')
        )
),

ordered as (
    select
        *,
        count(*) over (
            partition by workspace_uid, workflow_uid, input_id, error_label
        ) as failures,
        row_number() over (
            partition by workspace_uid, workflow_uid, input_id, error_label
            order by failed_at desc nulls last, job_uid collate "C" desc, position desc
        ) as newest_first
    from failed
),

counted as (
    select
        workspace_uid,
        workflow_uid,
        input_id,
        error_label,
        count(distinct job_uid) as jobs
    from failed
    group by workspace_uid, workflow_uid, input_id, error_label
),

joined as (
    select
        ordered.workspace_uid as workspace_id,
        coalesce(workspaces.name, workspaces.configured_name) as workspace_name,
        coalesce(workspaces.configured_name, ordered.workspace_uid) as workspace_label,
        ordered.workflow_uid as workflow_id,
        coalesce(workflows.name, ordered.workflow_uid) as workflow_name,
        ordered.input_id,
        ordered.input,
        ordered.error_label,
        ordered.error_scope,
        ordered.error_message,
        ordered.error_reference,
        ordered.failures,
        counted.jobs,
        ordered.job_uid as last_job_id,
        case
            when
                ordered.failed_at between timestamptz '2016-01-01 00:00:00+00'
                and timestamptz '2099-12-31 23:59:59+00'
                then ordered.failed_at
        end as last_failed_at
    from ordered
    inner join counted
        on
            ordered.workspace_uid = counted.workspace_uid
            and ordered.workflow_uid is not distinct from counted.workflow_uid
            and ordered.input_id = counted.input_id
            and ordered.error_label is not distinct from counted.error_label
    left join captaindata.workflows as workflows
        on
            ordered.workspace_uid = workflows.workspace_uid
            and ordered.workflow_uid = workflows.uid
    left join captaindata.workspaces as workspaces
        on ordered.workspace_uid = workspaces.workspace_uid
    where ordered.newest_first = 1
)

select
    workspace_id,
    workspace_name,
    workflow_id,
    workflow_name,
    input_id,
    cast(input as json) as input,
    error_label,
    error_scope,
    error_message,
    error_reference,
    failures,
    jobs,
    last_job_id,
    last_failed_at,
    workspace_label
from joined
