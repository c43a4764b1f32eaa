{#- Written by python -m tests.support.dbt_models -#}
{#- A text that is the same for equal JSON, where the database can make one. -#}
{% macro same_json(value) -%}
{{ return(adapter.dispatch('same_json', 'captaindata')(value)) }}
{%- endmacro %}

{% macro default__same_json(value) -%}
cast({{ value }} as {{ captaindata.column_type('text') }})
{%- endmacro %}

{#- DuckDB 1 has no `json_normalize`. -#}
{% macro duckdb__same_json(value) -%}
{%- if execute and run_query('select version()').columns[0][0].startswith('v1.') -%}
case when regexp_matches(regexp_replace(cast({{ value }} as text), '\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}', '', 'g'), '\\u0000|\\u[dD][89a-fA-F]|[eE][+-]?[0-9]{4,}') then cast({{ value }} as text) else (select array_to_string(list_sort(list(cast(json_array(node.fullkey, node.key, coalesce(regexp_replace(cast(node.atom as text), '^(?:-(0)|(-?[0-9]+))\.0$', '\1\2'), node.type)) as text))), ',') from json_tree({{ value }}) as node) || ' ' || coalesce(array_to_string(list_sort(regexp_extract_all(cast({{ value }} as text), '[0-9][0-9.]{15,}|[eE][+-]?[0-9]{3,}')), ' '), '') end
{%- else -%}
case when regexp_matches(regexp_replace(cast({{ value }} as text), '\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}', '', 'g'), '\\u0000|\\u[dD][89a-fA-F]|[eE][+-]?[0-9]{4,}') then cast({{ value }} as text) else regexp_replace(cast(json_normalize({{ value }}) as text), '("(?:[^"\\]|\\.)*")|(?:-(0))?\.0([],}]|$)', '\1\2\3', 'g') || ' ' || coalesce(array_to_string(list_sort(regexp_extract_all(cast({{ value }} as text), '[0-9][0-9.]{15,}|[eE][+-]?[0-9]{3,}')), ' '), '') end
{%- endif -%}
{%- endmacro %}

{% macro postgres__same_json(value) -%}
case when regexp_replace(cast({{ value }} as text), '\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}', '', 'g') ~ '\\u0000|\\u[dD][89a-fA-F]|[eE][+-]?[0-9]{4,}' then cast({{ value }} as text) else regexp_replace(cast(cast(cast({{ value }} as text) as jsonb) as text), '("(?:[^"\\]|\\.)*")|(\.[0-9]*[1-9])0+(?![0-9])|\.0+(?![0-9])', '\1\2', 'g') || ' ' || coalesce((select string_agg(found[1], ' ' order by found[1]) from regexp_matches(cast({{ value }} as text), '([0-9][0-9.]{15,}|[eE][+-]?[0-9]{3,})', 'g') as found), '') end
{%- endmacro %}
