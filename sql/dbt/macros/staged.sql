{#- A raw table with the columns that the models need. A column that the table lacks is null: an
    older connector loaded it. A table that is not there gives no rows: it was never loaded.

    On Spark, columns get their types here: files may have others, such as text for times.

    Destinations that can't replace rows, such as files in a folder, keep each version of a row.
    There, set the var `captaindata_append_only`: the newest version counts, of loads that are
    complete.

    Args:
        table: The source.
        columns: Column to data type of dlt.
        key: Columns that identify a row.
        is_group: The key is that of several rows, which are replaced together. -#}
{% macro staged(table, columns, key=none, is_group=false) %}
{%- set found = load_relation(table) if execute else table -%}
{%- set there = captaindata.columns_of(found, columns) -%}
select
    {%- for name, kind in columns.items() %}
    {% if name in there and not captaindata.is_spark() -%}
    {{ name }}
    {%- else -%}
    cast({{ name if name in there else 'null' }} as {{ captaindata.column_type(kind) }}) as {{ name }}
    {%- endif %}
    {{- ',' if not loop.last }}
    {%- endfor %}
{%- if found is none %}
where false
{%- elif var('captaindata_append_only', false) and key %}
from (
    select
        *,
        {%- if is_group %}
        max(_dlt_load_id) over (partition by {{ key | join(', ') }}) = _dlt_load_id as is_newest
        {%- else %}
        row_number() over (
            partition by {{ key | join(', ') }}
            order by _dlt_load_id desc{{ ', loaded_at desc' if 'loaded_at' in there }}
        ) = 1 as is_newest
        {%- endif %}
    from {{ table }}
    where
        _dlt_load_id in (
            select load_id from {{ source('captaindata', '_dlt_loads') }}
            where status = 0
        )
) as versions
where is_newest{{ ' and _deleted is not true' if '_deleted' in there }}
{%- else %}
from {{ table }}
{{- '\nwhere _deleted is not true' if captaindata.is_spark() and '_deleted' in there }}
{%- endif %}
{% endmacro %}

{#- The names of the columns that a table has; before anything runs, of those that it should have. -#}
{% macro columns_of(found, columns) %}
{%- if not execute -%}
    {{ return(columns.keys() | list) }}
{%- elif found is none -%}
    {{ return([]) }}
{%- endif -%}
{%- set there = [] -%}
{%- for column in adapter.get_columns_in_relation(found) -%}
    {%- do there.append(column.name | lower) -%}
{%- endfor -%}
{{ return(there) }}
{% endmacro %}

{#- The name of a data type of dlt in the database. -#}
{% macro column_type(kind) %}
{%- if captaindata.is_spark() -%}
    {%- set types = {'text': 'string', 'bool': 'boolean', 'json': 'string'} -%}
{%- else -%}
    {%- set types = {
        'bool': 'boolean',
        'double': 'double precision',
        'timestamp': 'timestamp with time zone',
        'json': 'jsonb' if target.type == 'postgres' else 'json'
    } -%}
{%- endif -%}
{{ return(types.get(kind, kind)) }}
{% endmacro %}
