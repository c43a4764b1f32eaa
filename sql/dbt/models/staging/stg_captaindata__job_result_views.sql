{#- Written by python -m tests.support.dbt_models -#}
{%- set columns = {
    'workspace_uid': 'text',
    'workflow_uid': 'text',
    'view_name': 'text',
    'added_at': 'timestamp'
} -%}

{{ captaindata.staged(source('captaindata', 'job_result_views'), columns) }}
