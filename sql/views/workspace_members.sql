-- workspace_members: the users of each workspace
--
-- Grain: One row per workspace and member (workspace_id, member_id).
-- Question: Who has access to which workspace?
-- Needs: captaindata_views.workspaces
--
-- Columns:
--   workspace_id: workspace
--   workspace_name: name of the workspace
--   member_id: UID of the user
--   email: address of the user
--   first_name: first name
--   last_name: last name
--   full_name: first and last name, as the API gives it
--   country: country code
--   accounts: connected accounts of the user, a JSON array as the API gives it
--   role: role in the workspace, the first where there are several; null where the API does not
--     tell
--   timezone: time zone of the user; null where the API does not tell

with source as (
    select * from captaindata_views.workspaces
),

members as (
    select
        source.workspace_id,
        source.name as workspace_name,
        (source.members -> cast(g.i as int)) as member
    from source
    cross join lateral generate_series(0, cast(source.members_count as int) - 1) as g (i)
),

renamed as (
    select
        workspace_id,
        workspace_name,
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
    timezone
from renamed
