{#- Written by python -m tests.support.dbt_models -#}
{%- set columns = {
    'workspace_uid': 'text',
    'job_uid': 'text',
    'workflow_uid': 'text',
    'uid': 'text',
    'position': 'bigint',
    'status': 'text',
    'input_data': 'json',
    'custom_data': 'json',
    'error_label': 'text',
    'error_scope': 'text',
    'error_reference': 'text',
    'error_message': 'text',
    'output_count': 'bigint',
    'retry_count': 'bigint',
    'started_at': 'timestamp',
    'finished_at': 'timestamp',
    'created_at': 'timestamp',
    'updated_at': 'timestamp',
    'data': 'json',
    'loaded_at': 'timestamp',
    '_dlt_load_id': 'text'
} -%}

{{ captaindata.staged(source('captaindata', 'job_inputs'), columns, ['workspace_uid', 'job_uid'], is_group=true) }}
