-- companies: Companies in the results of each workspace, once each
--
-- Grain: One row per workspace and company (workspace_id, company_id). The value of each column
--   is the newest that results have.
-- Needs: captaindata.company_rows, captaindata.workspaces
-- Time: last_seen_at
--
-- Columns:
--   workspace_id: UID of the workspace
--   workspace_name: name of the workspace
--   company_id: identifies the company in its workspace: a hash of its best ID
--   linkedin_company_id: LinkedIn's numeric ID of the company
--   linkedin_company_url: URL of the company's LinkedIn page, without country, query and capitals
--   domain: domain of the company's website
--   company_name: name of the company
--   website: website, as the results have it
--   industry: industry
--   employee_count: number of employees
--   headquarters: location of the headquarters, as the results have it
--   first_seen_at: time of the oldest result, in UTC
--   last_seen_at: time of the newest result, in UTC
--   times_seen: number of results; rows of a retry that the run has too count once
--   jobs: number of jobs with such a result
--   workflows: number of workflows with such a result
--   workflow_ids: UIDs of these workflows, as a JSON list

with source as (
    select * from captaindata.company_rows
    where is_own
),

workspaces as (
    select * from captaindata.workspaces
)

select
    source.workspace_uid as workspace_id,
    coalesce(workspaces.name, workspaces.configured_name) as workspace_name,
    source.uid as company_id,
    source.linkedin_company_id,
    source.linkedin_company_url,
    source.domain,
    source.company_name,
    source.website,
    source.industry,
    source.employee_count,
    source.headquarters,
    source.first_seen_at,
    source.last_seen_at,
    source.times_seen,
    source.jobs,
    source.workflows,
    cast(source.workflow_uids as json) as workflow_ids
from source
left join workspaces
    on source.workspace_uid = workspaces.workspace_uid
