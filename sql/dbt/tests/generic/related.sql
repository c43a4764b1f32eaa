{#- Each combination of the columns exists in `to`. Rows with a null in one of the columns are
    ignored. (dbt's own test `relationships` takes one column only.) -#}
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
