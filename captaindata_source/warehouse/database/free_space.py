"""What a DuckDB file keeps of rows that are gone: deleted rows within its blocks, and free blocks.

Postgres takes care of that by itself, at its next VACUUM.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from captaindata_source.sqltext import quoted
from captaindata_source.warehouse.database.base import Database
from captaindata_source.warehouse.database.on_duckdb import DuckDbDatabase

__all__ = ["note_secrets", "overwrite_if_noted"]

logger = logging.getLogger(__name__)

NOTE = "secrets_to_overwrite"
"""A table that is there from when rows with secrets were found until the file holds none."""
FILLER = "free_space_filler"
MAX_ROUNDS = 8


def note_secrets(client: SqlClientBase[Any]) -> None:
    """Notes, where the rows are, that what is gone of them is to be overwritten."""
    name = client.make_qualified_table_name(NOTE)
    client.execute_sql(f"create table if not exists {name} (noted_at timestamptz)")


def overwrite_if_noted(database: Database, dataset: str, tables: Collection[str]) -> None:
    """Overwrites what a DuckDB file keeps of rows that are gone, where that was noted.

    Args:
        database: Outside of a transaction; nothing else is connected to it.
        dataset: Schema of the tables.
        tables: Names of the tables that had such rows.
    """
    if not isinstance(database, DuckDbDatabase) or NOTE not in database.relations(dataset):
        return
    for name in sorted(database.relations(dataset).keys() & set(tables)):
        table = f"{quoted(dataset)}.{quoted(name)}"
        with database.transaction():  # else the blocks of rows that stay keep those that went
            database.run(f"create temp table kept_rows as select * from {table}")
            database.run(f"delete from {table}")
            database.run(f"insert into {table} select * from kept_rows")
            database.run("drop table kept_rows")
    for schema, name in database.query(
        "select schema_name, table_name from duckdb_tables() "
        "where database_name = current_database() and starts_with(schema_name, %s)",
        (f"{dataset}_staging",),
    ):
        if name in tables:
            database.run(f"delete from {quoted(schema)}.{quoted(name)}")
    _fill(database, f"{quoted(dataset)}.{FILLER}")
    database.run(f"drop table {quoted(dataset)}.{NOTE}")
    logger.info("The free space of the DuckDB file was overwritten")


def _fill(database: DuckDbDatabase, filler: str) -> None:
    """Writes numbers over all free blocks, then frees them again."""
    database.run("set force_compression = 'uncompressed'")
    try:
        database.run(f"create or replace table {filler} (n bigint)")
        for _ in range(MAX_ROUNDS):
            database.run("force checkpoint")
            ((free, block_size),) = database.query(
                "select sum(free_blocks), max(block_size) from pragma_database_size() "
                "where database_name = current_database()"
            )
            if not free:
                break
            rows = free * block_size // 8
            database.run(f"insert into {filler} select -1 - n from range({rows}) as t(n)")
    finally:
        database.run(f"drop table if exists {filler}")
        database.run("reset force_compression")
        database.run("force checkpoint")
