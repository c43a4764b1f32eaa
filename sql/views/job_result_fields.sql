-- job_result_fields: Columns of each workflow's results: type, number of values, first and last
--   seen
--
-- Grain: One row per workspace, workflow and key of a result, nested keys included (workspace_id,
--   workflow_id, field_id).
-- Needs: captaindata.job_result_fields, captaindata.job_result_views, captaindata.workflows,
--   captaindata.workspaces
-- Time: last_seen_at
--
-- Columns:
--   workspace_id: UID of the workspace
--   workflow_id: UID of the workflow
--   workflow_name: last known name of the workflow
--   view_name: name of the view with the workflow's results
--   field_id: number of the field within the workflow
--   key: key in the result, unchanged
--   nested_key: key within the object that is the value of key; null for the value of key itself
--   column_name: name of the column in the view
--   column_type: boolean, bigint, double, timestamp, text or json; null for an object, whose keys
--     have columns of their own
--   is_in_view: true if the view has the column; false for an object, and for columns beyond the
--     first 1,500, whose values are only in job_results.data
--   json_types: JSON types seen, sorted and separated by commas
--   rows_with_value: number of results with a value other than null, those of retries included
--   first_seen_at: created_at of the oldest result with a value, in UTC; null if before 2016 or
--     after 2099
--   last_seen_at: created_at of the newest result with a value, in UTC; null if before 2016 or
--     after 2099
--   previous_type: type of the column before it was last widened; null if it never was
--   type_changed_at: time the type was last widened, in UTC
--   workspace_name: name of the workspace
--   workspace_label: name of the workspace in your configuration, or else its UID

with fields as (
    select * from captaindata.job_result_fields
),

result_views as (
    select * from captaindata.job_result_views
),

workflows as (
    select * from captaindata.workflows
),

workspaces as (
    select * from captaindata.workspaces
)

select
    fields.workspace_uid as workspace_id,
    fields.workflow_uid as workflow_id,
    workflows.name as workflow_name,
    result_views.view_name,
    fields.field_id,
    fields.key,
    fields.nested_key,
    fields.column_name,
    fields.column_type,
    fields.column_place is not null as is_in_view,
    fields.json_types,
    fields.rows_with_value,
    case
        when
            fields.first_seen_at between timestamptz '2016-01-01 00:00:00+00'
            and timestamptz '2099-12-31 23:59:59+00'
            then fields.first_seen_at
    end as first_seen_at,
    case
        when
            fields.last_seen_at between timestamptz '2016-01-01 00:00:00+00'
            and timestamptz '2099-12-31 23:59:59+00'
            then fields.last_seen_at
    end as last_seen_at,
    fields.previous_type,
    fields.type_changed_at,
    coalesce(workspaces.name, workspaces.configured_name) as workspace_name,
    coalesce(workspaces.configured_name, fields.workspace_uid) as workspace_label
from fields
left join result_views
    on result_views.workspace_uid = fields.workspace_uid
    and result_views.workflow_uid = fields.workflow_uid
left join workflows
    on workflows.workspace_uid = fields.workspace_uid
    and workflows.uid = fields.workflow_uid
left join workspaces
    on workspaces.workspace_uid = fields.workspace_uid
