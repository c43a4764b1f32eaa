-- workspaces: the workspaces of Captain Data, with members, plan and quota
--
-- Grain: One row per workspace (workspace_id).
-- Question: Which workspaces are there, and how much of their quota is left?
-- Needs: captaindata.workspaces, captaindata.workflows
--
-- Columns:
--   workspace_id: project UID of the workspace
--   name: display name in Captain Data, else the configured name
--   configured_name: name in the connector's configuration
--   created_at: creation of its oldest known workflow, in UTC; the API does not tell when the
--     workspace was created, it is at least as old
--   members: users of the workspace, a JSON array as the API gives it
--   members_count: number of members
--   email: contact of the workspace
--   plan_name: plan
--   tasks_max: quota of the month, in tasks, in which API v3 counts; null where credits are told
--   tasks_used: quota used up, in tasks
--   tasks_left: quota left, in tasks
--   quota_month_started_at: start of the quota's month, in UTC; null where it is not plausible:
--     before 2016 or after 2099
--   quota_month_ends_at: end of the quota's month, in UTC; null likewise
--   credits_max: quota of the month, in credits, in which API v4 counts; null where tasks are told
--   credits_used: quota used up, in credits
--   credits_left: quota left, in credits
--   identities_included: identities that the plan includes; null where the API does not tell (v3)
--   identities_synced: identities in use
--   identities_remaining: identities that may still be added

with source as (
    select * from captaindata.workspaces
),

oldest_workflows as (
    select
        workspace_uid,
        min(created_at) as created_at
    from captaindata.workflows
    where
        created_at between timestamptz '2016-01-01 00:00:00+00'
        and timestamptz '2099-12-31 23:59:59+00'
    group by workspace_uid
),

renamed as (
    select
        source.workspace_uid as workspace_id,
        coalesce(source.name, source.configured_name) as name,
        source.configured_name,
        oldest_workflows.created_at,
        cast(source.members as json) as members,
        cast(
            case
                when left(ltrim(cast(source.members as text)), 1) = '['
                    then json_array_length(cast(source.members as json))
                else 0
            end as bigint
        ) as members_count,
        source.email,
        source.plan_name,
        source.tasks_max,
        source.tasks_used,
        source.tasks_left,
        case
            when
                source.current_month_start between timestamptz '2016-01-01 00:00:00+00'
                and timestamptz '2099-12-31 23:59:59+00'
                then source.current_month_start
        end as quota_month_started_at,
        case
            when
                source.current_month_end between timestamptz '2016-01-01 00:00:00+00'
                and timestamptz '2099-12-31 23:59:59+00'
                then source.current_month_end
        end as quota_month_ends_at,
        source.credits_max,
        source.credits_used,
        source.credits_left,
        source.identities_included,
        source.identities_synced,
        source.identities_remaining
    from source
    left join oldest_workflows
        on source.workspace_uid = oldest_workflows.workspace_uid
)

select
    workspace_id,
    name,
    configured_name,
    created_at,
    members,
    members_count,
    email,
    plan_name,
    tasks_max,
    tasks_used,
    tasks_left,
    quota_month_started_at,
    quota_month_ends_at,
    credits_max,
    credits_used,
    credits_left,
    identities_included,
    identities_synced,
    identities_remaining
from renamed
