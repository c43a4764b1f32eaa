{#- Written by python -m tests.support.dbt_models -#}
{%- set columns = {
    'workspace_uid': 'text',
    'uid': 'text',
    'configured_name': 'text',
    'name': 'text',
    'email': 'text',
    'plan_name': 'text',
    'current_month_start': 'timestamp',
    'current_month_end': 'timestamp',
    'tasks_left': 'bigint',
    'tasks_max': 'bigint',
    'tasks_used': 'bigint',
    'credits_left': 'double',
    'credits_max': 'double',
    'credits_used': 'double',
    'identities_included': 'bigint',
    'identities_synced': 'bigint',
    'identities_remaining': 'bigint',
    'members': 'json',
    'row_hash': 'text',
    'loaded_at': 'timestamp',
    '_dlt_load_id': 'text'
} -%}

{{ captaindata.staged(source('captaindata', 'workspaces'), columns, ['workspace_uid', 'uid']) }}
