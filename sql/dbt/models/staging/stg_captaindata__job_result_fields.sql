{#- Written by python -m tests.support.dbt_models -#}
{%- set columns = {
    'workspace_uid': 'text',
    'workflow_uid': 'text',
    'field_id': 'bigint',
    'key': 'text',
    'nested_key': 'text',
    'column_name': 'text',
    'column_type': 'text',
    'column_place': 'bigint',
    'json_types': 'text',
    'value_kinds': 'text',
    'rows_with_value': 'bigint',
    'first_seen_at': 'timestamp',
    'last_seen_at': 'timestamp',
    'previous_type': 'text',
    'type_changed_at': 'timestamp',
    'added_at': 'timestamp'
} -%}

{{ captaindata.staged(source('captaindata', 'job_result_fields'), columns) }}
