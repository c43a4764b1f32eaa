{#- Written by python -m tests.support.dbt_models -#}
{%- set columns = {
    'workspace_uid': 'text',
    'uid': 'text',
    'name': 'text',
    'created_at': 'timestamp',
    'updated_at': 'timestamp',
    'project_id': 'bigint',
    'template_uid': 'text',
    'steps': 'json',
    'details': 'json',
    'details_fetched_at': 'timestamp',
    'is_deleted': 'bool',
    'row_hash': 'text',
    'loaded_at': 'timestamp',
    'kind': 'text',
    '_dlt_load_id': 'text'
} -%}

{{ captaindata.staged(source('captaindata', 'workflows'), columns, ['workspace_uid', 'uid']) }}
