"""The way from a pipeline to its database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dlt

from captaindata_source.database.base import Database
from captaindata_source.database.on_duckdb import DuckDbDatabase
from captaindata_source.database.on_postgres import PostgresDatabase
from captaindata_source.errors import CaptainDataError, DestinationError, root_message

__all__ = ["DUCKDB", "POSTGRES", "open_database", "schema_of"]

DUCKDB, POSTGRES = "dlt.destinations.duckdb", "dlt.destinations.postgres"


@contextmanager
def open_database(pipeline: dlt.Pipeline) -> Iterator[Database | None]:
    """Opens the destination of a pipeline; None where it is neither DuckDB nor Postgres.

    Raises:
        DestinationError: It can't be opened.
    """
    kind = pipeline.destination.destination_type
    if kind not in (DUCKDB, POSTGRES):
        yield None
        return
    try:
        with pipeline.sql_client() as client:
            connection = client.native_connection
            if kind == DUCKDB:
                yield DuckDbDatabase(connection)
            else:
                address = client.credentials.to_native_representation()
                yield PostgresDatabase(connection, address)
    except Exception as error:
        if isinstance(error, (CaptainDataError, OSError)) or not _is_of_database(error):
            raise
        message = root_message(error)
        if kind == DUCKDB and "lock" in message:
            message += (
                ". Another process holds the file, which one alone may open to write: close it, "
                "and let readers use the copy that publish_copy leaves"
            )
        raise DestinationError(
            f"{pipeline.destination.destination_name} can't be read or written: {message}"
        ) from error


def _is_of_database(error: Exception) -> bool:
    """Whether dlt, DuckDB, psycopg2 or ADBC raised it."""
    modules = {kind.__module__.split(".")[0] for kind in type(error).__mro__}
    return bool(modules & {"dlt", "duckdb", "_duckdb", "psycopg2", "adbc_driver_manager"})


def schema_of(pipeline: dlt.Pipeline) -> str:
    """The schema that a pipeline's dataset is: dlt puts its name into snake case."""
    name: str = pipeline.sql_client().dataset_name
    return name
