{#- Written by python -m tests.support.dbt_models -#}
{%- set columns = {
    'workspace_uid': 'text',
    'uid': 'text',
    'received_at': 'timestamp',
    'kind': 'text',
    'workflow_uid': 'text',
    'job_uid': 'text',
    'identity_uid': 'text',
    'copies': 'bigint',
    'tries': 'bigint',
    'action': 'text',
    'loaded_at': 'timestamp',
    '_dlt_load_id': 'text'
} -%}

{{ captaindata.staged(source('captaindata', 'webhook_events'), columns, ['workspace_uid', 'uid']) }}
