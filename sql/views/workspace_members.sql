-- workspace_members: Members of each workspace
--
-- Grain: One row per workspace and member (workspace_id, member_id).
-- Needs: captaindata_views.workspaces
-- Time: none
--
-- Columns:
--   workspace_id: UID of the workspace
--   workspace_name: name of the workspace
--   member_id: UID of the member
--   email: email address
--   first_name: first name
--   last_name: last name
--   full_name: full name, as reported by the API
--   country: country code
--   accounts: connected accounts of the member, as a JSON array as reported by the API
--   role: role in the workspace (the first, if the API reports several); null if the API reports
--     none
--   timezone: time zone of the member; null if the API does not report it
--   workspace_label: name of the workspace in your configuration, or else its UID

with source as (
    select * from captaindata_views.workspaces
),

members as (
    select
        source.workspace_id,
        source.workspace_name,
        source.workspace_label,
        (source.members -> cast(g.i as int)) as member
    from source
    cross join lateral generate_series(0, cast(source.members_count as int) - 1) as g (i)
),

renamed as (
    select
        workspace_id,
        workspace_name,
        workspace_label,
        (member ->> 'uid') as member_id,
        (member ->> 'email') as email,
        (member ->> 'first_name') as first_name,
        (member ->> 'last_name') as last_name,
        (member ->> 'full_name') as full_name,
        (member ->> 'country') as country,
        (member -> 'accounts') as accounts,
        coalesce((member ->> 'role'), ((member -> 'roles') ->> 0)) as role,
        (member ->> 'timezone') as timezone
    from members
)

select
    workspace_id,
    workspace_name,
    member_id,
    email,
    first_name,
    last_name,
    full_name,
    country,
    accounts,
    role,
    timezone,
    workspace_label
from renamed
