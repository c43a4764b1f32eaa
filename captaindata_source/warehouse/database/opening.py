"""The way from a pipeline to its database."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dlt
import fasteners
from dlt.destinations.impl.postgres.configuration import PostgresCredentials
from dlt.destinations.sql_client import SqlClientBase

from captaindata_source.dlt_internals.clients import on_connection, open_again
from captaindata_source.errors import CaptainDataError, DestinationError, causes
from captaindata_source.waiting import wait_seconds
from captaindata_source.warehouse.database.base import Database
from captaindata_source.warehouse.database.kinds import (
    DUCKLAKE,
    POSTGRES,
    RUN_BY_DUCKDB,
    WITH_VIEWS,
)
from captaindata_source.warehouse.database.on_duckdb import DuckDbDatabase
from captaindata_source.warehouse.database.on_postgres import PostgresDatabase
from captaindata_source.warehouse.database.statements import bound_waits, watch
from captaindata_source.warehouse.remedies import (
    as_destination_error,
    driver_of,
    explained,
    is_passing,
    message_of,
)

__all__ = [
    "connected",
    "database_on",
    "file_of",
    "lock_address_of",
    "lock_file_of",
    "open_database",
    "schema_of",
    "use_utc",
]

logger = logging.getLogger(__name__)

FILE_POLL_SECONDS = 0.03
DETACHING = "Unique file handle conflict"
"""What DuckDB says while another thread closes the last connection to a file; 3 in 1,600 openings
by four threads with DuckDB 2.0, 34 in 2,400 with 1.5."""
DETACH_SECONDS = 10.0
DETACH_POLL_SECONDS = 0.02
EMPTY_BYTES = 12_288
"""Size of a DuckDB file without a table: its three headers. What is smaller is no database."""
MD_DRIVER = "md"
"""Name of its driver, as dlt has it."""
LOCAL_CATALOGS = ("sqlite", "duckdb")
POSTGRES_CATALOGS = ("postgres", "postgresql")
NO_FILE = re.compile(r":|$|[A-Za-z][A-Za-z0-9+.-]+:")
"""Databases of DuckDB that are no file: `:memory:`, `md:name`, `s3://…`, but not `C:\\…`."""


def use_utc(pipeline: dlt.Pipeline, client: SqlClientBase[Any]) -> None:
    """Lets a session of one of `WITH_VIEWS` tell times in UTC: in another zone times at the ends of
    the years 1 and 9999 are outside of Python's, and drivers fail.

    By a statement, for poolers refuse options of a connection. dlt undoes it on Postgres after a
    statement that fails.

    Args:
        pipeline: Gives the destination.
        client: Connected to it.
    """
    if pipeline.destination.destination_type in WITH_VIEWS:
        client.execute_sql("set timezone = 'UTC'")


@contextmanager
def connected(pipeline: dlt.Pipeline, *, patience: float = 0.0) -> Iterator[SqlClientBase[Any]]:
    """Connects to the database of a pipeline.

    Args:
        pipeline: Gives destination and dataset.
        patience: Seconds to wait for a DuckDB file that another process holds open.

    Raises:
        DestinationError: It can't be opened.
    """
    client = watched(pipeline.sql_client(), pipeline.destination.destination_type)
    name = pipeline.destination.destination_name
    with explained(f"{name} can't be opened: check destination.{name}.credentials"):
        if pipeline.destination.destination_type in RUN_BY_DUCKDB:
            _open_file(client, patience=patience)
        else:
            client.open_connection()
    try:
        use_utc(pipeline, client)
        yield client
    finally:
        client.close_connection()


def watched(client: Any, kind: str) -> Any:
    """The same client of dlt: a signal ends its statements, and none waits long for a lock.

    Args:
        client: Not connected yet.
        kind: Type of the destination.
    """
    if kind == POSTGRES:
        bound_waits(client)
    elif kind in RUN_BY_DUCKDB and on_connection(client, watch):
        open_again(
            client,
            _is_detaching,
            seconds=DETACH_SECONDS,
            poll=lambda: wait_seconds(DETACH_POLL_SECONDS),
        )
    return client


def _is_detaching(error: Exception) -> bool:
    """Whether another thread of this process is closing the same file: DuckDB refuses to open it in
    that moment."""
    return any(DETACHING in str(each) for each in causes(error))


def file_of(client: SqlClientBase[Any]) -> Path | None:
    """The file of a connection to DuckDB; None where it is in memory, a lake or with a service."""
    credentials = client.credentials
    if hasattr(credentials, "catalog") or getattr(credentials, "drivername", "") == MD_DRIVER:
        return None
    database = str(credentials.database)
    return None if NO_FILE.match(database) else Path(database)


def lock_file_of(client: SqlClientBase[Any]) -> Path | None:
    """The file beside which a sync is locked: that of DuckDB, or of a lake's catalog; None where
    there is none on this machine."""
    catalog = getattr(client.credentials, "catalog", None)
    if catalog is None:
        return file_of(client)
    is_file = catalog.drivername in LOCAL_CATALOGS and catalog.database
    return Path(catalog.database) if is_file else None


def lock_address_of(client: SqlClientBase[Any]) -> str | None:
    """The address of the Postgres that locks a sync: the destination, or a lake's catalog; None
    where there is none."""
    if isinstance(client.credentials, PostgresCredentials):
        address: str = client.credentials.to_native_representation()
        return address
    catalog = getattr(client.credentials, "catalog", None)
    if catalog is None or catalog.drivername not in POSTGRES_CATALOGS:
        return None
    if find_spec("psycopg2") is None:  # DuckDB has its own driver
        return None
    return re.sub(r"^\w+(?=://)", "postgresql", catalog.to_native_representation())


@explained()
def _open_file(client: SqlClientBase[Any], *, patience: float) -> None:
    file = file_of(client)
    is_new = file is not None and not file.exists()
    ends: float | None = None
    is_told = False
    while True:
        try:
            client.open_connection()
        except Exception as error:
            if not is_passing(error):
                if file is not None and is_new:
                    _remove_stub(file)
                raise
            is_new = False  # another process made it meanwhile
            now = time.monotonic()
            ends = now + patience if ends is None else ends
            if now >= ends:
                raise
            if not is_told:
                logger.warning("%s. Waiting for up to %.0f seconds", message_of(error), patience)
                is_told = True
        else:
            return
        wait_seconds(FILE_POLL_SECONDS)


def _remove_stub(file: Path) -> None:
    """Removes what is half made and no database, unless another process is at making it."""
    lock = fasteners.InterProcessLock(file)  # as DuckDB locks it
    with suppress(OSError):
        if not file.exists():
            return
        if not lock.acquire(blocking=False):
            lock.lockfile.close()
            return
        try:
            if file.stat().st_size < EMPTY_BYTES:
                file.unlink()
        finally:
            lock.release()


def database_on(client: SqlClientBase[Any], kind: str) -> Database:
    """The database of a connection.

    Args:
        client: Connected.
        kind: Type of the destination, one of `WITH_VIEWS`.
    """
    connection: Any = client.native_connection
    if kind in RUN_BY_DUCKDB:
        return DuckDbDatabase(connection, is_lake=kind == DUCKLAKE)
    return PostgresDatabase(connection, client.credentials.to_native_representation())


@contextmanager
def open_database(pipeline: dlt.Pipeline) -> Iterator[Database | None]:
    """Opens the destination of a pipeline; None where it is not one of `WITH_VIEWS`.

    Raises:
        DestinationError: It can't be opened.
    """
    kind = pipeline.destination.destination_type
    if kind not in WITH_VIEWS:
        yield None
        return
    try:
        with connected(pipeline) as client:
            yield database_on(client, kind)
    except Exception as error:
        if isinstance(error, (CaptainDataError, OSError)) or not driver_of(error):
            raise
        raise as_destination_error(error) or DestinationError(
            f"{pipeline.destination.destination_name} can't be read or written: {message_of(error)}"
        ) from error


def schema_of(pipeline: dlt.Pipeline) -> str:
    """The schema that a pipeline's dataset is: dlt puts its name into snake case."""
    name: str = pipeline.sql_client().dataset_name
    return name
