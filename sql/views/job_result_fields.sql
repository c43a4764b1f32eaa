-- job_result_fields: the catalogue of what the results of each workflow hold
--
-- Grain: One row per workspace, workflow and key, and per key within its objects (workspace_id,
--   workflow_id, field_id).
-- Question: Which columns do the results of a workflow have, of which types, since when?
-- Needs: captaindata.job_result_fields, captaindata.job_result_views, captaindata.workflows
--
-- Columns:
--   workspace_id: workspace
--   workflow_id: workflow
--   workflow_name: name of the workflow as last seen
--   view_name: view of the workflow's results
--   field_id: number of the field within the workflow
--   key: key of the result, as it came
--   nested_key: key within the object that the key holds; null: the value of the key itself
--   column_name: column of the view
--   column_type: boolean, bigint, double, timestamp, text or json; null: an object, whose keys have
--     columns of their own
--   is_in_view: the view has the column; false for an object, and beyond 1,500 columns, where the
--     value is in job_results.data alone
--   json_types: JSON types seen, sorted, with commas
--   rows_with_value: results that hold a value other than null, now
--   first_seen_at: created_at of the oldest result with a value, UTC; null where it is not
--     plausible: before 2016 or after 2099
--   last_seen_at: created_at of the newest result with a value, UTC; null likewise
--   previous_type: type of the column before it was last widened; null: never
--   type_changed_at: when that was, UTC

with fields as (
    select * from captaindata.job_result_fields
),

result_views as (
    select * from captaindata.job_result_views
),

workflows as (
    select * from captaindata.workflows
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
    fields.type_changed_at
from fields
left join result_views
    on result_views.workspace_uid = fields.workspace_uid
    and result_views.workflow_uid = fields.workflow_uid
left join workflows
    on workflows.workspace_uid = fields.workspace_uid
    and workflows.uid = fields.workflow_uid
