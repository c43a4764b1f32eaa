{#- Written by python -m tests.support.dbt_models -#}
{%- set columns = {
    'load_id': 'text',
    'schema_name': 'text',
    'status': 'bigint',
    'inserted_at': 'timestamp',
    'schema_version_hash': 'text'
} -%}

{{ captaindata.staged(source('captaindata', '_dlt_loads'), columns) }}
