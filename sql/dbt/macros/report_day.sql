{#
    The day of a time with time zone, in the zone in which the views count runs.
#}
{% macro report_day(time) %}
cast(({{ time }} at time zone '{{ var("captaindata_report_timezone", "UTC") | replace("'", "''") }}') as date)
{%- endmacro %}
