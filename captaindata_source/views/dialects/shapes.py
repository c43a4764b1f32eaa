"""What the views do and engines write differently: functions of our own in the tree of a query.

`with_shapes` finds each and names it, such as `days_between(a, b)` for a difference of two dates;
each engine has a text for each name. What an engine writes as DuckDB does is left to sqlglot.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlglot import exp

from captaindata_source.extra_tables import EXTRA_TABLES
from captaindata_source.tables import ALL_TABLES

__all__ = ["SHAPES", "Shape", "bare", "children_first", "shape", "with_shapes"]

SHAPES = {
    "concat_present": "texts joined by the first; those that are null are left out",
    "days_between": "days from the second date to the first",
    "epoch": "seconds since 1970 of a time",
    "instant": "a literal time, which ends with +00:00",
    "is_not_true": "whether a boolean is false or null",
    "item": "the item of a JSON array, as JSON",
    "item_text": "the item of a JSON array, as text",
    "json_kept": "a JSON column of a raw table, or a value of JSON",
    "json_length": "number of items of a JSON array",
    "json_read": "a text, read as JSON",
    "json_string": "a value of JSON, written as text",
    "local_date": "the day of a time in a zone",
    "local_month": "the first day of the month of a time in a zone",
    "matches": "whether a text matches a pattern",
    "moved": "a time, so many hours later",
    "no_time": "a null of the type of times",
    "numbers": "in a join: the whole numbers from 0 to the argument",
    "pairs": "in a join: the keys and values of a JSON object",
    "part": "the value of a key of a JSON object, as JSON",
    "part_text": "the value of a key of a JSON object, as text",
    "plus_days": "a date, so many days later",
    "quantile": "an interpolated quantile: of a share and of values, whose nulls are left out",
    "replaced": "a text in which all that matches a pattern is replaced",
    "rounded": "a double rounded to so many places",
    "rounded_text": "a double as text, with so many places",
    "same_json": "a text that is the same for equal JSON",
    "seconds_between": "seconds from the second time to the first",
    "trimmed": "a text without some characters at its ends",
    "variance": "variance of a sample; null for fewer than two values",
}
"""Shape to what it is."""
JSON_COLUMNS = frozenset(
    name for table in (*ALL_TABLES, *EXTRA_TABLES) for name in table.columns
    if table.columns[name] == "json"
)  # fmt: skip
TEXTS = (exp.DataType.Type.TEXT, exp.DataType.Type.VARCHAR)
WHOLE = (exp.DataType.Type.INT, exp.DataType.Type.BIGINT)
INSTANT = exp.DataType.Type.TIMESTAMPTZ
DEFAULT_PLACES = 3
"""Of DuckDB's `numeric`, decimal(18, 3): other engines have 0, or 9, or none."""


class Shape(exp.Anonymous):
    """A function that no engine has."""


def shape(name: str, *arguments: exp.Expression) -> Shape:
    """A shape of some arguments."""
    if name not in SHAPES:
        raise ValueError(f"{name} is no shape")
    return Shape(this=name, expressions=[bare(each).copy() for each in arguments])


def bare(node: exp.Expression) -> exp.Expression:
    """What is in parentheses."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def children_first(tree: exp.Expression) -> Iterator[exp.Expression]:
    """All nodes of a tree, each after those within it; they may be replaced meanwhile."""
    yield from reversed([*tree.walk(bfs=True)])


def with_shapes(tree: exp.Expression) -> exp.Expression:
    """The tree of a query with shapes in place of what they stand for; the tree itself changes."""
    json_names = _json_names(tree)
    for node in children_first(tree):
        found = next((each for find in FINDERS if (each := find(node)) is not None), None)
        found = found or _json_cast(node, json_names)
        if found is not None:
            (node.parent if isinstance(node.parent, exp.Paren) else node).replace(found)
    return tree


def _in_zone(node: exp.Expression) -> tuple[exp.Expression, exp.Expression] | None:
    """The time and the zone of `time at time zone zone`."""
    found = bare(node)
    return (found.this, found.args["zone"]) if isinstance(found, exp.AtTimeZone) else None


def _utc(node: exp.Expression) -> exp.Expression:
    return found[0] if (found := _in_zone(node)) else bare(node)


def _time(node: exp.Expression) -> exp.Expression | None:
    if isinstance(node, exp.Cast) and node.to.this == INSTANT:
        if isinstance(node.this, exp.Literal):
            return shape("instant", exp.Literal.string(f"{node.this.name}:00"))
        return shape("no_time") if isinstance(node.this, exp.Null) else None
    if isinstance(node, (exp.Add, exp.Sub)) and isinstance(node.expression, exp.Interval):
        hours = exp.Literal.number(node.expression.this.name)
        return shape("moved", node.this, hours if isinstance(node, exp.Add) else -hours)
    if not isinstance(node, exp.Extract) or node.name.upper() != "EPOCH":
        return None
    of = bare(node.expression)
    if isinstance(of, exp.Sub):
        return shape("seconds_between", _utc(of.this), _utc(of.expression))
    return shape("epoch", _utc(of))


def _date(node: exp.Expression) -> exp.Expression | None:
    if isinstance(node, exp.Add) and _is_day(node.this):
        return shape("plus_days", node.this, node.expression)
    if not isinstance(node, exp.Cast):
        return None
    of = bare(node.this)
    if node.to.this == exp.DataType.Type.DATE:
        if isinstance(of, exp.TimestampTrunc) and (found := _in_zone(of.this)):
            return shape("local_month", *found)
        return shape("local_date", *found) if (found := _in_zone(of)) else None
    if node.to.this in WHOLE and isinstance(of, exp.Sub) and _is_day(of.this):
        return shape("days_between", of.this, of.expression)
    return None


def _is_day(node: exp.Expression) -> bool:
    """Dates are columns whose name ends with day."""
    return isinstance(node, exp.Column) and node.name.endswith("day")


def _text(node: exp.Expression) -> exp.Expression | None:
    match node:
        case exp.RegexpReplace():
            return shape("replaced", node.this, node.expression, node.args["replacement"])
        case exp.RegexpLike() | exp.RegexpFullMatch():
            return shape("matches", node.this, node.expression)
        case exp.Trim(expression=exp.Expression()):
            return shape("trimmed", node.this, node.expression)
        case exp.ConcatWs():
            return shape("concat_present", *node.expressions)
    return None


def _number(node: exp.Expression) -> exp.Expression | None:
    match node:
        case exp.Not(this=exp.Is(this=value, expression=exp.Boolean(this=True))):
            return shape("is_not_true", value)
        case exp.Variance():
            return shape("variance", node.this)
        case exp.WithinGroup(this=exp.PercentileCont(this=share)):
            (ordered,) = node.expression.expressions
            return shape("quantile", share, ordered.this)
        case exp.Cast(this=exp.Cast() as inner) if _is_decimal(inner):
            return _rounded(node, inner)
        case exp.Cast(this=exp.Round() as inner) if isinstance(inner.this, exp.Cast):
            return shape("rounded", inner.this.this, inner.args["decimals"])
    return None


def _is_decimal(node: exp.Cast) -> bool:
    return bool(node.to.this == exp.DataType.Type.DECIMAL)


def _rounded(node: exp.Cast, inner: exp.Cast) -> exp.Expression:
    parameters = inner.to.expressions
    places = parameters[1].this if len(parameters) > 1 else exp.Literal.number(DEFAULT_PLACES)
    return shape("rounded_text" if node.to.this in TEXTS else "rounded", inner.this, places)


def _json(node: exp.Expression) -> exp.Expression | None:
    if isinstance(node, exp.Anonymous) and node.name.lower() == "json_array_length":
        return shape("json_length", *node.expressions)
    if isinstance(node, exp.Anonymous) and node.name == "same_json" and type(node) is not Shape:
        return shape("same_json", *node.expressions)
    if not isinstance(node, (exp.JSONExtract, exp.JSONExtractScalar)):
        return None
    end = "_text" if isinstance(node, exp.JSONExtractScalar) else ""
    place = node.expression
    if isinstance(place, exp.JSONPath):
        last = place.expressions[-1]
        is_item = isinstance(last, exp.JSONPathSubscript)
        name = last.this
        place = exp.Literal.number(name) if is_item else exp.Literal.string(name)
        return shape(("item" if is_item else "part") + end, node.this, place)
    return shape(f"item{end}", node.this, place)


def _json_cast(node: exp.Expression, json_names: Collection[str]) -> exp.Expression | None:
    """Casts from and to JSON."""
    if not isinstance(node, exp.Cast):
        return None
    is_json = isinstance(node.this, exp.Column) and node.this.name in json_names
    is_json = is_json or _holds_json(node.this, json_names)
    if node.to.this == exp.DataType.Type.JSON:
        return shape("json_kept" if is_json else "json_read", node.this)
    return shape("json_string", node.this) if is_json and node.to.this in TEXTS else None


def _json_names(tree: exp.Expression) -> frozenset[str]:
    """Names of columns of JSON: those of raw tables, and what a query makes of them."""
    names = {*JSON_COLUMNS, "value"}
    for _ in range(len([*tree.find_all(exp.CTE)]) + 1):
        names |= {each.alias for each in tree.find_all(exp.Alias) if _holds_json(each.this, names)}
    return frozenset(names)


def _holds_json(node: exp.Expression, names: Collection[str]) -> bool:
    match found := bare(node):
        case exp.Column():
            return found.name in names
        case exp.Coalesce():
            return _holds_json(found.this, names)
        case exp.Case():
            return any(_holds_json(each.args["true"], names) for each in found.args["ifs"])
        case exp.Cast():
            return bool(found.to.this == exp.DataType.Type.JSON)
    is_shape = isinstance(found, Shape) and found.name in ("json_kept", "json_read", "part", "item")
    return is_shape or isinstance(found, exp.JSONExtract)


FINDERS = (_time, _date, _text, _number, _json)
