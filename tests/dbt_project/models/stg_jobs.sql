{{ config(materialized='view') }}

with source as (
    select * from {{ source('captaindata_views', 'jobs') }}
),

renamed as (
    select
        workspace_id,
        job_id,
        workflow_name,
        status_group,
        duration_seconds
    from source
    where not is_sub_job
)

select * from renamed
