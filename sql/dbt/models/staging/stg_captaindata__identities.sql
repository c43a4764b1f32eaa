{#- Written by python -m tests.support.dbt_models -#}
{%- set columns = {
    'workspace_uid': 'text',
    'uid': 'text',
    'name': 'text',
    'type': 'text',
    'timezone': 'text',
    'integrations': 'json',
    'created_at': 'timestamp',
    'is_deleted': 'bool',
    'row_hash': 'text',
    'loaded_at': 'timestamp',
    '_dlt_load_id': 'text'
} -%}

{{ captaindata.staged(source('captaindata', 'identities'), columns, ['workspace_uid', 'uid']) }}
