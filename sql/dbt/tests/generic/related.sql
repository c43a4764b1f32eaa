{#- Each combination of the columns is in `to`; dbt's own `relationships` takes one column.
    A row where one of them is null refers to nothing. -#}
{% test related(model, columns, to, to_columns=none) %}

{%- set to_columns = to_columns or columns %}

select distinct
    {%- for column in columns %}
    child.{{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
from {{ model }} as child
where
    {%- for column in columns %}
    child.{{ column }} is not null and
    {%- endfor %}
    not exists (
        select 1
        from {{ to }} as parent
        where
            {%- for column in columns %}
            parent.{{ to_columns[loop.index0] }} = child.{{ column }}{{ ' and' if not loop.last }}
            {%- endfor %}
    )

{% endtest %}
