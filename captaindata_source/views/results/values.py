"""Every value of every result with its kind, counted by job.

DuckDB does it for Postgres too, which takes five times as long: results stream through an engine
in memory, only the counts go back.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import chain

import duckdb
import pyarrow as pa

from captaindata_source.sqltext import clean_json, literal
from captaindata_source.tables import JOB_RESULTS
from captaindata_source.views.results.fields import FieldStore
from captaindata_source.views.results.types import TIMESTAMP_PATTERN
from captaindata_source.warehouse.database import Database, PostgresDatabase

__all__ = ["count_values", "find_values", "gathered"]

INTEGER_PATTERN = "^-?[0-9]{1,15}$"
LONG_PATTERN = "^-?[0-9]{16,19}$"
NUMBER_PATTERN = r"^-?[0-9]{1,15}(\.[0-9]{1,200})?([eE][+-]?[0-9]{1,2})?$"
SHORTEST_TIME, LONGEST_TIME = 19, 32
ENGINE: dict[str, str | bool | int | float | list[str]] = {"threads": 1, "temp_directory": ""}
"""What it works on is small: nothing is put on disk."""
NO_RESULTS = pa.table(
    {
        "number": pa.array([], pa.int64()),
        "created_at": pa.array([], pa.timestamp("us", tz="UTC")),
        "data": pa.array([], pa.string()),
    }
)
BATCH_BYTES = 6 * 1024 * 1024


def find_values(database: Database, store: FieldStore) -> None:
    """Fills the temporary table `job_values` from the results of the jobs in `batch_jobs`.

    Args:
        database: Within a transaction.
        store: Of the dataset.
    """
    rows = f"""
        select b.number, coalesce(r.created_at, r.loaded_at) as created_at, r.data
        from {{{JOB_RESULTS.name}}} as r
        inner join batch_jobs as b on b.workspace_uid = r.workspace_uid and b.job_uid = r.job_uid
        where b.load_id is not null and not b.is_counted
    """
    if not isinstance(database, PostgresDatabase):
        store.run(f"insert into job_values {values_query(rows)}")
        return
    names = ("number", "workspace_uid", "job_uid", "load_id", "is_counted")
    jobs = store.query(f"select {', '.join(names)} from batch_jobs")
    columns = dict(zip(names, map(list, zip(*jobs, strict=True)), strict=True))
    with database.reader(store.named(rows), tables={"batch_jobs": pa.table(columns)}) as results:
        tables = (pa.Table.from_batches([batch]) for batch in results)
        found = count_values(gathered(tables))
    database.fill("job_values", found)


def gathered(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables of some size, for to plan a query takes a while, too."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(each.nbytes for each in waiting) >= BATCH_BYTES:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def count_values(tables: Iterable[pa.Table], *, most: float = math.inf) -> pa.Table:
    """Counts with an engine in memory.

    Args:
        tables: Results: `number`, which may be of any type, `created_at` and `data`.
        most: Rows of counts after which it is too many.

    Returns:
        The columns of `values_query`.

    Raises:
        OverflowError: There are more.
    """
    with duckdb.connect(config=ENGINE) as engine:
        engine.execute("set timezone = 'UTC'")
        begin = "create table counts as"
        for results in chain(tables, [NO_RESULTS]):
            engine.register("results_at_hand", results)
            engine.execute(
                f"{begin} {values_query('select number, created_at, data from results_at_hand')}"
            )
            begin = "insert into counts"
            engine.unregister("results_at_hand")
            if engine.sql("select count(*) from counts").fetchall()[0][0] > most:
                raise OverflowError("too many keys")
        return engine.sql(
            """
            select number, key, nested_key, kind, cast(sum(result_rows) as bigint) as result_rows,
                min(first_at) as first_at, max(last_at) as last_at, min(place) as place
            from counts group by number, key, nested_key, kind
            """
        ).to_arrow_table()


def values_query(rows: str) -> str:
    """In DuckDB's SQL: each job's keys and kinds of values, counted.

    Args:
        rows: A select of the job's `number`, `created_at` and `data`.

    Returns:
        A select of `number`, `key`, `nested_key`, `kind`, `result_rows`, `first_at`, `last_at`, and
        `place` of the key among its neighbours.
    """
    return f"""
        with results as (
            select number, epoch_us(created_at) as created_us, data, json_keys(data) as keys
            from (
                select number, created_at, {clean_json("data", "varchar")} as data
                from ({rows}) as found
            ) as cleaned
        ),
        fields as materialized (
            select number, created_us, unnest(keys) as key,
                unnest(json_type(data, '$.*')) as json_type,
                unnest(json_extract_string(data, '$.*')) as value,
                generate_subscripts(keys, 1) as place
            from results
        ),
        nested as (
            select number, created_us, key, unnest(keys) as nested_key,
                unnest(json_type(value, '$.*')) as json_type,
                unnest(json_extract_string(value, '$.*')) as value,
                generate_subscripts(keys, 1) as place
            from (
                select number, created_us, key, value, json_keys(value) as keys
                from fields where json_type = 'OBJECT'
            ) as objects
        ),
        together as (
            select number, created_us, key, cast(null as varchar) as nested_key, json_type, value,
                place
            from fields
            union all
            select number, created_us, key, nested_key, json_type, value, place
            from nested
        ),
        counted as (
            select number, key, nested_key, {_KIND} as kind, count(*) as result_rows,
                min(created_us) as first_us, max(created_us) as last_us, min(place) as place
            from together
            group by number, key, nested_key, kind
        )
        select number, key, nested_key, kind, result_rows,
            make_timestamp(first_us) at time zone 'UTC' as first_at,
            make_timestamp(last_us) at time zone 'UTC' as last_at, place
        from counted
    """


_KIND = f"""
    case json_type
        when 'NULL' then 'null'
        when 'BOOLEAN' then 'boolean'
        when 'ARRAY' then 'array'
        when 'OBJECT' then case when value = '{{}}' then 'empty' else 'object' end
        when 'VARCHAR' then
            case when strlen(value) between {SHORTEST_TIME} and {LONGEST_TIME}
                then case when regexp_matches(value, {literal(TIMESTAMP_PATTERN)})
                    then 'timestamp' else 'string' end
                else 'string' end
        else case
            when json_type in ('UBIGINT', 'BIGINT') and strlen(value) <= 15 then 'integer'
            when regexp_matches(value, {literal(INTEGER_PATTERN)}) then 'integer'
            when regexp_matches(value, {literal(LONG_PATTERN)})
                and try_cast(value as bigint) is not null then 'long'
            when regexp_matches(value, {literal(NUMBER_PATTERN)}) then 'number'
            else 'huge' end
    end
"""
