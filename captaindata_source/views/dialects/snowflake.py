"""Snowflake: JSON is `variant`, times are `timestamp_tz`."""

from __future__ import annotations

from sqlglot import exp

from captaindata_source.views.dialects.engines import Engine
from captaindata_source.views.dialects.rewrites import (
    Columns,
    Lateral,
    arrays_as_ranks,
    filters_as_cases,
    laterals,
    pairs_by_join,
    plain_recursion,
    top_level_ctes,
    windows_in_place,
    without_collations,
)
from captaindata_source.views.dialects.shapes import Shape, bare

__all__ = ["SNOWFLAKE"]

_DAY = "cast(convert_timezone({1}, {0}) as date)"
TEXTS = {
    "before": "lag({0})",
    "concat_present": (
        "(case when {1} is null then coalesce({2}, '') when {2} is null then {1} "
        "else {1} || {0} || {2} end)"
    ),
    "days_between": "datediff(day, {1}, {0})",
    "epoch": "(date_part(epoch_microsecond, {0}) / 1000000)",
    "instant": "cast({0} as timestamp_tz)",
    "is_not_true": "(not coalesce({0}, false))",
    "item": "get({0}, {1})",
    "item_text": "cast(get_path({0}, '[{1}]') as varchar)",
    "json_kept": "{0}",
    "json_length": "array_size({0})",
    "json_read": "parse_json({0})",
    "json_string": "to_json({0})",
    "largest": "greatest_ignore_nulls({0}, {1})",
    "local_date": _DAY,
    "local_month": f"cast(date_trunc('month', {_DAY}) as date)",
    "matches": "regexp_like({0}, {1})",
    "moved": "dateadd(hour, {1}, {0})",
    "no_time": "cast(null as timestamp_tz)",
    "numbers": "flatten(input => array_generate_range(0, {0} + 1))",
    "pairs": "flatten(input => {0})",
    "part": "get_path({0}, {1})",
    "part_text": "cast(get_path({0}, {1}) as varchar)",
    "plus_days": "cast(dateadd(day, {1}, {0}) as date)",
    "quantile": "percentile_cont({0}) within group (order by {1})",
    "replaced": "regexp_replace({0}, {1}, {2})",
    "rounded": "cast(round({0}, {1}) as double)",
    "rounded_text": "cast(cast({0} as decimal(18, {1})) as varchar)",
    # a variant has its keys in order
    "same_json": "to_json({0})",
    "seconds_between": (
        "((date_part(epoch_microsecond, {0}) - date_part(epoch_microsecond, {1})) / 1000000)"
    ),
    "smallest": "least_ignore_nulls({0}, {1})",
    "trimmed": "regexp_replace({0}, '^[{key}]+|[{key}]+$', '')",
    "variance": "var_samp({0})",
}


def _written(found: Lateral) -> Columns:
    """`lateral flatten` in place of `generate_series` and `json_each`."""
    found.join.this.set("this", Shape(this=found.shape, expressions=[bare(found.of).copy()]))
    found.join.this.args["alias"].set("columns", None)
    return {} if found.are_pairs else {"i": exp.cast(exp.column("value", table=found.alias), "int")}


SNOWFLAKE = Engine(
    name="snowflake",
    rewrites=(
        without_collations,
        arrays_as_ranks,
        filters_as_cases,
        windows_in_place,
        pairs_by_join,
        top_level_ctes,
        plain_recursion,
        laterals(_written),
    ),
    texts=TEXTS,
    quote='"',
)
