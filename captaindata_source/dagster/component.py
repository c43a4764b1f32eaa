"""The component: `captaindata_definitions` from a `defs.yaml`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any

import dagster as dg
from pydantic import Field

from captaindata_source.dagster.assets import POOL
from captaindata_source.dagster.definitions import captaindata_definitions
from captaindata_source.dagster.resource import CaptainDataResource, CaptainDataWorkspace
from captaindata_source.settings.sync_options import SyncOptions

__all__ = ["CaptainDataComponent", "WorkspaceInYaml"]


class WorkspaceInYaml(dg.Model, dg.Resolvable):
    """A workspace whose secrets are variables of the environment, named and not read.

    Dagster reads them when a run starts, so that definitions load without them.
    """

    name: str
    api_key_variable: str
    project_uid: str | None = None
    project_uid_variable: str | None = None
    options: dict[str, Any] = Field(
        default_factory=dict, description="Other options of a workspace, such as api_version."
    )


class CaptainDataComponent(dg.Component, dg.Model, dg.Resolvable):
    """Captain Data workspaces in a DuckDB file or a Postgres schema: a partition each, an asset
    per table and view, checks and schedules."""

    workspaces: Annotated[
        Sequence[str | WorkspaceInYaml] | None,
        dg.Resolver.default(
            description="Names of workspaces that are configured for dlt, or workspaces with the "
            "variables that hold their secrets. Left out: partitions follow what is configured."
        ),
    ] = None
    destination: str = SyncOptions.destination
    dataset: str = SyncOptions.dataset
    credentials_variable: str | None = None
    extra_tables: Sequence[str] = ()
    views: bool = True
    result_views: Sequence[str] = ()
    key_prefix: Sequence[str] = ()
    schedule: str | None = None
    freshness_schedule: str | None = None
    timezone: str = "UTC"
    warn_after_hours: float = 26
    fail_after_hours: float = 50
    partly_fails: bool = False
    max_minutes: float | None = None
    max_retries: int = 3
    retry_seconds: float = 60
    pool: str | None = POOL

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:  # noqa: ARG002
        """The definitions; no secret is read."""
        names = None
        if self.workspaces is not None:
            names = [each if isinstance(each, str) else each.name for each in self.workspaces]
        return captaindata_definitions(
            workspaces=names,
            resource=self._resource(),
            extra_tables=self.extra_tables,
            views=self.views,
            result_views=self.result_views,
            key_prefix=self.key_prefix,
            schedule=self.schedule,
            freshness_schedule=self.freshness_schedule,
            timezone=self.timezone,
            warn_after=timedelta(hours=self.warn_after_hours),
            fail_after=timedelta(hours=self.fail_after_hours),
            partly_fails=self.partly_fails,
            max_minutes=self.max_minutes,
            retry_policy=dg.RetryPolicy(
                max_retries=self.max_retries,
                delay=self.retry_seconds,
                backoff=dg.Backoff.EXPONENTIAL,
                jitter=dg.Jitter.PLUS_MINUS,
            ),
            pool=self.pool,
        )

    def _resource(self) -> CaptainDataResource:
        given = [each for each in self.workspaces or () if not isinstance(each, str)]
        variable = self.credentials_variable
        return CaptainDataResource(
            destination=self.destination,
            dataset=self.dataset,
            credentials=None if variable is None else dg.EnvVar(variable),
            workspaces=[_workspace(each) for each in given],
        )


def _workspace(given: WorkspaceInYaml) -> CaptainDataWorkspace:
    uid = given.project_uid
    if given.project_uid_variable is not None:
        uid = dg.EnvVar(given.project_uid_variable)
    return CaptainDataWorkspace(
        name=given.name,
        api_key=dg.EnvVar(given.api_key_variable),
        project_uid=uid,
        **given.options,
    )
