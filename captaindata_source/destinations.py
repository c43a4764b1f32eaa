"""A dlt destination as a sync uses it: it reads its configuration once, no statement waits long for
a lock or past a signal, few sessions are open at once, and DuckDB compresses JSON.

dlt asks for a destination's configuration some forty times in a load, and looks each of its fields
up in the environment and in all files each time, which is most of the time of a sync that finds
nothing new.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import dlt
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.destination import AnyDestination
from dlt.common.destination.typing import PreparedTableSchema
from dlt.common.schema.typing import TColumnSchema
from dlt.destinations.impl.duckdb.factory import DuckDbTypeMapper

from captaindata_source.database import POSTGRES, watched
from captaindata_source.database.lock_waits import bound_job

__all__ = ["CompressedJson", "as_needed"]

POSTGRES_LOADS = 2
"""Files that are loaded into Postgres at once where `load.workers` is not configured. Each takes a
session; one more is open meanwhile, one holds locks, and one that was closed may not have ended."""


class CompressedJson(DuckDbTypeMapper):
    """JSON columns with the compression that suits them: a fifth of the file, and a quarter of the
    time to write it, against what DuckDB chooses by itself."""

    def to_destination_type(
        self, column: TColumnSchema, table: PreparedTableSchema | None = None
    ) -> str:
        kind: str = super().to_destination_type(column, table)  # type: ignore[arg-type]
        return f"{kind} using compression zstd" if kind == "JSON" else kind


def as_needed(destination: AnyDestination) -> AnyDestination:
    """The same destination, changed as this module says.

    Args:
        destination: Lives as long as one pipeline.
    """
    destination = _read_once(destination)
    make: Any = destination.client

    def client(*args: Any, **kwargs: Any) -> Any:
        made = make(*args, **kwargs)
        if (sql_client := getattr(made, "sql_client", None)) is not None:
            watched(sql_client, destination.destination_type)
        if destination.destination_type == POSTGRES:
            create = made.create_load_job
            made.create_load_job = lambda *a, **k: bound_job(create(*a, **k))
        return made

    destination.client = client  # type: ignore[method-assign]
    if destination.destination_type == POSTGRES and dlt.config.get("load.workers") is None:
        _load_few_at_once(destination)
    return destination


def _load_few_at_once(destination: AnyDestination) -> None:
    look_up: Any = destination.capabilities

    def capabilities(*args: Any, **kwargs: Any) -> Any:
        found = look_up(*args, **kwargs)
        found.max_parallel_load_jobs = found.max_parallel_load_jobs or POSTGRES_LOADS
        return found

    destination.capabilities = capabilities  # type: ignore[method-assign]


def _read_once(destination: AnyDestination) -> AnyDestination:
    """The same destination; what it is configured with is looked up once and then copied.

    Args:
        destination: Lives as long as one pipeline, so that a changed environment is seen by the
            next.
    """
    look_up = destination.configuration
    known: dict[Hashable, Any] = {}

    def configuration(initial_config: Any, accept_partial: bool = False) -> Any:
        if initial_config.is_resolved():
            return initial_config
        key = (accept_partial, repr(sorted(_plain(initial_config).items())))
        if key not in known:
            known[key] = look_up(initial_config, accept_partial).copy()
        config = known[key].copy()
        if config.is_resolved() and config.credentials is not None:
            config.credentials.resolve()  # a copy of DuckDB's has no connections yet
        return config

    destination.configuration = configuration  # type: ignore[method-assign]
    return destination


def _plain(config: BaseConfiguration) -> dict[str, Any]:
    """What was set before the look-up; credentials are those of the destination, or empty."""
    return {name: config[name] for name in config if name != "credentials"}
