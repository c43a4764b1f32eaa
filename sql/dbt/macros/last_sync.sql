{#- For `loaded_at_query`: when a sync last read a table and did not fail. A sync that finds nothing
    new counts, so a quiet day is no alarm. A table that no sync reads by itself, such as one of
    bookkeeping or a view, is as fresh as the last sync of any table. -#}
{% macro last_sync(table) %}
select
    coalesce(
        max(case when {{ captaindata.names_key('rows_by_table', table.identifier) }} then finished_at end),
        max(finished_at)
    )
from {{ builtins.source('captaindata', 'sync_runs') }}
where outcome not in ('failed', 'quota') and is_resync is not true
{% endmacro %}

{#- Whether a column of JSON objects has a key. -#}
{% macro names_key(column, key) -%}
{{ return(adapter.dispatch('names_key', 'captaindata')(column, key)) }}
{%- endmacro %}

{% macro default__names_key(column, key) -%}
(cast({{ column }} as json) ->> '{{ key }}') is not null
{%- endmacro %}

{% macro spark__names_key(column, key) -%}
get_json_object({{ column }}, '$.{{ key }}') is not null
{%- endmacro %}
