"""Where syncs of Dagster load, and with which secrets: those of the resource, or dlt's."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg
import dlt
from pydantic import Field

from captaindata_source.dagster.findings import Warehouse
from captaindata_source.engine.status import Status
from captaindata_source.engine.sync import sync
from captaindata_source.errors import ConfigError
from captaindata_source.settings.config import load_options, workspaces
from captaindata_source.settings.sync_options import SyncOptions
from captaindata_source.views.aftermath import Aftermath
from captaindata_source.views.refresh import follow_load
from captaindata_source.warehouse.database import open_database, schema_of
from captaindata_source.warehouse.pipeline import warehouse_pipeline

if TYPE_CHECKING:
    from captaindata_source.engine.report import SyncReport

__all__ = ["CaptainDataResource", "CaptainDataWorkspace"]

LOG_SECONDS = 60.0


class CaptainDataWorkspace(dg.PermissiveConfig):
    """A workspace that Dagster gives the secrets of; any other option of a workspace may follow."""

    name: str = Field(description="Name of the workspace; the key of its partition.")
    api_key: str = Field(description='Its API key, as EnvVar("…") or {"env": "…"}.')
    project_uid: str | None = Field(
        default=None, description="Its UID; v4 and Edges find it out by themselves."
    )


class CaptainDataResource(dg.ConfigurableResource):  # type: ignore[type-arg,unused-ignore]
    """Where syncs load.

    Secrets are given as `EnvVar`, so that Dagster reads them when a run starts. Workspaces and
    credentials that are left out are dlt's: in `.dlt/` of the working folder, or the environment.
    """

    destination: str = Field(
        default=SyncOptions.destination, description='A dlt destination, such as "postgres".'
    )
    dataset: str = Field(default=SyncOptions.dataset, description="Schema of the tables.")
    credentials: str | None = Field(
        default=None, description='Address of the destination, as EnvVar("…").'
    )
    workspaces: list[CaptainDataWorkspace] = Field(
        default_factory=list, description="Workspaces that are not configured for dlt."
    )

    def workspace_names(self) -> list[str]:
        """Names of the workspaces of the resource, or else of those that are configured for dlt.

        Raises:
            ConfigError: The configuration is wrong, or has no workspace.
        """
        if self.workspaces:
            return [each.name for each in self.workspaces]
        return workspaces()

    def sync(
        self, workspace: str, *, log: logging.Logger | dg.DagsterLogManager, **options: Any
    ) -> SyncReport:
        """Loads what is new of a workspace.

        Args:
            workspace: Its name.
            log: Told each minute how far the sync is.
            options: As those of `captaindata_source.sync`.

        Raises:
            ConfigError: As `captaindata_source.sync`.
        """
        self._give_credentials()
        given = [each for each in self.workspaces if each.name == workspace]
        return sync(
            workspaces=[_options(each) for each in given] or [workspace],
            destination=self.destination,
            dataset=self.dataset,
            watch=_each_minute(log),
            **options,
        )

    def refresh_views(self) -> Aftermath:
        """Brings the views up to date without a sync.

        Raises:
            ConfigError: The destination is not configured, or an option is wrong.
        """
        options = self._options(create_views=True)
        return follow_load(warehouse_pipeline(options), options, copy_to=None)

    @contextmanager
    def warehouse(self) -> Iterator[Warehouse]:
        """Opens the warehouse.

        Raises:
            ConfigError: The destination is not configured, or has no views.
            DestinationError: It can't be opened.
        """
        pipeline = warehouse_pipeline(self._options())
        with open_database(pipeline) as database:
            if database is None:
                raise ConfigError(f"Checks need DuckDB or Postgres, not {self.destination!r}")
            yield Warehouse(database, schema_of(pipeline))

    def _options(self, **changes: Any) -> SyncOptions:
        self._give_credentials()
        loaded = {**load_options(), **changes}
        return SyncOptions(destination=self.destination, dataset=self.dataset, **loaded)

    def _give_credentials(self) -> None:
        """Tells dlt, for the process of the run; nothing is written."""
        if self.credentials is None:
            return
        name = f"destination.{self.destination}.credentials"
        dlt.secrets[name] = self.credentials
        if dlt.secrets.get(name) != self.credentials:
            raise ConfigError(
                f"{name} is set for Dagster and, with another value, in the environment: "
                "keep one of the two"
            )


def _options(workspace: CaptainDataWorkspace) -> dict[str, Any]:
    return {name: value for name, value in workspace.model_dump().items() if value is not None}


def _each_minute(
    log: logging.Logger | dg.DagsterLogManager,
) -> Callable[[Sequence[Status]], None]:
    """Logs how far a sync is, so that a first load of hours is not silent."""
    logged_at = time.monotonic()

    def show(statuses: Sequence[Status]) -> None:
        nonlocal logged_at
        if time.monotonic() < logged_at + LOG_SECONDS:
            return
        logged_at = time.monotonic()
        for each in statuses:
            log.info("%s: %s", each.name, each)

    return show
