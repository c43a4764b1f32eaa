"""What runs in DuckDB, and Postgres: what is there, and changes in transactions.

Other destinations get the raw tables alone.
"""

from captaindata_source.warehouse.database.base import Database, RefusedError, Relation
from captaindata_source.warehouse.database.free_space import note_secrets, overwrite_if_noted
from captaindata_source.warehouse.database.kinds import (
    BIGQUERY,
    DUCKDB,
    DUCKLAKE,
    FILESYSTEM,
    MOTHERDUCK,
    POSTGRES,
    RUN_BY_DUCKDB,
    SQLALCHEMY,
    WITH_VIEWS,
)
from captaindata_source.warehouse.database.on_duckdb import DuckDbDatabase
from captaindata_source.warehouse.database.on_postgres import PostgresDatabase
from captaindata_source.warehouse.database.opening import (
    connected,
    database_on,
    file_of,
    lock_address_of,
    lock_file_of,
    open_database,
    schema_of,
    use_utc,
    watched,
)
from captaindata_source.warehouse.database.rights import require_temporary, require_writable
from captaindata_source.warehouse.database.session_lock import SessionLock, this_process
from captaindata_source.warehouse.database.statements import HeldError, end_statements, is_held
from captaindata_source.warehouse.database.upgrade import add_missing_columns

__all__ = [
    "BIGQUERY",
    "DUCKDB",
    "DUCKLAKE",
    "FILESYSTEM",
    "MOTHERDUCK",
    "POSTGRES",
    "RUN_BY_DUCKDB",
    "SQLALCHEMY",
    "WITH_VIEWS",
    "Database",
    "DuckDbDatabase",
    "HeldError",
    "PostgresDatabase",
    "RefusedError",
    "Relation",
    "SessionLock",
    "add_missing_columns",
    "connected",
    "database_on",
    "end_statements",
    "file_of",
    "is_held",
    "lock_address_of",
    "lock_file_of",
    "note_secrets",
    "open_database",
    "overwrite_if_noted",
    "require_temporary",
    "require_writable",
    "schema_of",
    "this_process",
    "use_utc",
    "watched",
]
