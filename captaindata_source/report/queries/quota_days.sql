-- quota_days: Quota used in the month, by day
--
-- Grain: One row per day (or week or month of a long period), workspace and unit. The workspaces
--   that used most of their quota at last have rows.
-- Needs: captaindata_views.credit_usage
--
-- Columns:
--   day: the UTC day, or first day of the week or month
--   place: place of the workspace, from 1
--   workspace_label: name of the workspace
--   unit: tasks or credits
--   used_in_month: units used in the quota month
--   share_used: used_in_month / quota_max

with source as (
    select
        *,
        cast(date_trunc('day' /* step */, day) as date) as first_day,
        cast(used_in_month as double precision) / nullif(quota_max, 0) as share_used,
        row_number() over (
            partition by workspace_id, unit, cast(date_trunc('day' /* step */, day) as date)
            order by day desc
        ) as newest_first,
        row_number() over (partition by workspace_id, unit order by day desc) as place_of_day
    from captaindata_views.credit_usage
    where
        true /* workspaces */
        and day >= date '2026-01-01' /* first_day */
        and used_in_month is not null
        and quota_max > 0
),

ranked as (
    select
        workspace_id,
        unit,
        row_number() over (order by share_used desc nulls last, workspace_id, unit) as place
    from source
    where place_of_day = 1
)

select
    source.first_day as day,
    ranked.place,
    left(source.workspace_label, 200) as workspace_label,
    source.unit,
    cast(source.used_in_month as double precision) as used_in_month,
    source.share_used
from source
inner join ranked
    on
        source.workspace_id = ranked.workspace_id
        and source.unit = ranked.unit
where source.newest_first = 1 and ranked.place <= 1 /* series */
order by source.first_day, ranked.place
