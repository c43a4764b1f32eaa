{#- Written by python -m tests.support.dbt_models -#}
{%- set columns = {
    'workspace_uid': 'text',
    'uid': 'text',
    'job_uid': 'text',
    'old_workflow_uid': 'text',
    'workflow_uid': 'text',
    'change': 'text',
    'rows_before': 'bigint',
    'rows_after': 'bigint',
    'seen_at': 'timestamp',
    '_dlt_load_id': 'text'
} -%}

{{ captaindata.staged(source('captaindata', 'results_changes'), columns, ['workspace_uid', 'uid']) }}
