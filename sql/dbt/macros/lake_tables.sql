{#- For `on-run-start` on Spark: tables over the files that `captaindata sync --destination
    filesystem` wrote. Columns that a file lacks are null, and a table without files is empty. What
    is there already stays as it is: drop the schema after an upgrade of this package.

    Args:
        location: The folder of the dataset: `bucket_url` and the name of the dataset. -#}
{% macro lake_tables(location) %}
{%- if execute and captaindata.is_spark() -%}
    {%- for node in graph.nodes.values() if node.name.startswith('stg_captaindata__') -%}
        {%- set source = graph.sources['source.captaindata.' ~ node.sources[0] | join('.')] -%}
        {%- if loop.first -%}
            {%- do run_query('create schema if not exists ' ~ source.schema) -%}
        {%- endif -%}
        {%- set columns = [] -%}
        {%- for column in node.columns.values() -%}
            {%- do columns.append(column.name ~ ' ' ~ column.data_type) -%}
        {%- endfor -%}
        {%- do run_query(
            'create table if not exists ' ~ source.schema ~ '.' ~ source.identifier
            ~ ' (' ~ columns | join(', ') ~ ', _deleted boolean) using '
            ~ node.config.meta.get('files', 'parquet')
            ~ " location '" ~ location ~ '/' ~ source.identifier ~ "'"
        ) -%}
    {%- endfor -%}
{%- endif -%}
{% endmacro %}
