"""Whether a database can be written, asked before anything is fetched for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from captaindata_source.errors import DestinationError
from captaindata_source.sqltext import quoted
from captaindata_source.warehouse.database.kinds import DUCKDB, POSTGRES
from captaindata_source.warehouse.remedies import duckdb, explained, postgres

__all__ = ["require_temporary", "require_writable"]


def require_writable(client: SqlClientBase[Any], kind: str, *, is_thorough: bool = False) -> None:
    """Finds out whether tables can be loaded.

    Args:
        client: Connected.
        kind: Type of the destination.
        is_thorough: Whether to connect with the driver that loads into Postgres although it has
            loaded into this dataset before: it reads all types of the server, which takes 50 ms.

    Raises:
        DestinationError: They can't, as far as one can tell without trying.
    """
    if kind == DUCKDB:
        found = client.execute_sql(
            "select readonly from duckdb_databases() where database_name = current_database()"
        )
        if found and found[0][0]:
            raise DestinationError(
                "The DuckDB file is opened read-only: take read_only out of " + duckdb.CREDENTIALS
            )
    elif kind == POSTGRES:
        _require_utf8(client)
        is_new = _require_writable_postgres(client)
        if is_new or is_thorough:
            _require_adbc(client.credentials.to_native_representation())


def _require_utf8(client: SqlClientBase[Any]) -> None:
    """What is loaded is JSON in UTF-8; no other encoding holds all of it."""
    found = client.execute_sql("select current_database(), current_setting('server_encoding')")
    database, encoding = (found or [()])[0]
    if encoding != "UTF8":
        raise DestinationError(
            f"Postgres database {database} is encoded in {encoding}, which can't hold what is "
            "loaded: make another one (create database … encoding 'UTF8' template template0) and "
            f"name it in {postgres.CREDENTIALS}"
        )


def _require_adbc(address: str) -> None:
    """The driver that loads is another one than the one that asks."""
    try:
        import adbc_driver_postgresql.dbapi as adbc  # noqa: PLC0415 - an extra
    except ImportError:
        return  # dlt loads without it
    with explained(), adbc.connect(address):
        pass


def require_temporary(ask: Callable[[str], Any]) -> None:
    """Finds out whether a role of Postgres may make temporary tables, which the views need.

    Args:
        ask: Runs a query and gives its rows.

    Raises:
        DestinationError: It may not.
    """
    [(may_make, role, database)] = ask(
        "select has_database_privilege(current_database(), 'temporary'), current_user, "
        "current_database()"
    )
    if not may_make:
        raise DestinationError(
            f"Postgres role {role} may not make temporary tables, which the views need: let an "
            f"administrator run grant temporary on database {quoted(database)} to {quoted(role)}, "
            "or set create_views to false"
        )


def _require_writable_postgres(client: SqlClientBase[Any]) -> bool:
    """Returns whether a schema is still to be made."""
    schemas = [client.dataset_name, client.staging_dataset_name]
    found = client.execute_sql(
        """
        select current_setting('transaction_read_only') = 'on', pg_is_in_recovery(),
            has_database_privilege(current_database(), 'create'), current_user, current_database(),
            array(select nspname::text from pg_namespace where nspname = any(%s))
        """,
        schemas,
    )
    is_read_only, is_replica, may_create, role, database, there = (found or [()])[0]
    if is_replica:
        raise DestinationError(
            "Postgres takes no writes, it is a read-only replica: let "
            f"{postgres.CREDENTIALS} name the primary"
        )
    if is_read_only:
        raise DestinationError(
            "Postgres takes no writes, for default_transaction_read_only is on for role "
            f"{role} or database {database}: turn it off (alter role … reset "
            "default_transaction_read_only), or load with another role"
        )
    missing = [schema for schema in schemas if schema not in there]
    if missing and not may_create:
        raise DestinationError(
            f"Postgres role {role} may not make the schema {missing[0]}: let an administrator run "
            f"grant create on database {quoted(database)} to {quoted(role)}"
        )
    return bool(missing)
