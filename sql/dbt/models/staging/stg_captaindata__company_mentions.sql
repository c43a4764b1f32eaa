{#- Written by python -m tests.support.dbt_models -#}
{%- set columns = {
    'workspace_uid': 'text',
    'workflow_uid': 'text',
    'job_uid': 'text',
    'result_uid': 'text',
    'seen_at': 'timestamp',
    'linkedin_company_id': 'text',
    'linkedin_company_url': 'text',
    'domain': 'text',
    'company_name': 'text',
    'website': 'text',
    'industry': 'text',
    'employee_count': 'bigint',
    'headquarters': 'text',
    'is_repeated': 'bool',
    'own_id': 'text',
    'component': 'bigint',
    'is_only': 'bool'
} -%}

{{ captaindata.staged(source('captaindata', 'company_mentions'), columns) }}
