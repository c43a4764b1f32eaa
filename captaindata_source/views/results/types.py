"""What JSON values a field has had, and the one column type that holds them all."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

__all__ = [
    "MAX_BIGINT",
    "MIN_BIGINT",
    "TIMESTAMP_PATTERN",
    "Kind",
    "ValueType",
    "json_types",
    "value_type",
]


class Kind(StrEnum):
    """A JSON value, as finely as a column's type needs it."""

    NULL = "null"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    """Up to 15 digits: exact as a double too."""
    LONG = "long"
    """Fits 64 bits, but no double holds it exactly."""
    NUMBER = "number"
    """Within the range of a double."""
    HUGE = "huge"
    """A number that no column type but text holds."""
    TIMESTAMP = "timestamp"
    """A string that `TIMESTAMP_PATTERN` matches."""
    STRING = "string"
    EMPTY = "empty"
    """An object without keys."""
    OBJECT = "object"
    ARRAY = "array"


class ValueType(StrEnum):
    """Type of a column."""

    BOOLEAN = "boolean"
    BIGINT = "bigint"
    DOUBLE = "double"
    TIMESTAMP = "timestamp"
    TEXT = "text"
    JSON = "json"


MIN_BIGINT, MAX_BIGINT = -(2**63), 2**63 - 1
_DATE = (
    r"([12][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    r"|02-(0[1-9]|1[0-9]|2[0-8]))"
    r"|([12][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)-02-29)"
)
TIMESTAMP_PATTERN = (
    rf"^{_DATE}[T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{{1,6}})?"
    r"(Z|[+-](0[0-9]|1[0-4]):?[0-5][0-9])?$"
)
"""ISO 8601 with date and time, to microseconds, that both databases can cast: real days only. In
what their regular expressions have in common."""

_JSON_TYPES = {
    Kind.LONG: "integer",
    Kind.HUGE: "number",
    Kind.TIMESTAMP: "string",
    Kind.EMPTY: "object",
}
_TYPES: tuple[tuple[ValueType, frozenset[Kind]], ...] = (
    (ValueType.BOOLEAN, frozenset({Kind.BOOLEAN})),
    (ValueType.BIGINT, frozenset({Kind.INTEGER, Kind.LONG})),
    (ValueType.DOUBLE, frozenset({Kind.INTEGER, Kind.NUMBER})),
    (ValueType.TIMESTAMP, frozenset({Kind.TIMESTAMP})),
    (ValueType.JSON, frozenset({Kind.ARRAY, Kind.OBJECT, Kind.EMPTY})),
)


def value_type(kinds: Collection[str], *, is_nested: bool) -> ValueType | None:
    """The narrowest type that holds every value of these kinds.

    More kinds never bring a narrower type, but for a field that was null only, which is text until
    its first value decides.

    Args:
        kinds: The kinds ever seen.
        is_nested: Whether the field is within an object; objects in it are JSON then.

    Returns:
        None where the field needs no column of its own: its objects' fields have theirs.
    """
    values = frozenset(Kind(kind) for kind in kinds) - {Kind.NULL}
    if values == {Kind.OBJECT} and not is_nested:
        return None
    if values:
        for kind, held in _TYPES:
            if values <= held:
                return kind
    return ValueType.TEXT


def json_types(kinds: Collection[str]) -> list[str]:
    """The JSON types of these kinds, sorted."""
    return sorted({_JSON_TYPES.get(Kind(kind), kind) for kind in kinds})
