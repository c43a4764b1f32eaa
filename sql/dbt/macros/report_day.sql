{#
    The day of a time with time zone, in the zone in which the views count runs.
#}
{% macro report_day(time) %}
cast({{ captaindata.in_report_timezone(time) }} as date)
{%- endmacro %}

{#- The zone in which days and months of runs are counted, as a literal. -#}
{% macro report_timezone() -%}
'{{ var("captaindata_report_timezone", "UTC") | replace("'", "''") }}'
{%- endmacro %}

{% macro in_report_timezone(time) -%}
{{ return(adapter.dispatch('in_report_timezone', 'captaindata')(time)) }}
{%- endmacro %}

{% macro default__in_report_timezone(time) -%}
(({{ time }}) at time zone {{ captaindata.report_timezone() }})
{%- endmacro %}

{#- The session's zone is UTC, as for all models here. -#}
{% macro spark__in_report_timezone(time) -%}
from_utc_timestamp({{ time }}, {{ captaindata.report_timezone() }})
{%- endmacro %}
