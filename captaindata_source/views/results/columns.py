"""Keys of results as typed columns, in the SQL of each database.

DuckDB extracts a list of paths in one pass, Postgres a record.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from captaindata_source.sqltext import (
    MAX_IDENTIFIER,
    NO_PATH,
    clean_json,
    json_place,
    literal,
    object_of,
    quoted,
)
from captaindata_source.views.results.types import (
    MAX_BIGINT,
    MIN_BIGINT,
    TIMESTAMP_PATTERN,
    ValueType,
)

__all__ = ["Column", "Source", "column_types", "columns_that_fit", "kept_columns", "select_query"]

DOUBLE_PATTERN = r"^-?[0-9]{1,200}(\.[0-9]{1,200})?([eE][+-]?0*[0-9]{1,2})?$"
"""What Postgres casts to a double without an error; more than what counts as a number."""
NUMBER_PATTERN = r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?0*[0-9]{1,3})?$"
"""What Postgres casts to numeric without an error, up to `MAX_NUMBER_LENGTH` characters."""
MAX_NUMBER_LENGTH = 10_000
HAS_OFFSET = "(Z|[+-][0-9][0-9]:?[0-9][0-9])$"
COMMON_TYPES: Mapping[ValueType, str] = MappingProxyType(
    {
        ValueType.BOOLEAN: "boolean",
        ValueType.BIGINT: "bigint",
        ValueType.TIMESTAMP: "timestamp with time zone",
        ValueType.JSON: "json",
    }
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a workflow's view.

    Args:
        name: Its name.
        key: Key of the result.
        nested_key: Key within the object that the value is, None: the value itself.
        value_type: Its type.
    """

    name: str
    key: str
    nested_key: str | None
    value_type: ValueType


def column_types(kind: str) -> Mapping[ValueType, str]:
    """What a database calls the types of columns, in lower case.

    Args:
        kind: `duckdb` or `postgres`.
    """
    if kind == "duckdb":
        return {**COMMON_TYPES, ValueType.DOUBLE: "double", ValueType.TEXT: "varchar"}
    return {**COMMON_TYPES, ValueType.DOUBLE: "double precision", ValueType.TEXT: "text"}


def kept_columns(
    wanted: Sequence[Column], there: Sequence[tuple[str, str]], kind: str
) -> list[Column]:
    """The wanted columns, those that are there with the type that they have there."""
    known = {name: value_type for value_type, name in column_types(kind).items()}
    types = {name: known[each.lower()] for name, each in there if each.lower() in known}
    return [replace(each, value_type=types.get(each.name, each.value_type)) for each in wanted]


MAX_ROW_BYTES = 7_900
"""Of a row of Postgres, less what its header takes with 1,600 columns."""
MAX_INLINE = 24
"""Bytes of a text or JSON value in its row; longer ones are stored elsewhere."""


def columns_that_fit(columns: Sequence[Column]) -> list[Column]:
    """The first of the columns, as many as a row of Postgres holds whatever their values are, with
    the others of a view of results and one of JSON."""
    left = MAX_ROW_BYTES - 6 * MAX_INLINE - 4 * 8
    kept = []
    is_aligned = True
    for column in columns:
        is_fixed = column.value_type in (
            ValueType.BIGINT,
            ValueType.DOUBLE,
            ValueType.TIMESTAMP,
        )
        if is_fixed:
            left -= 8 if is_aligned else 15
        else:
            left -= 1 if column.value_type is ValueType.BOOLEAN else MAX_INLINE
        if left < 0:
            break
        is_aligned = is_fixed
        kept.append(column)
    return kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the columns come from.

    Args:
        results: A select of results: the columns `base`, those of `labels`, and `data`.
        base: Columns that come first.
        labels: Columns that follow, with the names that they get.
        place: How many columns of keys are before the labels.
    """

    results: str
    base: Sequence[str]
    labels: Mapping[str, str]
    place: int = 0

    @property
    def names(self) -> str:
        """All but `data`, as the select has them."""
        return ", ".join((*self.base, *self.labels))

    def around(self, typed: Sequence[str], table: str) -> str:
        """All columns of the query, each in a line.

        Args:
            typed: Those of the keys, with their names.
            table: What has the others.
        """
        labels = [f"{table}.{name} as {quoted(new)}" for name, new in self.labels.items()]
        base = [f"{table}.{name}" for name in self.base]
        return ",\n    ".join((*base, *typed[: self.place], *labels, *typed[self.place :]))


def select_query(
    kind: str, source: Source, columns: Sequence[Column], *, rest: str | None = None
) -> str:
    """A select of results with typed columns.

    Args:
        kind: `duckdb` or `postgres`.
        source: The results.
        columns: Columns of keys.
        rest: On Postgres, name of a column behind them that holds the whole result as JSON.
    """
    if not columns:
        return f"select\n    {source.around([], 'results')}\nfrom ({source.results}) as results"
    if kind == "duckdb":
        return _duckdb_select(source, columns)
    return _postgres_select(source, columns, rest)


def _duckdb_select(source: Source, columns: Sequence[Column]) -> str:
    places = [json_place(column.key, column.nested_key) for column in columns]
    objects = {column.key: json_place(column.key) for column in columns if _may_be_index(column)}
    typed = []
    for place, column in enumerate(columns, start=1):
        value = f"found[{place}]"
        if _may_be_index(column):
            whole = len(places) + [*objects].index(column.key) + 1
            value = f"(case when starts_with(found[{whole}], '{{') then {value} end)"
        cast = _DUCKDB_CASTS[column.value_type]
        typed.append(f"{cast.replace('{0}', value)} as {quoted(column.name)}")
    paths = ", ".join(map(literal, [*places, *objects.values()]))
    return (
        "with extracted as (\n"
        f"    select {source.names},\n"
        f"        json_extract_string({clean_json('data', 'varchar')}, [{paths}]) as found\n"
        f"    from ({source.results}) as results\n"
        ")\n"
        f"select\n    {source.around(typed, 'extracted')}\nfrom extracted"
    )


def _may_be_index(column: Column) -> bool:
    """Whether its place is that of an element too, where the key holds an array instead."""
    return column.nested_key is not None and column.nested_key.isdigit() and column.key in NO_PATH


_DUCKDB_CASTS = {
    ValueType.BOOLEAN: "case {0} when 'true' then true when 'false' then false end",
    ValueType.BIGINT: "try_cast({0} as bigint)",
    ValueType.DOUBLE: "try_cast({0} as double)",
    ValueType.TIMESTAMP: (
        "try_cast({0} || case when regexp_matches({0}, '" + HAS_OFFSET + "') "
        "then '' else 'Z' end as timestamptz)"
    ),
    ValueType.TEXT: "{0}",
    ValueType.JSON: "try_cast({0} as json)",
}


def _postgres_select(source: Source, columns: Sequence[Column], rest: str | None) -> str:
    parents = {column.key for column in columns if column.nested_key is not None}
    whole = {
        (column.key, column.nested_key) for column in columns if column.value_type is ValueType.JSON
    }
    whole_keys = {key for key, nested_key in whole if nested_key is None}
    record = _Record("results.data", "fields", parents | whole_keys)
    nested: dict[str, _Record] = {}
    typed = []
    for column in columns:
        value = record.take(column.key)
        if column.nested_key is not None:
            alias = f"fields_{len(nested) + 1}"
            names = {name for key, name in whole if key == column.key and name is not None}
            record_of = nested.setdefault(column.key, _Record(value, alias, names))
            value = record_of.take(column.nested_key)
        elif column.key in parents and column.value_type is not ValueType.JSON:
            value = f"({value} #>> '{{}}')"
        typed.append(f"{_postgres_cast(column.value_type, value)} as {quoted(column.name)}")
    if rest is not None:
        typed.append(f"cast(results.data as json) as {quoted(rest)}")
    joins = [join for each in (record, *nested.values()) if (join := each.join())]
    return (
        "with results as (\n"
        f"    select {source.names}, {clean_json('data', 'text')} as data\n"
        f"    from ({source.results}) as found\n"
        ")\n"
        f"select\n    {source.around(typed, 'results')}\nfrom results"
        + "".join(f"\n{join}" for join in joins)
    )


class _Record:
    """A JSON object that is taken apart in one pass, as far as Postgres lets keys be columns."""

    def __init__(self, value: str, alias: str, json_keys: Collection[str]) -> None:
        self._value = value
        self._alias = alias
        self._json_keys = json_keys
        self._columns: dict[str, str] = {}

    def take(self, key: str) -> str:
        """SQL of the value of a key, as text or as JSON."""
        kind = "json" if key in self._json_keys else "text"
        if not 0 < len(key.encode()) <= MAX_IDENTIFIER:
            arrow = "->" if kind == "json" else "->>"
            return f"({object_of(self._value)} {arrow} {literal(key)})"
        column = quoted(key)
        self._columns[column] = kind
        return f"{self._alias}.{column}"

    def join(self) -> str:
        """SQL that joins the keys taken so far; empty where none can be a column."""
        if not self._columns:
            return ""
        columns = ", ".join(f"{column} {kind}" for column, kind in self._columns.items())
        record = f"json_to_record({object_of(self._value)})"
        return f"cross join lateral {record} as {self._alias}({columns})"


def _postgres_cast(value_type: ValueType, value: str) -> str:
    """Null for what does not fit, never an error."""
    if value_type is ValueType.BOOLEAN:
        return f"case {value} when 'true' then true when 'false' then false end"
    if value_type is ValueType.BIGINT:
        return (
            f"case when {value} ~ '^-?[0-9]{{1,18}}$' then {value}::bigint "
            f"when {value} ~ '^-?[0-9]{{19}}$' then case when {value}::numeric "
            f"between {MIN_BIGINT} and {MAX_BIGINT} then {value}::bigint end end"
        )
    if value_type is ValueType.DOUBLE:
        # other numbers by way of numeric, for no double is as small as 1e-400 and Postgres objects
        return (
            f"case when {value} ~ {literal(DOUBLE_PATTERN)} then {value}::double precision "
            f"when length({value}) < {MAX_NUMBER_LENGTH} and {value} ~ {literal(NUMBER_PATTERN)} "
            f"then case when abs({value}::numeric) < 1e-307 then 0 "
            f"when abs({value}::numeric) < 1.79e308 then {value}::numeric::double precision "
            "end end"
        )
    if value_type is ValueType.TIMESTAMP:
        return (
            f"case when {value} ~ {literal(TIMESTAMP_PATTERN)} then ({value} || case when {value} "
            f"~ '{HAS_OFFSET}' then '' else 'Z' end)::timestamptz end"
        )
    return value
