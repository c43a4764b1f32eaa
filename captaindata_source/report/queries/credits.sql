-- credits: Credits that each action used
--
-- Grain: One row per workspace and action.
-- Needs: captaindata_views.credits_by_action
--
-- Columns:
--   workspace_label: name of the workspace
--   action: the action
--   credits_used: credits used in the period; null if the period has one reading only
--   runs: runs in the period, counted in the same way
--   credits_used_in_month: credits used in the billing month, at the last reading
--   total: number of actions

with source as (
    select
        *,
        row_number() over (partition by workspace_id, action order by day desc) as newest_first
    from captaindata_views.credits_by_action
    where
        true /* workspaces */
        and day >= date '2026-01-01' /* first_day */
)

select
    left(min(workspace_label), 200) as workspace_label,
    left(action, 300) as action,
    cast(sum(credits_used) as double precision) as credits_used,
    cast(sum(runs) as bigint) as runs,
    cast(max(credits_used_in_month) filter (where newest_first = 1) as double precision)
        as credits_used_in_month,
    count(*) over () as total
from source
group by workspace_id, action
order by credits_used_in_month desc nulls last, workspace_id, action
limit 1 /* rows */
