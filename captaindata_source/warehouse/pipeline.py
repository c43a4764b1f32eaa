"""Where a command loads: the dlt pipelines of its workspaces, and the one that only looks."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

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
from dlt.common.schema import Schema

from captaindata_source.dlt_internals.clients import LookUps
from captaindata_source.dlt_internals.files import take_any_folder
from captaindata_source.dlt_internals.hints import remember_hints
from captaindata_source.dlt_internals.schemas import keep_schema, read_changed_schemas
from captaindata_source.errors import BusyError, CaptainDataError, ConfigError
from captaindata_source.settings.sync_options import SyncOptions
from captaindata_source.settings.workspace import Settings
from captaindata_source.waiting import wait_seconds
from captaindata_source.warehouse.allowed_names import (
    check_catalog,
    check_schema,
    configured_address,
)
from captaindata_source.warehouse.database import BIGQUERY, DUCKDB, POSTGRES, WITH_VIEWS, schema_of
from captaindata_source.warehouse.destinations import as_we_use_it
from captaindata_source.warehouse.file_locks import folder_lock
from captaindata_source.warehouse.folders import name_of, short_hash, working_folder
from captaindata_source.warehouse.loadable import prepare, require_loadable
from captaindata_source.warehouse.remedies import message_of

__all__ = [
    "Target",
    "duckdb_file",
    "earlier_names",
    "make_pipeline",
    "name_schema",
    "warehouse_pipeline",
]

logger = logging.getLogger(__name__)

DEFAULT_DUCKDB_FILE = "warehouse.duckdb"
WAREHOUSE = "warehouse"
SOURCE_SCHEMA = "captaindata"
"""Name of dlt's schema of the tables, which is the source's."""
WAREHOUSE_NAME = "captaindata_warehouse"
"""Name of a pipeline that only looks at the destination."""
OPEN_WAITS = (0.1, 0.2, 0.5, 1.0)
"""Seconds before each further try to open a working folder that another sync makes anew."""
ADDRESSES = {
    DUCKDB: "the path of a file",
    POSTGRES: "postgresql://user:password@host:5432/database, with %40 for @ within the password",
}


class Target:
    """Where a command loads: a destination, which is looked up once, and a dataset in it.

    Args:
        options: Gives destination and dataset.

    Raises:
        ConfigError: The destination does not exist, is not installed, or can't hold the dataset.
    """

    def __init__(self, options: SyncOptions) -> None:
        take_any_folder()
        remember_hints()
        self._schema = Schema(SOURCE_SCHEMA)
        self.options = options
        self._known: LookUps = {}
        """What the destination is configured with."""
        with _as_config_errors(options.destination):
            self._kind = cast(AnyDestination, Destination.from_reference(options.destination))
        kind = self._kind
        with _as_config_errors(options.destination, kind):
            self._arguments = _arguments(kind, options)
            reader = self._reader(WAREHOUSE)
            if kind.destination_type == DUCKDB and duckdb_file(reader).stem == WAREHOUSE_NAME:
                # no file is configured, and dlt's own choice is a file for each pipeline
                self._arguments["credentials"] = str(Path(DEFAULT_DUCKDB_FILE).resolve())
                self._known.clear()
                reader = self._reader(WAREHOUSE)
        schema = schema_of(reader)
        check_schema(schema, kind=kind.destination_type, create_views=options.create_views)
        if kind.destination_type == DUCKDB:
            check_catalog(duckdb_file(reader), schema=schema, what="The DuckDB file")
        if kind.destination_type not in WITH_VIEWS or options.table_format or options.staging:
            require_loadable(
                reader.destination_client().capabilities,
                kind=kind.destination_type,
                name=options.destination,
                staging=options.staging,
                table_format=options.table_format,
            )
        prepare(reader)
        self.reader = reader
        """A pipeline that loads nothing and has no working folder."""

    def pipeline(
        self, settings: Settings, *, suffix: str = "", folder: Path | None = None
    ) -> dlt.Pipeline:
        """The pipeline of a workspace: its own name and staging dataset, the shared dataset.

        Args:
            settings: The workspace.
            suffix: Makes another pipeline of the same workspace.
            folder: Where dlt works; by default where it does for all of the command's.
        """
        uid = settings.project_uid
        name = name_of(settings.name, uid, self.reader)
        if suffix:
            name = f"captaindata_{short_hash(uid)}{suffix}"
        with _as_config_errors(self.options.destination, self._kind):
            return self._in_folder(name, f"{short_hash(uid)}{suffix}", folder or working_folder())

    def reader_of(self, settings: Settings) -> dlt.Pipeline:
        """As `reader`, with the staging dataset of a workspace."""
        return self._reader(short_hash(settings.project_uid))

    def _reader(self, staging: str) -> dlt.Pipeline:
        with tempfile.TemporaryDirectory(prefix="captaindata-") as nowhere:
            pipeline = self._opened(WAREHOUSE_NAME, staging, Path(nowhere))
            pipeline.destination_client()  # resolves its configuration
        return pipeline

    def _in_folder(self, name: str, staging: str, folder: Path) -> dlt.Pipeline:
        try:
            return self._opened(name, staging, folder)
        except (CaptainDataError, ConfigurationException, MissingDependencyException, ImportError):
            raise
        except Exception:  # noqa: BLE001 - of whatever kind, it is made anew
            broken = folder / name
            if not broken.exists():  # another sync dropped it meanwhile, or it is something else
                return self._opened(name, staging, folder)
        try:
            return self._made_anew(broken, staging)
        except BusyError:  # its sync is at making it
            for seconds in OPEN_WAITS:
                wait_seconds(seconds)
                with suppress(Exception):
                    return self._opened(name, staging, folder)
            raise

    def _made_anew(self, broken: Path, staging: str) -> dlt.Pipeline:
        name, folder = broken.name, broken.parent
        with folder_lock(broken):
            try:  # another process may have been at making it
                return self._opened(name, staging, folder)
            except Exception as error:  # noqa: BLE001 - as above
                logger.warning(
                    "dlt's working folder %s can't be used and is made anew; what was not loaded "
                    "is fetched again (%s)",
                    broken,
                    message_of(error),
                )
                if broken.is_dir():
                    shutil.rmtree(broken)
                else:
                    broken.unlink()
        return self._opened(name, staging, folder)

    def _opened(self, name: str, staging: str, folder: Path) -> dlt.Pipeline:
        arguments = dict(self._arguments)
        if hasattr(self._kind.spec, "staging_dataset_name_layout"):
            # a staging dataset each, so that two workspaces never wait for or undo one another
            arguments["staging_dataset_name_layout"] = f"%s_staging_{staging}"
        destination = Destination.from_reference(self.options.destination, **arguments)
        pipeline = dlt.pipeline(
            name,
            destination=as_we_use_it(cast(AnyDestination, destination), self._known),
            staging=self.options.staging,
            dataset_name=self.options.dataset,
            pipelines_dir=str(folder),
            progress=self.options.progress() if self.options.progress else NULL_COLLECTOR,
        )
        # one file that each step reads and writes again; `sync_runs` tells of a sync
        pipeline.config.enable_runtime_trace = False
        if self._kind.destination_type in WITH_VIEWS:
            keep_schema(pipeline, self._schema)
        read_changed_schemas(pipeline)
        return pipeline


def make_pipeline(
    settings: Settings, options: SyncOptions, *, suffix: str = "", folder: Path | None = None
) -> dlt.Pipeline:
    """The dlt pipeline of a workspace, by itself: see `Target.pipeline`."""
    return Target(options).pipeline(settings, suffix=suffix, folder=folder)


def warehouse_pipeline(
    options: SyncOptions, settings: Settings | None = None, *, is_named: bool = True
) -> dlt.Pipeline:
    """A pipeline that loads nothing and has no working folder: the way to a dataset.

    Args:
        options: Gives destination and dataset.
        settings: A workspace, whose staging dataset it names.
        is_named: Whether to say so where the schema has another name than the dataset.

    Raises:
        ConfigError: As `Target`.
    """
    target = Target(options)
    pipeline = target.reader if settings is None else target.reader_of(settings)
    if is_named:
        name_schema(pipeline)
    return pipeline


def earlier_names(settings: Settings, options: SyncOptions) -> list[str]:
    """What earlier versions called the pipelines of a sync that began in this folder."""
    place = short_hash(f"{options.destination}\n{options.dataset}\n{Path.cwd()}")
    return [f"captaindata_{each}_{place}" for each in (short_hash(settings.project_uid), WAREHOUSE)]


@contextmanager
def _as_config_errors(name: str, kind: AnyDestination | None = None) -> Iterator[None]:
    """Says what to set where a destination can't be made or configured.

    Args:
        name: Of the destination.
        kind: It, where it is known already.
    """
    variable = f"DESTINATION__{name.upper()}__CREDENTIALS"
    try:
        yield
    except UnknownDestinationModule:
        raise ConfigError(f"Destination {name!r} can't be used: dlt does not know it") from None
    except ConfigFieldMissingException as error:
        raise ConfigError(
            f"Destination {name!r} is not configured: set {', '.join(error.fields)} below "
            f"destination.{name} in .dlt/secrets.toml or the environment ({variable})"
        ) from None
    except ValueNotSecretException as error:
        raise ConfigError(
            f"{error.key} is not read from {error.provider_name}, for it is a secret: move it to "
            "secrets.toml or the environment"
        ) from None
    except InvalidNativeValue:  # its words are the credentials
        address = ADDRESSES.get(kind.destination_type if kind else "", "an address")
        raise ConfigError(
            f"Destination {name!r} can't be used: its credentials can't be read. Set {variable}, "
            f"or the same in .dlt/secrets.toml, to {address}"
        ) from None
    except (ImportError, MissingDependencyException) as error:
        known = kind.destination_type.rpartition(".")[2] if kind else name
        packages = " ".join(getattr(error, "dependencies", [f"dlt[{known}]"]))
        if known in ("postgres", "sqlalchemy"):
            packages = f"captaindata-source[{known}]"
        raise ConfigError(
            f"Destination {name!r} needs packages that are not installed: pip install {packages!r}"
        ) from None
    except (ValueError, dlt.common.exceptions.DltException) as error:
        raise ConfigError(f"Destination {name!r} can't be used: {message_of(error)}") from None


def _arguments(kind: AnyDestination, options: SyncOptions) -> dict[str, Any]:
    """What the destination is made with, for all pipelines of a command."""
    arguments: dict[str, Any] = {}
    if kind.destination_type == POSTGRES:
        # a unique index on dlt's row ids turns a badly timed kill into a package that never
        # loads; nothing here relies on it
        arguments["create_indexes"] = False
    elif kind.destination_type == BIGQUERY:
        # dlt loads JSON in parquet there only into tables whose types BigQuery finds out
        if dlt.config.get(f"destination.{options.destination}.autodetect_schema") is None:
            arguments["autodetect_schema"] = True
    elif kind.destination_type == DUCKDB:
        address = configured_address(options.destination)
        if address is not None and address.startswith("~"):
            arguments["credentials"] = str(Path(address).expanduser())
    return arguments


def name_schema(pipeline: dlt.Pipeline) -> None:
    """Says so where the schema has another name than the dataset, once a command."""
    if pipeline.dataset_name != (schema := schema_of(pipeline)):
        logger.warning("Dataset %r is the schema %s", pipeline.dataset_name, schema)


def duckdb_file(pipeline: dlt.Pipeline) -> Path:
    """The file of a pipeline that loads into DuckDB."""
    return Path(str(pipeline.sql_client().credentials.database))
