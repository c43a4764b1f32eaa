{#- Written by python -m tests.support.dbt_models -#}
{%- set columns = {
    'is_own': 'bool',
    'is_overall': 'bool',
    'workspace_uid': 'text',
    'uid': 'text',
    'linkedin_profile_id': 'text',
    'sales_navigator_profile_id': 'text',
    'linkedin_profile_url': 'text',
    'full_name': 'text',
    'first_name': 'text',
    'last_name': 'text',
    'headline': 'text',
    'job_title': 'text',
    'company_name': 'text',
    'linkedin_company_id': 'text',
    'location': 'text',
    'email': 'text',
    'phone': 'text',
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

{{ captaindata.staged(source('captaindata', 'person_rows'), columns) }}
