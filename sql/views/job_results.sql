-- job_results: Records that the jobs produced
--
-- Grain: One row per workspace and result (workspace_id, result_id). The results of a retry are
--   also among the results of the run that it retries: sum over main runs or over sub-jobs, not
--   over both.
-- Needs: captaindata.job_results
--
-- Columns:
--   workspace_id: UID of the workspace
--   workflow_id: UID of the workflow
--   job_id: UID of the job that produced the record
--   result_id: ID of the result, unique within its workspace; assigned by the connector
--   position: position among the results of the job, from 0
--   data: the record as JSON, unchanged; its keys differ from workflow to workflow
--   created_at: time the record was extracted, or else the time its job finished, in UTC; null if
--     before 2016 or after 2099

with source as (
    select * from captaindata.job_results
),

renamed as (
    select
        workspace_uid as workspace_id,
        workflow_uid as workflow_id,
        job_uid as job_id,
        result_uid as result_id,
        position,
        cast(data as json) as data,
        case
            when
                created_at between timestamptz '2016-01-01 00:00:00+00'
                and timestamptz '2099-12-31 23:59:59+00'
                then created_at
        end as created_at
    from source
)

select
    workspace_id,
    workflow_id,
    job_id,
    result_id,
    position,
    data,
    created_at
from renamed
