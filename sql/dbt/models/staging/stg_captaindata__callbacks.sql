{#- Written by python -m tests.support.dbt_models -#}
{%- set columns = {
    'workspace_uid': 'text',
    'uid': 'text',
    'parent_uid': 'text',
    'run_uid': 'text',
    'batch_uid': 'text',
    'status': 'text',
    'http_status': 'bigint',
    'error': 'text',
    'retry_count': 'bigint',
    'created_at': 'timestamp',
    'row_hash': 'text',
    'loaded_at': 'timestamp',
    '_dlt_load_id': 'text'
} -%}

{{ captaindata.staged(source('captaindata', 'callbacks'), columns, ['workspace_uid', 'uid']) }}
