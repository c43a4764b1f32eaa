"""How each database takes results apart: what keys they have, and keys as columns.

The two differ here, and only here: DuckDB extracts a list of paths in one pass, Postgres a record.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from captaindata_source.sqltext import literal, quoted
from captaindata_source.typed.names import MAX_IDENTIFIER
from captaindata_source.typed.types import TIMESTAMP_PATTERN, ValueType

__all__ = ["Column", "Dialect", "DuckDbDialect", "PostgresDialect", "dialect_of"]

INTEGER_PATTERN = "^-?[0-9]{1,15}$"
LONG_PATTERN = "^-?[0-9]{16,19}$"
NUMBER_PATTERN = r"^-?[0-9]{1,15}(\.[0-9]{1,200})?([eE][+-]?[0-9]{1,2})?$"
MIN_BIGINT, MAX_BIGINT = -(2**63), 2**63 - 1
SHORTEST_TIME, LONGEST_TIME = 19, 32
DOUBLE_PATTERN = r"^-?[0-9]{1,200}(\.[0-9]{1,200})?([eE][+-]?0*[0-9]{1,2})?$"
"""What Postgres casts to a double without an error; more than what counts as a number."""
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


class Dialect(Protocol):
    """A database's JSON."""

    @property
    def types(self) -> Mapping[ValueType, str]:
        """What the database calls the types of columns, in lower case."""

    def values(self, rows: str) -> str:
        """A select of all values of all results, and of those within their objects.

        Args:
            rows: A select of `workspace_uid`, `workflow_uid`, `job_uid`, `data`, `created_at`.

        Returns:
            SQL with the columns `workspace_uid`, `workflow_uid`, `job_uid`, `created_at`, `key`,
            `nested_key`, `kind`, and `place` of the key among its neighbours.
        """

    def select(self, results: str, columns: Sequence[Column]) -> str:
        """A select of results with typed columns.

        Args:
            results: A select of `job_id`, `result_id`, `started_at`, `created_at`, `data`.
            columns: What follows the first four.
        """


def dialect_of(kind: str) -> Dialect:
    """The dialect of a database's kind."""
    return DuckDbDialect() if kind == "duckdb" else PostgresDialect()


class DuckDbDialect:
    """DuckDB."""

    types = {**COMMON_TYPES} | {ValueType.DOUBLE: "double", ValueType.TEXT: "varchar"}

    def values(self, rows: str) -> str:
        return f"""
            with cleaned as (
                select workspace_uid, workflow_uid, job_uid, created_at,
                    {_clean("data", "varchar")} as data
                from ({rows}) as results
            ),
            fields as (
                select workspace_uid, workflow_uid, job_uid, created_at,
                    unnest(json_keys(data)) as key,
                    unnest(json_type(data, '$.*')) as json_type,
                    unnest(json_extract_string(data, '$.*')) as value,
                    generate_subscripts(json_keys(data), 1) as place
                from cleaned
                where json_type(data) = 'OBJECT'
            ),
            nested as (
                select workspace_uid, workflow_uid, job_uid, created_at, key,
                    unnest(json_keys(value)) as nested_key,
                    unnest(json_type(value, '$.*')) as json_type,
                    unnest(json_extract_string(value, '$.*')) as value,
                    generate_subscripts(json_keys(value), 1) as place
                from fields
                where json_type = 'OBJECT'
            ),
            together as (
                select workspace_uid, workflow_uid, job_uid, created_at, key,
                    cast(null as varchar) as nested_key, json_type, value, place
                from fields
                union all
                select workspace_uid, workflow_uid, job_uid, created_at, key,
                    nested_key, json_type, value, place
                from nested
            )
            select workspace_uid, workflow_uid, job_uid, created_at, key, nested_key, place,
                case json_type
                    when 'NULL' then 'null'
                    when 'BOOLEAN' then 'boolean'
                    when 'ARRAY' then 'array'
                    when 'OBJECT' then case when value = '{{}}' then 'empty' else 'object' end
                    when 'VARCHAR' then
                        case when length(value) between {SHORTEST_TIME} and {LONGEST_TIME}
                            then case when regexp_matches(value, {literal(TIMESTAMP_PATTERN)})
                                then 'timestamp' else 'string' end
                            else 'string' end
                    else case
                        when regexp_matches(value, {literal(INTEGER_PATTERN)}) then 'integer'
                        when regexp_matches(value, {literal(LONG_PATTERN)})
                            and try_cast(value as bigint) is not null then 'long'
                        when regexp_matches(value, {literal(NUMBER_PATTERN)}) then 'number'
                        else 'huge' end
                end as kind
            from together
        """

    def select(self, results: str, columns: Sequence[Column]) -> str:
        if not columns:
            return f"select job_id, result_id, started_at, created_at from ({results}) as results"
        paths = ", ".join(literal(_path(column)) for column in columns)
        typed = ",\n    ".join(
            f"{_DUCKDB_CASTS[column.value_type].format(f'found[{place}]')} as {quoted(column.name)}"
            for place, column in enumerate(columns, start=1)
        )
        return (
            "with extracted as (\n"
            "    select job_id, result_id, started_at, created_at,\n"
            f"        json_extract_string({_clean('data', 'varchar')}, [{paths}]) as found\n"
            f"    from ({results}) as results\n"
            ")\n"
            f"select job_id, result_id, started_at, created_at,\n    {typed}\nfrom extracted"
        )


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


def _path(column: Column) -> str:
    """A JSON pointer; for digits within an object a path, for a pointer would index an array."""
    keys = [column.key, *([] if column.nested_key is None else [column.nested_key])]
    if keys[-1].isdigit() and not any(set(key) & set('"*\\') or not key for key in keys):
        return "$" + "".join(f'."{key}"' for key in keys)
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)


class PostgresDialect:
    """Postgres 12 and later."""

    types = {**COMMON_TYPES} | {ValueType.DOUBLE: "double precision", ValueType.TEXT: "text"}

    def values(self, rows: str) -> str:
        kinds = f"""
            case json_typeof(value)
                when 'null' then 'null'
                when 'boolean' then 'boolean'
                when 'array' then 'array'
                when 'object' then
                    case when value::text ~ '^\\{{\\s*\\}}$' then 'empty' else 'object' end
                when 'string' then
                    case when octet_length(value::text) between
                            {SHORTEST_TIME + 2} and {2 * LONGEST_TIME}
                        then case when value #>> '{{}}' ~ {literal(TIMESTAMP_PATTERN)}
                            then 'timestamp' else 'string' end
                        else 'string' end
                else case
                    when value::text ~ {literal(INTEGER_PATTERN)} then 'integer'
                    when value::text ~ {literal(LONG_PATTERN)} then
                        case when value::text::numeric between {MIN_BIGINT} and {MAX_BIGINT}
                            then 'long' else 'huge' end
                    when value::text ~ {literal(NUMBER_PATTERN)} then 'number'
                    else 'huge' end
            end
        """
        return f"""
            with fields as (
                select workspace_uid, workflow_uid, job_uid, created_at, e.key, e.value, e.place
                from ({rows}) as results
                cross join lateral json_each({_object(_clean("data", "text"))})
                    with ordinality as e(key, value, place)
            ),
            together as (
                select workspace_uid, workflow_uid, job_uid, created_at, key,
                    cast(null as text) as nested_key, value, place
                from fields
                union all
                select workspace_uid, workflow_uid, job_uid, created_at, fields.key,
                    e.key as nested_key, e.value, e.place
                from fields
                cross join lateral json_each({_object("fields.value")})
                    with ordinality as e(key, value, place)
                where json_typeof(fields.value) = 'object'
            )
            select workspace_uid, workflow_uid, job_uid, created_at, key, nested_key, place,
                {kinds} as kind
            from together
        """

    def select(self, results: str, columns: Sequence[Column]) -> str:
        if not columns:
            return f"select job_id, result_id, started_at, created_at from ({results}) as results"
        parents = {column.key for column in columns if column.nested_key is not None}
        whole = {
            (column.key, column.nested_key)
            for column in columns
            if column.value_type is ValueType.JSON
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
        joins = [join for each in (record, *nested.values()) if (join := each.join())]
        return (
            "with results as (\n"
            "    select job_id, result_id, started_at, created_at, "
            f"{_clean('data', 'text')} as data\n"
            f"    from ({results}) as found\n"
            ")\n"
            "select results.job_id, results.result_id, results.started_at, results.created_at,\n"
            "    "
            + ",\n    ".join(typed)
            + "\nfrom results"
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
            return f"({_object(self._value)} {arrow} {literal(key)})"
        column = quoted(key)
        self._columns[column] = kind
        return f"{self._alias}.{column}"

    def join(self) -> str:
        """SQL that joins the keys taken so far; empty where none can be a column."""
        if not self._columns:
            return ""
        columns = ", ".join(f"{column} {kind}" for column, kind in self._columns.items())
        record = f"json_to_record({_object(self._value)})"
        return f"cross join lateral {record} as {self._alias}({columns})"


def _object(value: str) -> str:
    """The value where it is an object, else an empty one."""
    return f"case when json_typeof({value}) = 'object' then {value} else '{{}}' end"


def _clean(value: str, text: str) -> str:
    """Without the one character that Postgres can't hold in text; the same on both.

    A backslash that is escaped itself is put aside meanwhile, as a character that JSON has not.
    """
    plain = f"cast({value} as {text})"
    aside = f"replace({plain}, '\\\\', chr(1))"
    cleaned = f"replace(replace({aside}, '\\u0000', '\\ufffd'), chr(1), '\\\\')"
    return (
        f"case when strpos({plain}, '\\u0000') > 0 then cast({cleaned} as json) "
        f"else cast({value} as json) end"
    )


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
        return f"case when {value} ~ {literal(DOUBLE_PATTERN)} then {value}::double precision end"
    if value_type is ValueType.TIMESTAMP:
        return (
            f"case when {value} ~ {literal(TIMESTAMP_PATTERN)} then ({value} || case when {value} "
            f"~ '{HAS_OFFSET}' then '' else 'Z' end)::timestamptz end"
        )
    return value
