"""BigQuery: JSON is `json`, times are `timestamp`, which is a moment."""

from __future__ import annotations

from captaindata_source.views.dialects.engines import Engine
from captaindata_source.views.dialects.rewrites import (
    Columns,
    Lateral,
    arrays_as_ranks,
    filters_as_cases,
    joined_array,
    laterals,
    nulls_by_order,
    pairs_by_join,
    plain_recursion,
    top_level_ctes,
    without_collations,
)
from captaindata_source.views.dialects.shapes import Shape

__all__ = ["BIGQUERY"]

_VALUES = "array_agg({1} ignore nulls order by {1})"
_PLACE = "{0} * (count({1}) - 1)"
TEXTS = {
    "before": "lag({0})",
    "concat_present": "array_to_string([{1}, {2}], {0})",
    "days_between": "date_diff({0}, {1}, day)",
    "epoch": "(unix_micros({0}) / 1000000)",
    "instant": "timestamp {0}",
    "is_not_true": "(not coalesce({0}, false))",
    "item": "{0}[{1}]",
    "item_text": "coalesce(json_value({0}[{1}]), to_json_string({0}[{1}]))",
    "json_kept": "{0}",
    "json_length": "array_length(json_query_array({0}))",
    "json_read": "parse_json({0}, wide_number_mode => 'round')",
    "json_string": "to_json_string({0})",
    "largest": "greatest(coalesce({0}, {1}), coalesce({1}, {0}))",
    "local_date": "date({0}, {1})",
    "local_month": "date_trunc(date({0}, {1}), month)",
    "matches": "regexp_contains({0}, {1})",
    "moved": "timestamp_add({0}, interval {1} hour)",
    "no_time": "cast(null as timestamp)",
    "numbers": "unnest(generate_array(0, {0}))",
    "pairs": "unnest(json_keys({0}, 1))",
    "part": "{0}[{1}]",
    "part_text": "coalesce(json_value({0}[{1}]), to_json_string({0}[{1}]))",
    "plus_days": "date_add({0}, interval {1} day)",
    # there is percentile_cont over a window only
    "quantile": (
        f"({_VALUES}[safe_offset(cast(floor({_PLACE}) as int64))] * (1 - mod(cast({_PLACE} as "
        f"numeric), 1)) + {_VALUES}[safe_offset(cast(ceil({_PLACE}) as int64))] * "
        f"mod(cast({_PLACE} as numeric), 1))"
    ),
    "replaced": "regexp_replace({0}, {1}, {2})",
    "rounded": "round({0}, {1})",
    "rounded_text": "format('%.{key}f', {0})",
    "same_json": "to_json_string({0})",
    "seconds_between": "(timestamp_diff({0}, {1}, microsecond) / 1000000)",
    "smallest": "least(coalesce({0}, {1}), coalesce({1}, {0}))",
    "trimmed": "trim({0}, {1})",
    "variance": "var_samp({0})",
}


def _written(found: Lateral) -> Columns:
    """`unnest` of an array in place of `cross join lateral`."""
    item = joined_array(found)
    if not found.are_pairs:
        return {"i": item}
    return {"key": item, "value": Shape(this="part", expressions=[found.of.copy(), item.copy()])}


BIGQUERY = Engine(
    name="bigquery",
    rewrites=(
        without_collations,
        arrays_as_ranks,
        filters_as_cases,
        nulls_by_order,
        pairs_by_join,
        top_level_ctes,
        plain_recursion,
        laterals(_written),
    ),
    texts=TEXTS,
)
