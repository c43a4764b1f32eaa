-- people_all: People over all workspaces, once each
--
-- Grain: One row per person (person_id). It mixes the data of your clients: give it to none of
--   them.
-- Needs: captaindata.person_rows
-- Time: last_seen_at
--
-- Columns:
--   person_id: identifies the person; the same as in people, unless workspaces contradict each
--     other
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
--   workspaces: number of workspaces that have the person
--   workspace_ids: UIDs of these workspaces, as a JSON list

with source as (
    select * from captaindata.person_rows
    where is_overall
)

select
    uid as person_id,
    linkedin_profile_id,
    sales_navigator_profile_id,
    linkedin_profile_url,
    full_name,
    first_name,
    last_name,
    headline,
    job_title,
    company_name,
    linkedin_company_id,
    location,
    email,
    phone,
    first_seen_at,
    last_seen_at,
    times_seen,
    jobs,
    workflows,
    cast(workflow_uids as json) as workflow_ids,
    workspaces,
    cast(workspace_uids as json) as workspace_ids
from source
