{#- Written by python -m tests.support.dbt_models -#}
{%- set columns = {
    'workspace_uid': 'text',
    'workflow_uid': 'text',
    'job_uid': 'text',
    'result_uid': 'text',
    'seen_at': 'timestamp',
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
    'is_repeated': 'bool',
    'own_id': 'text',
    'component': 'bigint',
    'is_only': 'bool'
} -%}

{{ captaindata.staged(source('captaindata', 'person_mentions'), columns) }}
