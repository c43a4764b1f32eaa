"""The way from a pipeline to its database."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlt
from dlt.destinations.sql_client import SqlClientBase

from captaindata_source.database.base import Database
from captaindata_source.database.on_duckdb import DuckDbDatabase
from captaindata_source.database.on_postgres import PostgresDatabase
from captaindata_source.errors import CaptainDataError, DestinationError
from captaindata_source.remedies import as_destination_error, is_passing, message_of
from captaindata_source.waiting import wait_seconds

__all__ = ["DUCKDB", "POSTGRES", "connected", "open_database", "schema_of"]

logger = logging.getLogger(__name__)

DUCKDB, POSTGRES = "dlt.destinations.duckdb", "dlt.destinations.postgres"
FILE_POLL_SECONDS = 0.2


@contextmanager
def connected(pipeline: dlt.Pipeline, *, patience: float = 0.0) -> Iterator[SqlClientBase[Any]]:
    """Connects to the database of a pipeline.

    Args:
        pipeline: Gives destination and dataset.
        patience: Seconds to wait for a DuckDB file that another process holds open.

    Raises:
        DestinationError: It can't be opened.
    """
    client = pipeline.sql_client()
    if pipeline.destination.destination_type == DUCKDB:
        _open_file(client, patience=patience)
    else:
        with _explained():
            client.open_connection()
    try:
        yield client
    finally:
        client.close_connection()


def _open_file(client: SqlClientBase[Any], *, patience: float) -> None:
    file = Path(str(client.credentials.database))
    was_there = file.exists()
    ends = time.monotonic() + patience
    is_told = False
    while True:
        try:
            client.open_connection()
        except Exception as error:
            if not was_there:
                file.unlink(missing_ok=True)  # what is half made is no database
            if not is_passing(error) or time.monotonic() >= ends:
                raise as_destination_error(error) or error from error
            if not is_told:
                logger.warning("%s. Waiting for up to %.0f seconds", message_of(error), patience)
                is_told = True
        else:
            return
        wait_seconds(FILE_POLL_SECONDS)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise as_destination_error(error) or error from error


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
        with connected(pipeline) as client:
            connection = client.native_connection
            if kind == DUCKDB:
                yield DuckDbDatabase(connection)
            else:
                address = client.credentials.to_native_representation()
                yield PostgresDatabase(connection, address)
    except Exception as error:
        if isinstance(error, (CaptainDataError, OSError)) or not _is_of_database(error):
            raise
        raise as_destination_error(error) or DestinationError(
            f"{pipeline.destination.destination_name} can't be read or written: {message_of(error)}"
        ) from error


def _is_of_database(error: Exception) -> bool:
    """Whether dlt, DuckDB, psycopg2 or ADBC raised it."""
    modules = {kind.__module__.split(".")[0] for kind in type(error).__mro__}
    return bool(modules & {"dlt", "duckdb", "_duckdb", "psycopg2", "adbc_driver_manager"})


def schema_of(pipeline: dlt.Pipeline) -> str:
    """The schema that a pipeline's dataset is: dlt puts its name into snake case."""
    name: str = pipeline.sql_client().dataset_name
    return name
