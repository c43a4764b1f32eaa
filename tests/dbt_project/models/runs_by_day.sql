{{ config(materialized='view') }}

with runs as (
    select
        workspace_id,
        workflow_id,
        {{ captaindata.report_day('run_at') }} as day
    from {{ source('captaindata_views', 'jobs') }}
    where not is_sub_job and run_at is not null
)

select
    workspace_id,
    workflow_id,
    day,
    count(*) as runs
from runs
group by workspace_id, workflow_id, day
