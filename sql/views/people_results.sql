-- people_results: The results that each person is in
--
-- Grain: One row per workspace and result that has an ID of a person (workspace_id, result_id).
-- Needs: captaindata.person_mentions
-- Time: seen_at
--
-- Columns:
--   workspace_id: UID of the workspace
--   person_id: the person; joins to people
--   workflow_id: UID of the workflow
--   job_id: UID of the job
--   result_id: the result; joins to job_results
--   seen_at: time of the result, in UTC

with source as (
    select * from captaindata.person_mentions
    where not is_repeated
)

select
    workspace_uid as workspace_id,
    own_id as person_id,
    workflow_uid as workflow_id,
    job_uid as job_id,
    result_uid as result_id,
    seen_at
from source
