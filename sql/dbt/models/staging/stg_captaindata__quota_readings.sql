{#- Written by python -m tests.support.dbt_models -#}
{%- set columns = {
    'workspace_uid': 'text',
    'uid': 'text',
    'read_at': 'timestamp',
    'unit': 'text',
    'quota_left': 'double',
    'quota_max': 'double',
    'quota_used': 'double',
    'plan_name': 'text',
    'current_month_start': 'timestamp',
    'current_month_end': 'timestamp',
    'row_hash': 'text',
    'loaded_at': 'timestamp',
    '_dlt_load_id': 'text'
} -%}

{{ captaindata.staged(source('captaindata', 'quota_readings'), columns, ['workspace_uid', 'uid']) }}
