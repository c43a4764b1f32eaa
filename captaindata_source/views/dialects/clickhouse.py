"""ClickHouse: JSON is text, times are `DateTime64(6, 'UTC')`, tables are named as by dlt."""

from __future__ import annotations

from sqlglot import exp

from captaindata_source.views.dialects.columns import named_columns
from captaindata_source.views.dialects.engines import Engine
from captaindata_source.views.dialects.rewrites import (
    Columns,
    Lateral,
    arrays_as_ranks,
    filters_as_cases,
    joined_array,
    laterals,
    plain_recursion,
    top_level_ctes,
    without_collations,
)

__all__ = ["CLICKHOUSE"]

SEPARATOR = "___"
"""Between the dataset and the table, in a database: dlt's `dataset_table_separator`."""
JSON_DEPTH = 3
"""Levels of objects and arrays whose keys are sorted before two values are compared."""
_LONG = "[0-9][0-9.]{{15,}}|[eE][+-]?[0-9]{{3,}}"
_DAY = "toDate32(toTimeZone({0}, {1}))"
_ROUNDED = "(floor({0} * exp10({1}) + 0.5) / exp10({1}))"
"""ClickHouse cuts where it makes decimals of doubles."""


def _sorted_json(value: str, depth: int) -> str:
    """JSON with the keys of objects sorted, for there is no function for it."""
    if not depth:
        return value
    key = f"pair_{depth}"
    item = f"item_{depth}"
    pairs = (
        f"arrayMap({key} -> concat(toJSONString({key}.1), ':', "
        f"{_sorted_json(f'{key}.2', depth - 1)}), arraySort(JSONExtractKeysAndValuesRaw({value})))"
    )
    items = f"arrayMap({item} -> {_sorted_json(item, depth - 1)}, JSONExtractArrayRaw({value}))"
    whole = f"concat('{{{{', arrayStringConcat({pairs}, ','), '}}}}')"
    return (
        f"multiIf(JSONType({value}) = 'Object', {whole}, "
        f"JSONType({value}) = 'Array', concat('[', arrayStringConcat({items}, ','), ']'), {value})"
    )


_SORTED = _sorted_json("coalesce({0}, 'null')", JSON_DEPTH)
TEXTS = {
    "before": "lagInFrame({0})",
    "concat_present": "arrayStringConcat(arrayFilter(part -> part is not null, [{1}, {2}]), {0})",
    "days_between": "dateDiff('day', {1}, {0})",
    "epoch": "(toUnixTimestamp64Micro({0}) / 1000000)",
    "instant": "parseDateTime64BestEffort({0}, 6, 'UTC')",
    "is_not_true": "(not coalesce({0}, false))",
    "item": "if(JSONType({0}) = 'Array', nullIf(JSONExtractRaw({0}, {1} + 1), ''), null)",
    "item_text": (
        "if(JSONType({0}) = 'Array', JSONExtract({0}, {1} + 1, 'Nullable(String)'), null)"
    ),
    "json_kept": "{0}",
    "json_length": "JSONLength({0})",
    "json_read": "{0}",
    "json_string": "{0}",
    "largest": "greatest({0}, {1})",
    "local_date": _DAY,
    "local_month": f"toStartOfMonth({_DAY})",
    "matches": "match({0}, {1})",
    "moved": "addHours({0}, {1})",
    "no_time": "cast(null as Nullable(DateTime64(6, 'UTC')))",
    "numbers": "range(toUInt64(greatest(coalesce({0}, -1) + 1, 0)))",
    "pairs": "JSONExtractKeysAndValuesRaw(coalesce({0}, ''))",
    "part": "nullIf(JSONExtractRaw({0}, {1}), '')",
    "part_text": "JSONExtract({0}, {1}, 'Nullable(String)')",
    "plus_days": "addDays({0}, {1})",
    "quantile": "quantileExactInclusiveOrNull({0})({1})",
    "replaced": "replaceRegexpAll({0}, {1}, {2})",
    "rounded": _ROUNDED,
    "rounded_text": f"toDecimalString({_ROUNDED}, {{1}})",
    "same_json": (
        f"concat({_SORTED}, ' ', "
        f"arrayStringConcat(arraySort(extractAll(coalesce({{0}}, ''), '{_LONG}')), ' '))"
    ),
    "seconds_between": "((toUnixTimestamp64Micro({0}) - toUnixTimestamp64Micro({1})) / 1000000)",
    "smallest": "least({0}, {1})",
    "trimmed": "trim(both {1} from {0})",
    "variance": "if(count({0}) > 1, varSamp({0}), null)",
}
SETTINGS = (
    # a join without a partner gives nulls, not zeros
    "join_use_nulls = 1",
    # so does an aggregate without rows
    "aggregate_functions_null_for_empty = 1",
    # `max(name) as name` reads the column, not itself
    "prefer_column_name_to_alias = 1",
)


def _written(found: Lateral) -> Columns:
    """`array join` in place of `cross join lateral`."""
    item = joined_array(found)
    found.join.set("kind", "ARRAY")
    if not found.are_pairs:
        return {"i": item}
    return {
        name: exp.Anonymous(this="tupleElement", expressions=[item.copy(), exp.Literal.number(n)])
        for n, name in ((1, "key"), (2, "value"))
    }


CLICKHOUSE = Engine(
    name="clickhouse",
    rewrites=(
        without_collations,
        arrays_as_ranks,
        filters_as_cases,
        top_level_ctes,
        plain_recursion,
        laterals(_written),
        named_columns,
    ),
    texts=TEXTS,
    separator=SEPARATOR,
    ending=f"settings {', '.join(SETTINGS)}",
)
