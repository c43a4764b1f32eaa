-- companies_results: The results that each company is in
--
-- Grain: One row per workspace and result that has an ID of a company (workspace_id, result_id).
-- Needs: captaindata.company_mentions
-- Time: seen_at
--
-- Columns:
--   workspace_id: UID of the workspace
--   company_id: the company; joins to companies
--   workflow_id: UID of the workflow
--   job_id: UID of the job
--   result_id: the result; joins to job_results
--   seen_at: time of the result, in UTC

with source as (
    select * from captaindata.company_mentions
    where not is_repeated
)

select
    workspace_uid as workspace_id,
    own_id as company_id,
    workflow_uid as workflow_id,
    job_uid as job_id,
    result_uid as result_id,
    seen_at
from source
