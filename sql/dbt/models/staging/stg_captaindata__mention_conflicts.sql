{#- Written by python -m tests.support.dbt_models -#}
{%- set columns = {
    'workspace_uid': 'text',
    'entity': 'text',
    'kind': 'text',
    'value': 'text',
    'id_kind': 'text',
    'ids': 'text',
    'result_rows': 'bigint',
    'component': 'bigint'
} -%}

{{ captaindata.staged(source('captaindata', 'mention_conflicts'), columns) }}
