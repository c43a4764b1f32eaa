"""Looks at dlt's own options and into the warehouse before a sync does anything: are they right?"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import dlt
from dlt.common.configuration import resolve_configuration
from dlt.common.configuration.exceptions import (
    ConfigurationException,
    ConfigValueCannotBeCoercedException,
)
from dlt.common.data_writers.buffered import BufferedDataWriter
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.destinations.sql_client import SqlClientBase
from dlt.load.configuration import LoaderConfiguration
from dlt.normalize.configuration import NormalizeConfiguration

from captaindata_source.errors import ConfigError, WrongDatasetError
from captaindata_source.settings.workspace import Settings
from captaindata_source.tables import SYNC_RUNS, WORKSPACES
from captaindata_source.warehouse.database import DUCKDB, WITH_VIEWS, connected, file_of
from captaindata_source.warehouse.spelling import require_spelling

__all__ = [
    "known_uid",
    "require_dlt_options",
    "require_right_warehouse",
    "require_right_warehouse_at",
]

logger = logging.getLogger(__name__)

SANDBOX_ADDRESS = "@example.com"
"""All members of the sandbox's workspaces have their addresses there, and nobody else can: the
domain is reserved."""

LOADED_AS = "workspace_name = %s and outcome <> 'failed'"
"""Of rows of `sync_runs`."""
WRITER = BufferedDataWriter.BufferedDataWriterConfiguration
DLT_OPTIONS = (
    ("load", LoaderConfiguration),
    ("normalize", NormalizeConfiguration),
    ("extract", WRITER),
    ("normalize", WRITER),
)
"""What dlt reads when it loads, after everything was fetched."""


def require_dlt_options() -> None:
    """Sees that what dlt itself is told, such as `load.workers`, is of the right type.

    Raises:
        ConfigError: It is not; names the option.
    """
    for section, spec in DLT_OPTIONS:
        try:
            found = resolve_configuration(spec(), sections=(section,), accept_partial=True)
        except ConfigValueCannotBeCoercedException as error:
            path = f"{section}.data_writer" if spec is WRITER else section
            kind = getattr(error.hint, "__name__", error.hint)
            raise ConfigError(
                f"{path}.{error.field_name}, an option of dlt, can't be {error.field_value!r}: "
                f"its type is {kind}"
            ) from None
        except ConfigurationException:
            continue  # whoever needs it says what is missing
        workers = getattr(found, "workers", None)
        if workers is not None and workers < 1:
            raise ConfigError(f"{section}.workers must be a whole number from 1, such as 2")


def require_right_warehouse(pipeline: dlt.Pipeline, workspaces: Sequence[Settings] = ()) -> None:
    """Sees that a dataset is the one that was meant, as far as it can be opened at once.

    Args:
        pipeline: Gives destination and dataset.
        workspaces: What is about to be loaded into it.

    Raises:
        WrongDatasetError: It is of another name, or holds data of the sandbox.
    """
    kind = pipeline.destination.destination_type
    if kind not in WITH_VIEWS:
        return
    if kind == DUCKDB:
        file = file_of(pipeline.sql_client())
        if file is None or not file.exists():
            return
    try:
        with connected(pipeline) as client:
            require_right_warehouse_at(client, pipeline, workspaces)
    except WrongDatasetError:
        raise
    except Exception:  # whoever opens it next says what is wrong, or waits
        logger.debug("Warehouse", exc_info=True)


def require_right_warehouse_at(
    client: SqlClientBase[Any], pipeline: dlt.Pipeline, workspaces: Sequence[Settings] = ()
) -> None:
    """The same on an open connection, which holds no lock."""
    kind = pipeline.destination.destination_type
    require_spelling(client, kind=kind, dataset=pipeline.dataset_name)
    if any(_is_real(settings.url) for settings in workspaces):
        _require_no_sandbox(client)


def known_uid(pipeline: dlt.Pipeline, name: str) -> str | None:
    """The UID of the one workspace that was loaded under a configured name.

    Args:
        pipeline: Gives destination and dataset.
        name: Of the workspace in the configuration.

    Returns:
        None where there is none, or more than one, or the dataset can't be read now.
    """
    kind = pipeline.destination.destination_type
    if kind not in WITH_VIEWS:
        return None
    if kind == DUCKDB:
        file = file_of(pipeline.sql_client())
        if file is None or not file.exists():
            return None
    sources = ((WORKSPACES, "configured_name = %s"), (SYNC_RUNS, LOADED_AS))
    for table, condition in sources:
        found: set[str] = set()
        try:
            with connected(pipeline) as client:
                place = client.make_qualified_table_name(table.name)
                sql = f"select distinct workspace_uid from {place} where {condition}"
                found = {row[0] for row in client.execute_sql(sql, name) or ()}
        except Exception:  # whoever opens it next says what is wrong, or waits
            logger.debug("Workspaces", exc_info=True)
        if found:
            return next(iter(found)) if len(found) == 1 else None
    return None


def _require_no_sandbox(client: SqlClientBase[Any]) -> None:
    table = client.make_qualified_table_name(WORKSPACES.name)
    rows: Sequence[Sequence[Any]] = ()
    with suppress(DestinationUndefinedEntity):
        rows = (
            client.execute_sql(
                f"select name from {table} where cast(members as varchar) like %s order by name",
                f'%{SANDBOX_ADDRESS}"%',
            )
            or ()
        )
    if rows:
        names = ", ".join(str(name) for (name,) in rows)
        raise WrongDatasetError(
            f"The dataset {client.dataset_name} holds data of the sandbox ({names}), with which a "
            "real account must not be mixed: load into another DuckDB file "
            "(destination.duckdb.credentials) or dataset (--dataset), or remove the sandbox's"
        )


def _is_real(url: str) -> bool:
    """Whether it is not of this machine, where the sandbox serves."""
    host = urlsplit(url).hostname or ""
    with suppress(ValueError):
        return not ipaddress.ip_address(host).is_loopback
    return host != "localhost" and not host.endswith(".localhost")
