"""Every value of every result with its kind, in the SQL of each database."""

from __future__ import annotations

from captaindata_source.sqltext import literal
from captaindata_source.typed.json_sql import clean_json, object_of
from captaindata_source.typed.types import MAX_BIGINT, MIN_BIGINT, TIMESTAMP_PATTERN

__all__ = ["values_query"]

INTEGER_PATTERN = "^-?[0-9]{1,15}$"
LONG_PATTERN = "^-?[0-9]{16,19}$"
NUMBER_PATTERN = r"^-?[0-9]{1,15}(\.[0-9]{1,200})?([eE][+-]?[0-9]{1,2})?$"
SHORTEST_TIME, LONGEST_TIME = 19, 32


def values_query(kind: str, rows: str) -> str:
    """A select of all values of all results, and of those within their objects.

    Args:
        kind: `duckdb` or `postgres`.
        rows: A select of `workspace_uid`, `workflow_uid`, `job_uid`, `data`, `created_at`.

    Returns:
        SQL with the columns `workspace_uid`, `workflow_uid`, `job_uid`, `created_at`, `key`,
        `nested_key`, `kind`, and `place` of the key among its neighbours.
    """
    return _duckdb_values(rows) if kind == "duckdb" else _postgres_values(rows)


def _duckdb_values(rows: str) -> str:
    return f"""
        with cleaned as (
            select workspace_uid, workflow_uid, job_uid, created_at,
                {clean_json("data", "varchar")} as data
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


def _postgres_values(rows: str) -> str:
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
            cross join lateral json_each({object_of(clean_json("data", "text"))})
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
            cross join lateral json_each({object_of("fields.value")})
                with ordinality as e(key, value, place)
            where json_typeof(fields.value) = 'object'
        )
        select workspace_uid, workflow_uid, job_uid, created_at, key, nested_key, place,
            {kinds} as kind
        from together
    """
