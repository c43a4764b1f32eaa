"""The dlt pipeline of a workspace, and the one that only looks at the destination."""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path
from typing import Any, NamedTuple, cast

import dlt
from dlt.common.configuration.exceptions import (
    ConfigFieldMissingException,
    ConfigurationException,
    InvalidNativeValue,
    ValueNotSecretException,
)
from dlt.common.destination import AnyDestination, Destination
from dlt.common.destination.exceptions import UnknownDestinationModule
from dlt.common.exceptions import MissingDependencyException
from dlt.common.runtime.collector import NULL_COLLECTOR
from dlt.destinations.impl.duckdb.configuration import DuckDbClientConfiguration

from captaindata_source.dlt_internals import take_any_folder
from captaindata_source.errors import CaptainDataError, ConfigError
from captaindata_source.settings.sync_options import SyncOptions
from captaindata_source.settings.workspace import Settings
from captaindata_source.warehouse.database import DUCKDB, POSTGRES, schema_of
from captaindata_source.warehouse.destinations import as_we_use_it
from captaindata_source.warehouse.folders import name_of, short_hash, working_folder
from captaindata_source.warehouse.locks import folder_lock
from captaindata_source.warehouse.remedies import message_of
from captaindata_source.warehouse.targets import (
    check_catalog,
    check_schema,
    configured_address,
)

__all__ = [
    "duckdb_file",
    "earlier_names",
    "make_pipeline",
    "name_schema",
    "warehouse_pipeline",
]

logger = logging.getLogger(__name__)

DEFAULT_DUCKDB_FILE = "warehouse.duckdb"
WAREHOUSE = "warehouse"
WAREHOUSE_NAME = "captaindata_warehouse"
"""Name of a pipeline that only looks at the destination."""
ADDRESSES = {
    DUCKDB: "the path of a file",
    POSTGRES: "postgresql://user:password@host:5432/database, with %40 for @ within the password",
}


def make_pipeline(
    settings: Settings, options: SyncOptions, *, suffix: str = "", folder: Path | None = None
) -> dlt.Pipeline:
    """The dlt pipeline of a workspace: its own name and staging dataset, the shared dataset.

    Args:
        settings: The workspace.
        options: Gives destination and dataset.
        suffix: Makes another pipeline of the same workspace.
        folder: Where dlt works; by default where it does for all of the command's.

    Raises:
        ConfigError: The destination does not exist, is not installed, or can't hold the dataset.
    """
    uid = settings.project_uid
    return _make(options, _Workspace(settings.name, uid, suffix), folder or working_folder())


def warehouse_pipeline(
    options: SyncOptions, settings: Settings | None = None, *, is_named: bool = True
) -> dlt.Pipeline:
    """A pipeline that loads nothing and has no working folder: the way to a dataset.

    Args:
        options: Gives destination and dataset.
        settings: A workspace, whose staging dataset it names.
        is_named: Whether to say so where the schema has another name than the dataset.

    Raises:
        ConfigError: As `make_pipeline`.
    """
    uid = settings.project_uid if settings is not None else WAREHOUSE
    pipeline = _make(options, _Workspace(WAREHOUSE, uid, ""), None)
    if is_named:
        name_schema(pipeline)
    return pipeline


def earlier_names(settings: Settings, options: SyncOptions) -> list[str]:
    """What earlier versions called the pipelines of a sync that began in this folder."""
    place = short_hash(f"{options.destination}\n{options.dataset}\n{Path.cwd()}")
    workspaces = (short_hash(settings.project_uid), WAREHOUSE)
    return [f"captaindata_{workspace}_{place}" for workspace in workspaces]


class _Workspace(NamedTuple):
    """Whose pipeline it is."""

    name: str
    uid: str
    suffix: str


def _make(options: SyncOptions, workspace: _Workspace, folder: Path | None) -> dlt.Pipeline:
    take_any_folder()
    try:
        kind = cast(AnyDestination, Destination.from_reference(options.destination))
        arguments = _arguments(kind, options, workspace)
        with tempfile.TemporaryDirectory(prefix="captaindata-") as nowhere:
            pipeline = _opened(WAREHOUSE_NAME, options, arguments, Path(nowhere))
            pipeline.destination_client()  # resolves its configuration
            if kind.destination_type == DUCKDB and duckdb_file(pipeline).stem == WAREHOUSE_NAME:
                # no file is configured, and dlt's own choice is a file for each pipeline
                arguments["credentials"] = str(Path(DEFAULT_DUCKDB_FILE).resolve())
                pipeline = _opened(WAREHOUSE_NAME, options, arguments, Path(nowhere))
        if folder is not None:
            name = name_of(workspace.name, workspace.uid, pipeline)
            if workspace.suffix:
                name = f"captaindata_{short_hash(workspace.uid)}{workspace.suffix}"
            pipeline = _pipeline(name, options, arguments, folder)
    except UnknownDestinationModule:
        raise ConfigError(
            f"Destination {options.destination!r} can't be used: dlt does not know it"
        ) from None
    except ConfigFieldMissingException as error:
        raise ConfigError(
            f"Destination {options.destination!r} is not configured: set "
            f"{', '.join(error.fields)} below destination.{options.destination} in "
            ".dlt/secrets.toml or the environment "
            f"(DESTINATION__{options.destination.upper()}__CREDENTIALS)"
        ) from None
    except ValueNotSecretException as error:
        raise ConfigError(
            f"{error.key} is not read from {error.provider_name}, for it is a secret: move it to "
            "secrets.toml or the environment"
        ) from None
    except InvalidNativeValue:  # its words are the credentials
        raise ConfigError(
            f"Destination {options.destination!r} can't be used: its credentials can't be read. "
            f"Set DESTINATION__{options.destination.upper()}__CREDENTIALS, or the same in "
            f".dlt/secrets.toml, to {ADDRESSES.get(kind.destination_type, 'an address')}"
        ) from None
    except (ImportError, MissingDependencyException) as error:
        raise ConfigError(
            f"Destination {options.destination!r} needs packages that are not installed; for "
            f"postgres: pip install 'captaindata-source[postgres]' ({message_of(error)})"
        ) from None
    except (ValueError, dlt.common.exceptions.DltException) as error:
        raise ConfigError(
            f"Destination {options.destination!r} can't be used: {message_of(error)}"
        ) from None
    schema = schema_of(pipeline)
    check_schema(schema, kind=kind.destination_type, create_views=options.create_views)
    if kind.destination_type == DUCKDB:
        check_catalog(duckdb_file(pipeline), schema=schema, what="The DuckDB file")
    return pipeline


def _arguments(kind: AnyDestination, options: SyncOptions, workspace: _Workspace) -> dict[str, Any]:
    """What the destination is made with."""
    arguments: dict[str, Any] = {}
    if hasattr(kind.spec, "staging_dataset_name_layout"):
        # a staging dataset each, so that two workspaces never wait for or undo one another
        whose = WAREHOUSE if workspace.uid == WAREHOUSE else short_hash(workspace.uid)
        arguments["staging_dataset_name_layout"] = f"%s_staging_{whose}{workspace.suffix}"
    if kind.destination_type == POSTGRES:
        # a unique index on dlt's row ids turns a badly timed kill into a package that never
        # loads; nothing here relies on it
        arguments["create_indexes"] = False
    elif kind.destination_type == DUCKDB:
        address = configured_address(options.destination)
        if address is not None and address.startswith("~"):
            arguments["credentials"] = str(Path(address).expanduser())
    return arguments


def name_schema(pipeline: dlt.Pipeline) -> None:
    """Says so where the schema has another name than the dataset, once a command."""
    if pipeline.dataset_name != (schema := schema_of(pipeline)):
        logger.warning("Dataset %r is the schema %s", pipeline.dataset_name, schema)


def _pipeline(
    name: str, options: SyncOptions, arguments: dict[str, Any], folder: Path
) -> dlt.Pipeline:
    try:
        return _opened(name, options, arguments, folder)
    except (CaptainDataError, ConfigurationException, MissingDependencyException, ImportError):
        raise
    except Exception:
        broken = folder / name
        if not broken.exists():
            raise
    with folder_lock(broken):
        try:  # another process may have been at making it
            return _opened(name, options, arguments, folder)
        except Exception as error:  # noqa: BLE001 - as above
            logger.warning(
                "dlt's working folder %s can't be used and is made anew; what was not loaded is "
                "fetched again (%s)",
                broken,
                message_of(error),
            )
            if broken.is_dir():
                shutil.rmtree(broken)
            else:
                broken.unlink()
    return _opened(name, options, arguments, folder)


def _opened(
    name: str, options: SyncOptions, arguments: dict[str, Any], folder: Path
) -> dlt.Pipeline:
    pipeline = dlt.pipeline(
        name,
        destination=as_we_use_it(
            cast(AnyDestination, Destination.from_reference(options.destination, **arguments))
        ),
        dataset_name=options.dataset,
        pipelines_dir=str(folder),
        progress=options.progress() if options.progress else NULL_COLLECTOR,
    )
    # one file that each step reads and writes again; `sync_runs` tells of a sync
    pipeline.config.enable_runtime_trace = False
    return pipeline


def duckdb_file(pipeline: dlt.Pipeline) -> Path:
    """The file of a pipeline that loads into DuckDB."""
    configuration = cast(DuckDbClientConfiguration, pipeline.destination_client().config)
    return Path(str(configuration.credentials.database))
