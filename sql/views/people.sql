-- people: People in the results of each workspace, once each
--
-- Grain: One row per workspace and person (workspace_id, person_id). The value of each column is
--   the newest that results have.
-- Needs: captaindata.person_rows, captaindata.workspaces
-- Time: last_seen_at
--
-- Columns:
--   workspace_id: UID of the workspace
--   workspace_name: name of the workspace
--   person_id: identifies the person in its workspace: a hash of its best ID
--   linkedin_profile_id: LinkedIn's numeric ID of the profile
--   sales_navigator_profile_id: Sales Navigator's ID of the profile
--   linkedin_profile_url: URL of the profile, without country, query and capitals
--   full_name: full name
--   first_name: first name
--   last_name: last name
--   headline: headline of the profile
--   job_title: job title
--   company_name: name of the company
--   linkedin_company_id: LinkedIn's numeric ID of the company
--   location: location, as the results have it
--   email: e-mail address, in lower case
--   phone: phone number, as the results have it
--   first_seen_at: time of the oldest result, in UTC
--   last_seen_at: time of the newest result, in UTC
--   times_seen: number of results; rows of a retry that the run has too count once
--   jobs: number of jobs with such a result
--   workflows: number of workflows with such a result
--   workflow_ids: UIDs of these workflows, as a JSON list

with source as (
    select * from captaindata.person_rows
    where is_own
),

workspaces as (
    select * from captaindata.workspaces
)

select
    source.workspace_uid as workspace_id,
    coalesce(workspaces.name, workspaces.configured_name) as workspace_name,
    source.uid as person_id,
    source.linkedin_profile_id,
    source.sales_navigator_profile_id,
    source.linkedin_profile_url,
    source.full_name,
    source.first_name,
    source.last_name,
    source.headline,
    source.job_title,
    source.company_name,
    source.linkedin_company_id,
    source.location,
    source.email,
    source.phone,
    source.first_seen_at,
    source.last_seen_at,
    source.times_seen,
    source.jobs,
    source.workflows,
    cast(source.workflow_uids as json) as workflow_ids
from source
left join workspaces
    on source.workspace_uid = workspaces.workspace_uid
