"""From options to the reader of a dataset's views."""

from __future__ import annotations

import logging
from typing import Any, cast

import dlt
from dlt.common.configuration import resolve_configuration
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.destination import AnyDestination, Destination
from dlt.common.destination.exceptions import UnknownDestinationModule
from dlt.common.exceptions import MissingDependencyException
from dlt.common.schema import Schema

from captaindata_source.assistant.answers import Reader
from captaindata_source.assistant.on_duckdb import DuckDbReader
from captaindata_source.errors import ConfigError
from captaindata_source.settings.sync_options import SyncOptions
from captaindata_source.tables import views_schema
from captaindata_source.views.view import shipped_views
from captaindata_source.warehouse.database import schema_of
from captaindata_source.warehouse.pipeline import duckdb_file

__all__ = ["duckdb_reader", "kind_of", "postgres_reader", "schema_for"]

logger = logging.getLogger(__name__)

STAYS_A_VIEW = "jobs_with_results"
"""In the copy: it reads other views alone, and holds all results once more."""
NO_ADDRESS = (
    "{name} is not set: let it be the address of a role that may only read the views, "
    "postgresql://user:password@host:5432/database, in .dlt/secrets.toml or the environment "
    "({variable}). `captaindata mcp --print-role NAME` prints the SQL that makes one"
)
NO_DRIVER = "Postgres needs the extra 'postgres': pip install 'captaindata-source[mcp,postgres]'"


def kind_of(how: SyncOptions) -> str:
    """Type of the destination.

    Raises:
        ConfigError: There is none of that name.
    """
    try:
        found = cast(AnyDestination, Destination.from_reference(how.destination))
    except (UnknownDestinationModule, ValueError):
        raise ConfigError(
            f"Destination {how.destination!r} can't be used: dlt does not know it"
        ) from None
    except (ImportError, MissingDependencyException):
        raise ConfigError(NO_DRIVER) from None
    return str(found.destination_type)


def schema_for(how: SyncOptions) -> str:
    """The schema of a dataset's views: dlt puts its name into snake case."""
    return views_schema(Schema("captaindata").naming.normalize_table_identifier(how.dataset))


def duckdb_reader(pipeline: dlt.Pipeline, how: SyncOptions) -> Reader:
    """Reads a copy of the views in a DuckDB file.

    Args:
        pipeline: The way to the file.
        how: How it is loaded.
    """
    dataset = schema_of(pipeline)
    views = {
        view.name: view.query
        for view in shipped_views(dataset, dialect="duckdb", report_timezone=how.report_timezone)
        if view.name == STAYS_A_VIEW
    }
    return DuckDbReader(duckdb_file(pipeline), views_schema(dataset), views)


def postgres_reader(how: SyncOptions) -> Reader:
    """Reads the views on Postgres as the role that is configured for it.

    Raises:
        ConfigError: None is, or it may do more than to read the views.
        DestinationError: Postgres can't be reached.
    """
    name = f"destination.{how.destination}_reader.credentials"
    address = _address(how, name)
    try:
        from captaindata_source.assistant.on_postgres import (  # noqa: PLC0415 - an extra
            PostgresReader,
            bound_address,
        )
        from captaindata_source.assistant.rights import require_reader  # noqa: PLC0415

        bound = bound_address(address)
        may_make_temporary = require_reader(bound, schema_for(how), name=name)
    except ImportError:
        raise ConfigError(NO_DRIVER) from None
    if may_make_temporary:
        logger.warning(
            "The role of %s may make temporary tables, as everybody in this database; the tools "
            "can't. See `captaindata mcp --print-role`",
            name,
        )
    return PostgresReader(bound, schema_for(how))


def _address(how: SyncOptions, name: str) -> str:
    """libpq's connection string, from an address or its parts."""
    given: Any = dlt.secrets.get(name)
    variable = name.upper().replace(".", "__")
    if not given:
        raise ConfigError(NO_ADDRESS.format(name=name, variable=variable))
    try:
        from captaindata_source.warehouse.destinations import (  # noqa: PLC0415 - slow
            LibpqCredentials,
        )

        found = resolve_configuration(
            LibpqCredentials(),
            sections=("destination", f"{how.destination}_reader", "credentials"),
            explicit_value=given,
        )
        return str(found.to_native_representation())
    except (ConfigurationException, ValueError):  # its words may be the credentials
        raise ConfigError(
            f"{name} can't be read: set it, or {variable}, to "
            "postgresql://user:password@host:5432/database, with %40 for @ within the password"
        ) from None
