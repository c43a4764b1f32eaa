-- workflows: Workflows of each workspace, including archived ones
--
-- Grain: One row per workspace and workflow (workspace_id, workflow_id).
-- Needs: captaindata.workflows, captaindata.workspaces, captaindata_views.jobs
-- Time: updated_at
--
-- Columns:
--   workspace_id: UID of the workspace
--   workspace_name: name of the workspace
--   workflow_id: UID of the workflow
--   name: name
--   status: derived, because the API reports no status. archived: the API no longer lists the
--     workflow; paused: its newest main run (by run_at) has the status paused (a BLOCKED run of API
--     v4 does not count as paused); active: all others
--   steps: steps in order, as a JSON array as reported by the API; null in API v4, which has no
--     steps
--   created_at: creation time, in UTC; null if before 2016 or after 2099. In API v4, where a
--     workflow is an action, creation time of its first known run
--   updated_at: in UTC. API v3: time at which the connector last found the definition changed,
--     because the API does not report it. API v4: creation time of its newest known run
--   workflow_name: name of the workflow
--   workspace_label: name of the workspace in your configuration, or else its UID
--   kind: workflow (API v3), action (API v4) or flow (Edges)

with source as (
    select * from captaindata.workflows
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
    from captaindata_views.jobs
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
    left join captaindata.workspaces as workspaces
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
