"""DuckDB and Postgres: what is there, and changes in transactions.

Other destinations get the raw tables alone.
"""

from captaindata_source.database.base import Database, RefusedError, Relation
from captaindata_source.database.last_load import last_load
from captaindata_source.database.on_duckdb import DuckDbDatabase
from captaindata_source.database.on_postgres import PostgresDatabase
from captaindata_source.database.opening import (
    DUCKDB,
    POSTGRES,
    connected,
    file_of,
    open_database,
    schema_of,
    use_utc,
)
from captaindata_source.database.rights import require_writable
from captaindata_source.database.session_lock import SessionLock, this_process
from captaindata_source.database.upgrade import add_missing_columns

__all__ = [
    "DUCKDB",
    "POSTGRES",
    "Database",
    "DuckDbDatabase",
    "PostgresDatabase",
    "RefusedError",
    "Relation",
    "SessionLock",
    "add_missing_columns",
    "connected",
    "file_of",
    "last_load",
    "open_database",
    "require_writable",
    "schema_of",
    "this_process",
    "use_utc",
]
