"""dlt's destinations, and the clients and load jobs that they make.

dlt asks for a destination's configuration some forty times in a load, and looks each of its fields
up in the environment and in all files each time. It reads a pipeline's schema from its file each
time that a client is made.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import dlt
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.destination import AnyDestination

from captaindata_source.dlt_internals.adbc import shared_connection

__all__ = [
    "LookUps",
    "adapt_job",
    "change_capabilities",
    "change_clients",
    "change_jobs",
    "explain_queries",
    "is_appending",
    "look_up_once",
    "on_connection",
    "open_again",
    "with_append",
]

LookUps = dict[Hashable, Any]
"""What a destination is configured with, by what was set before."""
OF_A_PIPELINE = (
    "staging_dataset_name_layout",
    "local_dir",
    "pipeline_name",
    "pipeline_working_dir",
    "legacy_db_path",
)
"""What differs between pipelines of one destination."""
APPENDS = "_captaindata_appends"
"""An attribute of a destination: a package that loads there must not be tried again meanwhile."""
Explain = Callable[[Any, BaseException, str], Exception | None]
"""Given a client, an error and the statement that raised it: the error to raise instead, if any."""


def look_up_once(
    destination: AnyDestination, known: LookUps, new_credentials: Callable[[], Any] | None = None
) -> None:
    """Looks up once what a destination is configured with; later it is copied.

    Args:
        destination: Of one pipeline.
        known: Shared by the pipelines whose destinations differ only in what is a pipeline's own.
        new_credentials: Makes empty credentials that are filled instead of dlt's own.
    """
    look_up = destination.configuration

    def configuration(initial_config: Any, accept_partial: bool = False) -> Any:
        if initial_config.is_resolved():
            return initial_config
        key = (accept_partial, repr(sorted(_set_before(initial_config).items())))
        if key not in known:
            if new_credentials is not None and initial_config.credentials is None:
                initial_config.credentials = new_credentials()
            known[key] = look_up(initial_config, accept_partial).copy()
        config = known[key].copy()
        for name in OF_A_PIPELINE:
            if name in destination.config_params:
                config[name] = destination.config_params[name]
        if config.is_resolved() and config.credentials is not None:
            config.credentials.resolve()  # a copy of DuckDB's has no connections yet
        return config

    destination.configuration = configuration  # type: ignore[method-assign]


def _set_before(config: BaseConfiguration) -> dict[str, Any]:
    """What was set before the look-up; credentials are those of the destination, or empty."""
    return {name: config[name] for name in config if name != "credentials"}


def change_clients(destination: AnyDestination, change: Callable[[Any], None]) -> None:
    """Changes each client that a destination makes from now on, before it is used."""
    make: Any = destination.client

    def client(*args: Any, **kwargs: Any) -> Any:
        made = make(*args, **kwargs)
        change(made)
        return made

    destination.client = client  # type: ignore[method-assign]


def change_capabilities(destination: AnyDestination, change: Callable[[Any], None]) -> None:
    """Changes what dlt takes a destination to be capable of."""
    look_up: Any = destination.capabilities

    def capabilities(*args: Any, **kwargs: Any) -> Any:
        found = look_up(*args, **kwargs)
        change(found)
        return found

    destination.capabilities = capabilities  # type: ignore[method-assign]


@contextmanager
def with_append(pipeline: dlt.Pipeline, table_name: str) -> Iterator[None]:
    """Appends to a table that is merged otherwise; tables are made as ever, those of staging, too.

    Args:
        pipeline: Loads within.
        table_name: The table.
    """
    destination: Any = pipeline.destination
    make = destination.client

    def change(client: Any) -> None:
        prepare, verify = client.prepare_load_table, client.verify_schema

        def prepare_load_table(name: str) -> Any:
            table = prepare(name)
            if name == table_name:
                table["write_disposition"] = "append"
            return table

        def verify_schema(*args: Any, **kwargs: Any) -> Any:
            client.prepare_load_table = prepare  # this client makes tables
            return verify(*args, **kwargs)

        client.prepare_load_table, client.verify_schema = prepare_load_table, verify_schema

    change_clients(destination, change)
    setattr(destination, APPENDS, True)
    try:
        yield
    finally:
        delattr(destination, APPENDS)
        destination.client = make


def is_appending(destination: Any) -> bool:
    """Whether `with_append` holds for a destination: a further try would double rows."""
    return hasattr(destination, APPENDS)


def on_connection(client: Any, do: Callable[[Any], None]) -> bool:
    """Hands over each connection that a client opens, and those of Postgres after each reset too.

    Args:
        client: A SQL client that is not connected yet.
        do: Given the driver's connection.

    Returns:
        False where that was arranged before; then nothing was done.
    """
    resets = hasattr(client, "_reset_connection")  # it is called for a new connection, too
    name = "_reset_connection" if resets else "open_connection"
    if name in vars(client):
        return False
    connect = getattr(client, name)

    def connected() -> Any:
        found = connect()
        do(client.native_connection if resets else found)
        return found

    setattr(client, name, connected)
    return True


def open_again(
    client: Any, may_work: Callable[[Exception], bool], *, seconds: float, poll: Callable[[], None]
) -> None:
    """Lets a client open its connection again where that failed for a moment.

    Args:
        client: A SQL client that is not connected yet.
        may_work: Whether it may work a moment after an error.
        seconds: How long to try.
        poll: Waits before each further try.
    """
    connect = client.open_connection

    def opened() -> Any:
        ends = time.monotonic() + seconds
        while True:
            try:
                return connect()
            except Exception as error:
                if not may_work(error) or time.monotonic() >= ends:
                    raise
            poll()

    client.open_connection = opened


def explain_queries(client: Any, explain: Explain) -> None:
    """Lets a SQL client say more about what a query raised."""
    execute = client.execute_query

    @contextmanager
    def execute_query(query: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        try:
            with execute(query, *args, **kwargs) as cursor:
                yield cursor
        except Exception as error:
            if (known := explain(client, error, str(query))) is not None:
                raise type(error)(known) from known
            raise

    client.execute_query = execute_query


def change_jobs(client: Any, change: Callable[[Any], Any]) -> None:
    """Changes each load job that a client makes from now on."""
    create = client.create_load_job
    client.create_load_job = lambda *args, **kwargs: change(create(*args, **kwargs))


def adapt_job(job: Any, *, on_connect: Callable[[Any], None], explain: Explain) -> Any:
    """The same load job, where it connects by itself, through ADBC: the session that dlt opens
    besides, which the job has no use for, is opened only where an error is to be explained.

    Args:
        job: Of dlt.
        on_connect: Given the ADBC connection.
        explain: As for a query; is told the table instead of a statement.
    """
    if (connect := getattr(job, "_connect", None)) is None:
        return job
    run, run_managed = job.run, job.run_managed

    def lazy_run_managed(client: Any, *args: Any) -> None:
        client.sql_client.open_lazily = client.sql_client.open_connection
        client.sql_client.open_connection = lambda: None
        run_managed(client, *args)

    def connected() -> Any:
        credentials = job._job_client.sql_client.credentials
        connection = shared_connection(credentials.to_native_representation(), connect)
        on_connect(connection)
        return connection

    def explained_run() -> None:
        try:
            run()
        except Exception as error:
            client = job._job_client.sql_client
            with suppress(Exception):
                client.open_lazily()
            if (known := explain(client, error, job.load_table_name)) is not None:
                raise known from error
            raise

    job._connect, job.run, job.run_managed = connected, explained_run, lazy_run_managed
    return job
