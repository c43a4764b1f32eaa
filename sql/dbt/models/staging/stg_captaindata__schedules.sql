{#- Written by python -m tests.support.dbt_models -#}
{%- set columns = {
    'workspace_uid': 'text',
    'kind': 'text',
    'uid': 'text',
    'name': 'text',
    'action_id': 'text',
    'action_name': 'text',
    'flow_preset_uid': 'text',
    'flow_preset_name': 'text',
    'user_uid': 'text',
    'status': 'text',
    'cron': 'text',
    'timezone': 'text',
    'next_execution_at': 'timestamp',
    'last_executed_at': 'timestamp',
    'postponed_until': 'timestamp',
    'created_at': 'timestamp',
    'updated_at': 'timestamp',
    'is_deleted': 'bool',
    'row_hash': 'text',
    'loaded_at': 'timestamp',
    '_dlt_load_id': 'text'
} -%}

{{ captaindata.staged(source('captaindata', 'schedules'), columns, ['workspace_uid', 'kind', 'uid']) }}
