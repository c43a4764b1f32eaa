{#- Written by python -m tests.support.dbt_models -#}
{%- set columns = {
    'workspace_uid': 'text',
    'uid': 'text',
    'workflow_uid': 'text',
    'field': 'text',
    'old_value': 'text',
    'new_value': 'text',
    'seen_at': 'timestamp',
    '_dlt_load_id': 'text'
} -%}

{{ captaindata.staged(source('captaindata', 'workflow_changes'), columns, ['workspace_uid', 'uid']) }}
