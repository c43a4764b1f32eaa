"""What a sync keeps on each destination, told before the first call where something is missing.

`python -m tests.support.destinations_table` writes the table of `pipelines/README.md` from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dlt.destinations.sql_client import WithSqlClient

from captaindata_source.tables import JOB_RESULTS
from captaindata_source.warehouse.database import (
    DUCKDB,
    DUCKLAKE,
    FILESYSTEM,
    MOTHERDUCK,
    POSTGRES,
    SQLALCHEMY,
)

__all__ = ["PROMISES", "Promise", "promise_of"]

UNPROVEN = "loads, unproven"
REPLACES = "delete-insert"
"""dlt's strategy that replaces all rows of a job."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What a sync keeps on a destination.

    Args:
        name: The destination, as it is named for `--destination`, and its options.
        is_incremental: Only what is new is fetched.
        is_exact: A job that is run again keeps none of its old rows; no row is there twice.
        deletes: Whether what is gone is removed, or how else it is told.
        resumes: A sync that was killed goes on where it stopped.
        has_views: Views, alerts, exports and reports.
        tested: What it is tested with.
        lack: What it lacks and what to do, told before the first call; empty: nothing.
    """

    name: str
    is_incremental: bool = True
    is_exact: bool = True
    deletes: str = "yes"
    resumes: bool = True
    has_views: bool = False
    tested: str = UNPROVEN
    lack: str = ""


NO_VIEWS = "no views are made there: read the raw tables"
DUCKDB_FILE = Promise("duckdb", has_views=True, tested="DuckDB 1.4 to 2.0, all tests")
ON_POSTGRES = Promise("postgres", has_views=True, tested="PostgreSQL, all tests")
LAKE = Promise(
    "ducklake",
    has_views=True,
    tested="DuckDB 1.5, catalogue in SQLite; by hand in Postgres and DuckDB",
)
MOTHER = Promise(
    "motherduck",
    has_views=True,
    tested="as `duckdb`, unproven",
    lack="not tested with the service itself",
)
DELTA = Promise(
    "filesystem, table format delta",
    tested="deltalake, read by Daft",
    lack=NO_VIEWS,
)
ICEBERG = Promise(
    "filesystem, table format iceberg",
    tested="pyiceberg, read by Daft",
    lack=NO_VIEWS,
)
FILES = Promise(
    "filesystem",
    is_exact=False,
    deletes="as rows",
    tested="parquet, read by DuckDB",
    lack="rows are not replaced: each sync adds to what is there. Read the newest load of each row "
    "and job with the queries in sql/tables.md, or set table_format to delta or iceberg",
)
SQLITE = Promise("sqlalchemy, SQLite", tested="SQLite", lack=NO_VIEWS)
OTHER_SQLALCHEMY = Promise(
    "sqlalchemy, other databases", lack=f"not tested with this database; {NO_VIEWS}"
)
OTHER_SQL = Promise(
    "snowflake, bigquery, databricks, redshift, mssql, clickhouse and others with SQL",
    tested=f"{UNPROVEN}; what dlt makes of the tables",
    lack=f"not tested with this destination; {NO_VIEWS}",
)
APPENDED = Promise(
    "others that can't replace rows",
    is_exact=False,
    deletes="as rows",
    resumes=False,
    lack="rows are not replaced: each sync adds to what is there; read the newest load of each job",
)
UNREADABLE = Promise(
    "others that can't be queried",
    is_incremental=False,
    is_exact=False,
    deletes="no",
    resumes=False,
    lack="it can't be queried: each sync fetches and adds everything",
)
PROMISES = (
    *(DUCKDB_FILE, ON_POSTGRES, LAKE, MOTHER, DELTA, ICEBERG, SQLITE, OTHER_SQLALCHEMY),
    *(FILES, OTHER_SQL, APPENDED, UNREADABLE),
)
_OF_KIND = {
    DUCKDB: DUCKDB_FILE,
    POSTGRES: ON_POSTGRES,
    DUCKLAKE: LAKE,
    MOTHERDUCK: MOTHER,
}
_OF_FORMAT = {None: FILES, "delta": DELTA, "iceberg": ICEBERG}


def promise_of(client: Any, *, kind: str, table_format: str | None = None) -> Promise:
    """What a sync keeps on a destination, as dlt describes it.

    Args:
        client: dlt's client of it, whose capabilities are those of its configuration.
        kind: Type of the destination.
        table_format: Of the tables.
    """
    if kind in _OF_KIND:
        return _OF_KIND[kind]
    if kind == FILESYSTEM:
        return _OF_FORMAT[table_format]
    capabilities = client.capabilities
    if not isinstance(client, WithSqlClient):
        return UNREADABLE
    strategies = capabilities.supported_merge_strategies or ()
    if select := capabilities.merge_strategies_selector:
        table = {"name": JOB_RESULTS.name, "table_format": capabilities.preferred_table_format}
        strategies = select(strategies, table_schema=table)
    if REPLACES not in strategies:
        return APPENDED
    if kind == SQLALCHEMY:
        is_sqlite = capabilities.sqlglot_dialect == "sqlite"
        return SQLITE if is_sqlite else OTHER_SQLALCHEMY
    return OTHER_SQL
