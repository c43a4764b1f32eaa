{#- Each combination of the columns is unique. Rows with a null in one of the columns are ignored.
    (dbt's own test `unique` takes one column only.) -#}
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
