"""Turns records of the API into rows of the warehouse: fixed types for known columns, hashes.

A value that does not fit its column becomes null there and a text in a column of its own, whose
name begins with `api_`; a log line and `sync_issues` name it. A field that no column
is known for becomes a text column, or JSON where it is nested: no later value breaks those, here or
in another workspace.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import count
from typing import Any

import msgspec
from dlt.common.normalizers.naming.snake_case import NamingConvention

from captaindata_source.tables import DELETE_MARK, ColumnType, Row, Table
from captaindata_source.times import UnfitError, parse_time

__all__ = ["digest", "row_hash", "shape"]

logger = logging.getLogger(__name__)


HASH_VERSION = 1
"""Raise it when rows must be written again although the API's records did not change."""
MAX_BIGINT = 2**63
MAX_DEPTH = 200
"""Of an unknown nested field; dlt's encoder gives up at 254."""
MAX_UNKNOWN_FIELDS = 200
SURPLUS_COLUMN = "api_surplus_fields"
RESERVED_PREFIX = "_dlt_"
_NAMING = NamingConvention()


def shape(
    table: Table, record: Mapping[str, Any], *, on_unfit: Callable[[str, str], None] | None = None
) -> Row:
    """A row of `table` from a record of the API.

    Args:
        table: Gives columns and types.
        record: Field name to value; nested values as `msgspec.Raw`.
        on_unfit: Told each field whose value its column can't hold, and the column's type.

    Returns:
        All of the record's fields, known ones with the column's type. An unknown field whose
        column would overwrite another, one of ours or one of dlt's, is prefixed with `api_`; so is
        the text of a value that its column can't hold. Beyond `MAX_UNKNOWN_FIELDS` they share
        one JSON column, `SURPLUS_COLUMN`: Postgres has 1,600 columns a table.
    """
    row: Row = {}
    others: dict[str, object] = {}
    for name, value in record.items():
        kind = table.columns.get(name)
        if kind is None:
            others[name] = value
            continue
        try:
            row[name] = None if value is None else _CONVERT[kind](value)
        except UnfitError:
            row[name] = None
            others[name] = _text(value)
            if on_unfit:
                on_unfit(name, kind)
            logger.warning(
                "%s %s: the value of %r is not a %s (%s); loaded as a text into api_%s",
                table.name,
                record.get("uid"),
                name,
                kind,
                type(value).__name__,
                name,
            )
    surplus = {name: others.pop(name) for name in sorted(others)[MAX_UNKNOWN_FIELDS:]}
    columns = _column_names(table, list(others)) if others else {}
    row.update({columns[name]: _unknown(value) for name, value in others.items()})
    if surplus:
        row[SURPLUS_COLUMN] = {name: _unknown(value) for name, value in surplus.items()}
    return row


def _column_names(table: Table, fields: list[str]) -> dict[str, str]:
    """A column for each unknown field, distinct after dlt's cleaning, whatever order they have."""
    taken = {DELETE_MARK, *table.columns}
    columns = {}
    for field in sorted(fields, key=lambda name: (name != _normalized(name), name)):
        column = _normalized(field)
        if not column or column in taken or column.startswith(RESERVED_PREFIX):
            stem = f"api_{column.lstrip('_') or 'field'}"
            column = next(name for name in _numbered(stem) if name not in taken)
        taken.add(column)
        columns[field] = column
    return columns


def _numbered(stem: str) -> Iterator[str]:
    yield stem
    yield from (f"{stem}_{number}" for number in count(2))


@lru_cache(maxsize=10_000)
def _normalized(field: str) -> str:
    try:
        return _NAMING.normalize_identifier(field)
    except ValueError:  # nothing is left of it
        return ""


def row_hash(record: Mapping[str, Any], *more: object) -> str:
    """Identifies the content of a record: same fields and values, same hash, in whatever order."""
    plain = {name: _plain(value) for name, value in record.items()}
    return digest(json.dumps([HASH_VERSION, plain, *more], sort_keys=True, default=str))


def digest(text: str) -> str:
    """128 bits of BLAKE2b as 32 hexadecimal digits."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _text(value: object) -> str:
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, msgspec.Raw):
        return bytes(value).decode("utf-8", "replace")
    return str(value)


def _bigint(value: object) -> int:
    number: float | int
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str):
        try:
            number = int(value)
        except ValueError as error:
            raise UnfitError from error
    else:
        raise UnfitError
    if not -MAX_BIGINT <= number < MAX_BIGINT or number != int(number):
        raise UnfitError
    return int(number)


def _double(value: object) -> float:
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError) as error:
            raise UnfitError from error
        if math.isfinite(number):
            return number
    raise UnfitError


def _bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise UnfitError


def _json(value: object) -> str:
    if isinstance(value, msgspec.Raw):
        return bytes(value).decode("utf-8", "replace")
    raise UnfitError


def _unknown(value: object) -> object:
    """Objects and arrays as they are, for a JSON column; all else as text."""
    if value is None:
        return None
    if not isinstance(value, msgspec.Raw):
        return _text(value)
    text = bytes(value).decode("utf-8", "replace")
    try:
        found = json.loads(text, parse_int=_storable_int, parse_float=_storable_float)
    except (ValueError, RecursionError):
        return [text]
    return found if _is_storable(found, MAX_DEPTH) else [text]


def _is_storable(value: object, depth: int) -> bool:
    """Whether dlt's encoder takes it; as a text in a list anything stays JSON."""
    if isinstance(value, dict):
        return depth > 0 and all(_is_storable(each, depth - 1) for each in value.values())
    if isinstance(value, list):
        return depth > 0 and all(_is_storable(each, depth - 1) for each in value)
    return True


def _storable_int(text: str) -> int | str:
    number = int(text)
    return number if -MAX_BIGINT <= number < MAX_BIGINT else text


def _storable_float(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def _plain(value: object) -> object:
    """In a list, so that no text equals the JSON text of a nested value."""
    return [bytes(value).decode("utf-8", "replace")] if isinstance(value, msgspec.Raw) else value


_CONVERT: Mapping[ColumnType, Callable[[object], Any]] = {
    "text": _text,
    "bigint": _bigint,
    "double": _double,
    "bool": _bool,
    "timestamp": parse_time,
    "json": _json,
}
