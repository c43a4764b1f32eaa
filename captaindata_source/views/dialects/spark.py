"""Spark 4.1 and Databricks: JSON is text, times are `timestamp`, which is a moment."""

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
    without_collations,
)
from captaindata_source.views.dialects.shapes import Shape

__all__ = ["DATABRICKS", "SPARK"]

_DAY = "date_from_unix_date(cast(floor(unix_seconds(from_utc_timestamp({0}, {1})) / 86400) as int))"
"""`from_utc_timestamp` moves a time by the offset of a zone; all that follows knows no zone, while
a cast to a date would follow the zone of the session."""
_LONG = "[0-9][0-9.]{{15,}}|[eE][+-]?[0-9]{{3,}}"
_ZERO = '("(?:[^"\\\\\\\\]|\\\\\\\\.)*")|\\\\.0(?=[],}}]|$)'
"""What is matched first, a string, is put back; then the end of a whole number."""
TEXTS = {
    "before": "lag({0})",
    "concat_present": "concat_ws({0}, {1}, {2})",
    "days_between": "datediff({0}, {1})",
    "epoch": "(unix_micros({0}) / 1000000)",
    "instant": "timestamp {0}",
    "is_not_true": "(not coalesce({0}, false))",
    "item": "to_json(get(cast(try_parse_json({0}) as array<variant>), {1}))",
    "item_text": "try_variant_get(try_parse_json({0}), '$[{1}]', 'string')",
    "json_kept": "{0}",
    "json_length": "json_array_length({0})",
    "json_read": "{0}",
    "json_string": "{0}",
    "largest": "greatest({0}, {1})",
    "local_date": _DAY,
    "local_month": f"trunc({_DAY}, 'MM')",
    "matches": "regexp_like({0}, {1})",
    "no_time": "cast(null as timestamp)",
    "moved": "timestamp_micros(unix_micros({0}) + {1} * 3600000000)",
    "numbers": "explode(case when {0} >= 0 then sequence(0, {0}) else array() end)",
    "pairs": "explode(from_json({0}, 'map<string,string>'))",
    "part": "to_json(try_variant_get(try_parse_json({0}), '$.{key}', 'variant'))",
    "part_text": "get_json_object({0}, '$.{key}')",
    "plus_days": "date_add({0}, {1})",
    "quantile": "percentile({1}, {0})",
    "replaced": "regexp_replace({0}, {1}, {2})",
    "rounded": "cast(cast({0} as decimal(18, {1})) as double)",
    "rounded_text": "cast(cast({0} as decimal(18, {1})) as string)",
    "same_json": (
        f"concat(regexp_replace(coalesce(to_json(try_parse_json({{0}})), {{0}}), '{_ZERO}', '$1'), "
        f"' ', array_join(array_sort(regexp_extract_all({{0}}, '{_LONG}', 0)), ' '))"
    ),
    "seconds_between": "((unix_micros({0}) - unix_micros({1})) / 1000000)",
    "smallest": "least({0}, {1})",
    "trimmed": "trim(both {1} from {0})",
    "variance": "var_samp({0})",
}


def _written(found: Lateral) -> Columns:
    """Generators in place of `generate_series` and `json_each`."""
    found.join.this.set("this", Shape(this=found.shape, expressions=[found.of.copy()]))
    if found.are_pairs:
        columns = [exp.to_identifier("key"), exp.to_identifier("value")]
        found.join.this.args["alias"].set("columns", columns)
    return {}


REWRITES = (
    without_collations,
    arrays_as_ranks,
    filters_as_cases,
    pairs_by_join,
    top_level_ctes,
    plain_recursion,
    laterals(_written),
)
SPARK = Engine(name="spark", rewrites=REWRITES, texts=TEXTS)
DATABRICKS = SPARK
"""Databricks is given what was run on Spark."""
