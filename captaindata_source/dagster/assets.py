"""The assets: one step loads the chosen tables of one workspace and refreshes the views."""

# without `annotations` of __future__: Dagster reads the annotations of functions
from collections.abc import Iterator, Sequence

import dagster as dg
from pydantic import Field

from captaindata_source.dagster.outcomes import (
    failure_of,
    is_materialized,
    metadata_of,
    misconfigured,
)
from captaindata_source.dagster.resource import CaptainDataResource
from captaindata_source.dagster.specs import Catalogue
from captaindata_source.engine.report import SyncReport
from captaindata_source.errors import ConfigError
from captaindata_source.views.aftermath import Aftermath
from captaindata_source.views.view import State

__all__ = ["PARTITIONS", "CaptainDataSync", "captaindata_assets", "partitions_of"]

PARTITIONS = "captaindata_workspaces"
"""Name of the dynamic partitions."""
RESOURCE = "captaindata"
POOL = "captaindata"
THERE = (State.CREATED, State.REPLACED, State.UNCHANGED, State.BLOCKED)
"""A view that is blocked stays as it was, and reads the new rows."""
RETRIES = dg.RetryPolicy(
    max_retries=3, delay=60, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)
Events = Iterator[dg.MaterializeResult]  # type: ignore[type-arg,unused-ignore]


class CaptainDataSync(dg.Config):
    """Options of one run."""

    full_refresh: bool = Field(
        default=False, description="Fetch everything again; what the API no longer lists is kept."
    )
    max_minutes: float | None = Field(
        default=None, description="Minutes after which the sync ends; the next one goes on."
    )
    max_requests: int | None = Field(
        default=None, description="Requests after which the sync ends; the next one goes on."
    )


def partitions_of(workspaces: Sequence[str] | None) -> dg.PartitionsDefinition[str]:
    """A partition per workspace.

    Args:
        workspaces: Names; None: those that the sensor finds.
    """
    if workspaces is None:
        return dg.DynamicPartitionsDefinition(name=PARTITIONS)
    return dg.StaticPartitionsDefinition(list(workspaces))


def captaindata_assets(
    *,
    workspaces: Sequence[str] | None = None,
    catalogue: Catalogue | None = None,
    partly_fails: bool = False,
    retry_policy: dg.RetryPolicy | None = RETRIES,
    pool: str | None = POOL,
    max_minutes: float | None = None,
    name: str = "load_captaindata",
) -> dg.AssetsDefinition:
    """An asset per table and view, in one step; any of them can be chosen.

    Needs a `CaptainDataResource` that is called `captaindata`. Building it needs neither keys nor a
    database.

    Args:
        workspaces: Names of the workspaces, each a partition; None: dynamic partitions.
        catalogue: Which tables and views are assets; None: the five tables and all views.
        partly_fails: Whether a run fails if jobs were set aside.
        retry_policy: When a step that failed is tried again.
        pool: Concurrency pool of the step. A DuckDB file needs one with a limit of 1.
        max_minutes: Where a run does not say otherwise.
        name: Of the step.
    """
    found = catalogue or Catalogue()

    @dg.multi_asset(
        name=name,
        specs=list(found.specs()),
        partitions_def=partitions_of(workspaces),
        can_subset=True,
        retry_policy=retry_policy,
        pool=pool,
    )
    def load(
        context: dg.AssetExecutionContext, config: CaptainDataSync, captaindata: CaptainDataResource
    ) -> Events:
        chosen = set(context.selected_asset_keys)
        tables = [table for table in found.tables if found.table(table) in chosen]
        if not tables and not any(found.table(each) in chosen for each in found.by_products):
            yield from _views_alone(found, chosen, captaindata)
            return
        try:
            report = captaindata.sync(
                context.partition_key,
                log=context.log,
                tables=tables or found.tables,
                full_refresh=config.full_refresh,
                max_minutes=max_minutes if config.max_minutes is None else config.max_minutes,
                max_requests=config.max_requests,
            )
        except ConfigError as error:
            raise misconfigured(error) from None
        context.log.info(str(report))
        yield from _loaded(found, chosen, report)
        failure = failure_of(report, partly_fails=partly_fails)
        if failure is not None:
            raise failure

    return load


def _loaded(found: Catalogue, chosen: set[dg.AssetKey], report: SyncReport) -> Events:
    """What a sync brought, tables first."""
    (workspace,) = report.workspaces
    if not is_materialized(workspace):
        return
    absent = workspace.lacks
    for name in (*found.tables, *found.by_products):
        if found.table(name) in chosen and name not in absent:
            metadata = metadata_of(workspace, dataset=report.dataset, table=name)
            yield dg.MaterializeResult(asset_key=found.table(name), metadata=metadata)
    yield from _followed(found, chosen, report.aftermath)


def _followed(found: Catalogue, chosen: set[dg.AssetKey], aftermath: Aftermath) -> Events:
    """Views that are there, in the order of what they read."""
    states = {each.view: each.state for each in aftermath.changes if not each.is_stale}
    keys = {
        **{name: found.view(name) for name in found.views},
        **{name: found.results(name) for name in found.result_views},
    }
    for name, key in keys.items():
        if key in chosen and states.get(name) in THERE:
            yield dg.MaterializeResult(asset_key=key, metadata={"state": str(states[name])})


def _views_alone(
    found: Catalogue, chosen: set[dg.AssetKey], captaindata: CaptainDataResource
) -> Events:
    """Only views are chosen: nothing is fetched."""
    try:
        aftermath = captaindata.refresh_views()
    except ConfigError as error:
        raise misconfigured(error) from None
    yield from _followed(found, chosen, aftermath)
    if not aftermath.is_ok:
        raise dg.Failure(aftermath.as_text())
