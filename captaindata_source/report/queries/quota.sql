-- quota: Quota of each workspace, in tasks or credits
--
-- Grain: One row per workspace and unit.
-- Needs: captaindata_views.workspaces
--
-- Columns:
--   workspace_label: name of the workspace
--   plan_name: name of the plan
--   unit: tasks (API v3) or credits (API v4)
--   quota_max: quota of the month
--   quota_used: used quota
--   quota_left: remaining quota
--   share_used: quota_used / quota_max; null if either is not known
--   month_ends_at: end of the quota month
--   total: number of workspaces

with source as (
    select * from captaindata_views.workspaces
    where true /* workspaces */
),

quotas as (
    select
        workspace_id,
        workspace_label,
        plan_name,
        'tasks' as unit,
        cast(tasks_max as double precision) as quota_max,
        cast(tasks_used as double precision) as quota_used,
        cast(tasks_left as double precision) as quota_left,
        quota_month_ends_at
    from source
    where coalesce(tasks_max, tasks_used, tasks_left) is not null
    union all
    select
        workspace_id,
        workspace_label,
        plan_name,
        'credits' as unit,
        cast(credits_max as double precision) as quota_max,
        cast(credits_used as double precision) as quota_used,
        cast(credits_left as double precision) as quota_left,
        quota_month_ends_at
    from source
    where coalesce(credits_max, credits_used, credits_left) is not null
)

select
    left(workspace_label, 200) as workspace_label,
    left(plan_name, 100) as plan_name,
    unit,
    quota_max,
    quota_used,
    quota_left,
    case when quota_max > 0 then quota_used / quota_max end as share_used,
    quota_month_ends_at as month_ends_at,
    count(*) over () as total
from quotas
order by share_used desc nulls last, workspace_id, unit
limit 1 /* rows */
