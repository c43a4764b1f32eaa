"""Tables and columns that are made outside of a load."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from dlt.common.schema.typing import TTableSchemaColumns
from dlt.destinations.job_client_impl import SqlJobClientBase

__all__ = ["add_columns", "make_what_is_missing"]


def add_columns(client: SqlJobClientBase, tables: list[tuple[str, TTableSchemaColumns]]) -> None:
    """Adds the columns that tables lack of the client's schema.

    Args:
        client: Connected.
        tables: Names of tables that are there, and the columns that they have.
    """
    if hasattr(client.sql_client, "alter_table_add_columns"):  # of SQLAlchemy: it has no statements
        _alter_tables(client, [name for name, _ in tables])
        return
    statements, _ = client._build_schema_update_sql(tables)
    client.sql_client.execute_many(statements)


def _alter_tables(client: Any, names: Sequence[str]) -> None:
    sql_client = client.sql_client
    for name in names:
        client._to_table_object(client.schema.tables[name])
    found = [sql_client.compare_storage_table(name) for name in names]
    with sql_client.begin_transaction():
        sql_client.alter_table_add_columns(
            [column for _, lacking, _ in found for column in lacking]
        )


def make_what_is_missing(client: SqlJobClientBase, tables: Sequence[str]) -> None:
    """Makes tables and columns that the database lacks, though the schema is stored there.

    Args:
        client: Connected.
        tables: Names of tables of the client's schema.
    """
    if "force" in inspect.signature(client.update_stored_schema).parameters:
        client.update_stored_schema(only_tables=tables, force=True)
    else:  # dlt 1.27 and older look at nothing where the schema is stored
        with client.maybe_ddl_transaction():
            add_columns(client, [*client.get_storage_tables(tables)])
