{#- Each combination of the columns is there once; dbt's own `unique` takes one column. As there,
    nulls are equal to nothing. -#}
{% test unique_combination(model, columns) %}

select
    {{ columns | join(', ') }},
    count(*) as occurrences
from {{ model }}
where
    {%- for column in columns %}
    {{ column }} is not null{{ ' and' if not loop.last }}
    {%- endfor %}
group by {{ columns | join(', ') }}
having count(*) > 1

{% endtest %}
