"""dlt's destinations, and the clients and load jobs that they make.

dlt asks for a destination's configuration some forty times in a load, and looks each of its fields
up in the environment and in all files each time. It reads a pipeline's schema from its file each
time that a client is made.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import dlt
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.destination import AnyDestination
from dlt.common.schema import Schema

__all__ = [
    "LookUps",
    "keep_schema",
    "look_up_once",
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


def keep_schema(pipeline: dlt.Pipeline, schema: Schema) -> None:
    """Lets `pipeline.sql_client()` go without the pipeline's schema, of which it needs nothing but
    how names are made.

    Args:
        pipeline: Loads into a database.
        schema: Makes names as the pipeline's schema does; has the same name.
    """

    def sql_client(schema_name: str | None = None) -> Any:  # noqa: ARG001 - as dlt's own
        client: Any = pipeline._get_destination_clients(schema)[0]
        return client.sql_client

    pipeline.sql_client = sql_client  # type: ignore[method-assign]
