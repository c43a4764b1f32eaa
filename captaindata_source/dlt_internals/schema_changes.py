"""Tables and columns that are made outside of a load."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

from dlt.common.schema.typing import TTableSchemaColumns
from dlt.destinations.job_client_impl import SqlJobClientBase

__all__ = ["add_columns", "make_what_is_missing"]


def add_columns(client: SqlJobClientBase, tables: list[tuple[str, TTableSchemaColumns]]) -> None:
    """Adds the columns that tables lack of the client's schema.

    Args:
        client: Connected.
        tables: Names of tables that are there, and the columns that they have.
    """
    statements, _ = client._build_schema_update_sql(tables)
    client.sql_client.execute_many(statements)


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
