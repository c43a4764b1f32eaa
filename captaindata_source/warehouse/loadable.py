"""Whether a destination can load what we have for it, as far as dlt says: asked before the first
call to the API, where dlt would refuse only after everything was fetched."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import dlt

from captaindata_source.errors import ConfigError
from captaindata_source.tables import JOB_RESULTS, JOBS
from captaindata_source.warehouse.database import FILESYSTEM, SQLALCHEMY, WITH_VIEWS
from captaindata_source.warehouse.promises import promise_of

__all__ = ["loads_files", "prepare", "require_format", "require_loadable", "tell_what_is_missing"]

logger = logging.getLogger(__name__)

PARQUET = "parquet"
EXTRAS = {"deltalake": "delta", "pyiceberg": "iceberg", "sqlalchemy": "iceberg"}


def require_loadable(
    capabilities: Any, *, kind: str, name: str, staging: str | None, table_format: str | None
) -> None:
    """Sees that dlt will not refuse what is about to be fetched.

    Args:
        capabilities: Of the destination, as it is configured.
        kind: Its type.
        name: Its name.
        staging: Name of the destination that holds files for it; None: none does.
        table_format: Of the tables.

    Raises:
        ConfigError: It will; says what to set.
    """
    staged: Sequence[str] = capabilities.supported_staging_file_formats or ()
    if table_format is not None:
        from captaindata_source.dlt_internals.open_tables import (  # noqa: PLC0415 - slow
            ARE_READ,
            missing_package,
        )

        if kind != FILESYSTEM or table_format not in (capabilities.supported_table_formats or ()):
            raise ConfigError(
                f"Destination {name!r} chooses the format of its tables itself: leave "
                f"table_format = {table_format!r} out, or use --destination filesystem"
            )
        if not ARE_READ:
            raise ConfigError("table_format needs dlt 1.26 or newer: pip install --upgrade dlt")
        if (package := missing_package(table_format)) is not None:
            raise ConfigError(
                f"Tables of the format {table_format} need {package}, which is not installed: pip "
                f"install 'captaindata-source[{EXTRAS[package]}]'"
            )
    if staging is not None and not staged:
        raise ConfigError(f"Destination {name!r} copies nothing from staging: leave staging out")
    if staging is None and PARQUET in staged and PARQUET not in _formats(capabilities):
        raise ConfigError(
            f"Destination {name!r} copies files from a bucket and takes none by itself: set "
            "staging to filesystem (--staging filesystem) and "
            "destination.filesystem.bucket_url to a bucket that it can read"
        )


def prepare(pipeline: dlt.Pipeline) -> None:
    """Arranges what loads of a destination need in dlt. Others do not import it."""
    kind = pipeline.destination.destination_type
    if kind == SQLALCHEMY:
        from captaindata_source.dlt_internals.on_sqlalchemy import (  # noqa: PLC0415
            fit_sqlalchemy,
        )

        fit_sqlalchemy()
    elif kind == FILESYSTEM:
        from captaindata_source.dlt_internals.open_tables import (  # noqa: PLC0415
            replace_rows_in_open_tables,
        )

        replace_rows_in_open_tables()


def loads_files(pipeline: dlt.Pipeline) -> bool:
    """Whether files of results are loaded as they are; else their rows are written anew."""
    if pipeline.destination.destination_type in WITH_VIEWS or pipeline.staging is not None:
        return True
    return PARQUET in _formats(pipeline.destination_client().capabilities)


def _formats(capabilities: Any) -> Sequence[str]:
    """Formats of files that a destination takes by itself, with the packages that are there."""
    formats: Sequence[str] = list(capabilities.supported_loader_file_formats or ())
    select = capabilities.loader_file_format_selector
    if select is not None:
        table = {"name": JOB_RESULTS.name, "columns": {}}
        _, formats = select(
            capabilities.preferred_loader_file_format, list(formats), table_schema=table
        )
    return formats


def tell_what_is_missing(pipeline: dlt.Pipeline, *, table_format: str | None) -> None:
    """One line about what a sync can't keep on a destination, where there is such a thing."""
    kind = pipeline.destination.destination_type
    client = pipeline.destination_client()
    if lack := promise_of(client, kind=kind, table_format=table_format).lack:
        logger.warning("Destination %s: %s", pipeline.destination.destination_name, lack)


def require_format(pipeline: dlt.Pipeline, table_format: str | None) -> None:
    """Sees that a dataset has the format that is asked for: its files would be mixed.

    Args:
        pipeline: In step with its destination.
        table_format: What is asked for.

    Raises:
        ConfigError: It has another.
    """
    if not pipeline.default_schema_name:
        return
    for table in (JOBS, JOB_RESULTS):
        known: Any = pipeline.default_schema.tables.get(table.name)
        if known is None or not (known.get("x-normalizer") or {}).get("seen-data"):
            continue
        if (found := known.get("table_format")) != table_format:
            raise ConfigError(
                f"Dataset {pipeline.dataset_name!r} holds {_named(found)}, not "
                f"{_named(table_format)}: set table_format to what it was, or load into another "
                "dataset (--dataset)"
            )


def _named(table_format: str | None) -> str:
    return "files without a table format" if table_format is None else f"{table_format} tables"
