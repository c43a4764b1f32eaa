{#- Written by python -m tests.support.dbt_models -#}
{%- set columns = {
    'workspace_uid': 'text',
    'identity_uid': 'text',
    'integration_permalink': 'text',
    'uid': 'text',
    'name': 'text',
    'status': 'text',
    'auth_type': 'text',
    'setup_source': 'text',
    'is_shared': 'bool',
    'level': 'text',
    'error': 'text',
    'created_at': 'timestamp',
    'updated_at': 'timestamp',
    'is_deleted': 'bool',
    'row_hash': 'text',
    'loaded_at': 'timestamp',
    '_dlt_load_id': 'text'
} -%}

{{ captaindata.staged(source('captaindata', 'integrations'), columns, ['workspace_uid', 'identity_uid', 'integration_permalink']) }}
