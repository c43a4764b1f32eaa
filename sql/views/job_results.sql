-- job_results: the records that jobs brought
--
-- Grain: One row per workspace and result (workspace_id, result_id). A retry's results are also
--   among those of the run that it retries: sum over main runs, or over sub-jobs, not over both.
-- Question: What did the jobs bring?
-- Needs: captaindata.job_results
--
-- Columns:
--   workspace_id: workspace
--   workflow_id: workflow
--   job_id: the job that brought it
--   result_id: identifies the result within its workspace; made by the connector
--   position: place among the job's results, from 0
--   data: the record, JSON as the API gave it; its keys differ from workflow to workflow
--   created_at: when the record was extracted, else when its job finished, in UTC;
--     null where it is not plausible: before 2016 or after 2099

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
