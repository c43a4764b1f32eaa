{#- Written by python -m tests.support.dbt_models -#}
{%- set columns = {
    'is_own': 'bool',
    'is_overall': 'bool',
    'workspace_uid': 'text',
    'uid': 'text',
    'linkedin_company_id': 'text',
    'linkedin_company_url': 'text',
    'domain': 'text',
    'company_name': 'text',
    'website': 'text',
    'industry': 'text',
    'employee_count': 'bigint',
    'headquarters': 'text',
    'first_seen_at': 'timestamp',
    'last_seen_at': 'timestamp',
    'times_seen': 'bigint',
    'jobs': 'bigint',
    'workflows': 'bigint',
    'workflow_uids': 'text',
    'workspaces': 'bigint',
    'workspace_uids': 'text',
    'component': 'bigint'
} -%}

{{ captaindata.staged(source('captaindata', 'company_rows'), columns) }}
