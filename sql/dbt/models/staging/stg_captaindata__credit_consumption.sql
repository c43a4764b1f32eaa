{#- Written by python -m tests.support.dbt_models -#}
{%- set columns = {
    'workspace_uid': 'text',
    'uid': 'text',
    'read_at': 'timestamp',
    'action_slug': 'text',
    'credits_used': 'double',
    'runs_count': 'bigint',
    'current_month_start': 'timestamp',
    'current_month_end': 'timestamp',
    'row_hash': 'text',
    'loaded_at': 'timestamp',
    '_dlt_load_id': 'text'
} -%}

{{ captaindata.staged(source('captaindata', 'credit_consumption'), columns, ['workspace_uid', 'uid']) }}
