-- workspaces: Workspaces, with members, plan and quota
--
-- Grain: One row per workspace (workspace_id).
-- Needs: captaindata.workspaces, captaindata.workflows
-- Time: none
--
-- Columns:
--   workspace_id: UID of the workspace (project_uid in your configuration)
--   name: display name in Captain Data, or else the configured name
--   configured_name: name in your configuration
--   created_at: creation time of its oldest known workflow, in UTC; the workspace itself is at
--     least as old, but the API does not report when it was created
--   members: members of the workspace, as a JSON array as reported by the API
--   members_count: number of members
--   email: contact address
--   plan_name: name of the plan
--   tasks_max: quota of the month in tasks (API v3); null in API v4
--   tasks_used: used quota, in tasks
--   tasks_left: remaining quota, in tasks
--   quota_month_started_at: start of the quota month, in UTC; null if before 2016 or after 2099
--   quota_month_ends_at: end of the quota month, in UTC; null if before 2016 or after 2099
--   credits_max: quota of the month in credits (API v4); null in API v3
--   credits_used: used quota, in credits
--   credits_left: remaining quota, in credits
--   identities_included: number of identities that the plan includes; null if the API does not
--     report it (v3)
--   identities_synced: number of identities in use
--   identities_remaining: number of identities that can still be added
--   workspace_name: display name in Captain Data, or else the configured name
--   workspace_label: name of the workspace in your configuration, or else its UID

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
    identities_remaining,
    name as workspace_name,
    coalesce(configured_name, workspace_id) as workspace_label
from renamed
