{#- Whether the engine speaks Spark's SQL. -#}
{% macro is_spark() %}
{{ return(target.type in ('spark', 'databricks')) }}
{% endmacro %}
