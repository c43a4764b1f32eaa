-- people_conflicts: People and companies that share a value but have different IDs
--
-- Grain: One row per workspace, value and ID that differs (workspace_id, entity, kind, value,
--   id_kind).
-- Needs: captaindata.mention_conflicts, captaindata.workspaces
-- Time: none
--
-- Columns:
--   workspace_id: UID of the workspace
--   workspace_name: name of the workspace
--   entity: person or company
--   kind: kind of the value: linkedin_profile_url for example; chain if no single value links the
--     IDs
--   value: the value that would have linked the results; for a chain, its values as a JSON list
--   id_kind: ID that differs: linkedin_profile_id, sales_navigator_profile_id or
--     linkedin_company_id
--   ids: its values, as a JSON list
--   results: number of results with the value

with source as (
    select * from captaindata.mention_conflicts
),

workspaces as (
    select * from captaindata.workspaces
)

select
    source.workspace_uid as workspace_id,
    coalesce(workspaces.name, workspaces.configured_name) as workspace_name,
    source.entity,
    source.kind,
    source.value,
    source.id_kind,
    cast(source.ids as json) as ids,
    source.result_rows as results
from source
left join workspaces
    on source.workspace_uid = workspaces.workspace_uid
