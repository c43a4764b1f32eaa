"""DuckDB and Postgres: what is there, and changes in transactions.

Other destinations get the raw tables alone.
"""

from captaindata_source.database.base import Database, RefusedError, Relation
from captaindata_source.database.on_duckdb import DuckDbDatabase
from captaindata_source.database.on_postgres import PostgresDatabase
from captaindata_source.database.opening import DUCKDB, POSTGRES, open_database, schema_of

__all__ = [
    "DUCKDB",
    "POSTGRES",
    "Database",
    "DuckDbDatabase",
    "PostgresDatabase",
    "RefusedError",
    "Relation",
    "open_database",
    "schema_of",
]
