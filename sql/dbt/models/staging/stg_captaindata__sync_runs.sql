{#- Written by python -m tests.support.dbt_models -#}
{%- set columns = {
    'workspace_uid': 'text',
    'uid': 'text',
    'workspace_name': 'text',
    'started_at': 'timestamp',
    'finished_at': 'timestamp',
    'outcome': 'text',
    'error': 'text',
    'is_full_refresh': 'bool',
    'is_resync': 'bool',
    'api_calls': 'bigint',
    'rows_by_table': 'json',
    'results_fetched': 'bigint',
    'results_skipped': 'bigint',
    'results_set_aside': 'bigint',
    'results_left': 'bigint',
    'is_listing_left': 'bool',
    'issues': 'bigint',
    'load_packages': 'bigint',
    'secrets_rule': 'bigint',
    'api_version': 'text',
    'connector_version': 'text',
    'dlt_version': 'text',
    '_dlt_load_id': 'text'
} -%}

{{ captaindata.staged(source('captaindata', 'sync_runs'), columns, ['workspace_uid', 'uid']) }}
