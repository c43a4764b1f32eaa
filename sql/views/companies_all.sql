-- companies_all: Companies over all workspaces, once each
--
-- Grain: One row per company (company_id). It mixes the data of your clients: give it to none of
--   them.
-- Needs: captaindata.company_rows
-- Time: last_seen_at
--
-- Columns:
--   company_id: identifies the company; the same as in companies, unless workspaces contradict
--     each other
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
--   workspaces: number of workspaces that have the company
--   workspace_ids: UIDs of these workspaces, as a JSON list

with source as (
    select * from captaindata.company_rows
    where is_overall
)

select
    uid as company_id,
    linkedin_company_id,
    linkedin_company_url,
    domain,
    company_name,
    website,
    industry,
    employee_count,
    headquarters,
    first_seen_at,
    last_seen_at,
    times_seen,
    jobs,
    workflows,
    cast(workflow_uids as json) as workflow_ids,
    workspaces,
    cast(workspace_uids as json) as workspace_ids
from source
