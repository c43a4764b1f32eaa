{#- Written by python -m tests.support.dbt_models -#}
{%- set columns = {
    'workspace_uid': 'text',
    'job_uid': 'text',
    'workflow_uid': 'text',
    'result_uid': 'text',
    'position': 'bigint',
    'data': 'json',
    'created_at': 'timestamp',
    'is_carried': 'bool',
    'loaded_at': 'timestamp',
    '_dlt_load_id': 'text'
} -%}

{{ captaindata.staged(source('captaindata', 'job_results'), columns, ['workspace_uid', 'job_uid'], is_group=true) }}
