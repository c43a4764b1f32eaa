"""`captaindata_source.sync`: workspaces side by side, then their views and the copy for readers.

What it needs of the process it puts back: it sets no variable of the environment, no log level, no
umask, and leaves signal handlers and dlt's active pipeline as they were.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import dlt
from dlt.common.runtime import signals

from captaindata_source.dlt_internals.load_step import load_packages_as_a_whole
from captaindata_source.engine.alerting import Alerting
from captaindata_source.engine.guest import (
    Watch,
    active_pipeline_kept,
    safe_watch,
    signals_passed_on,
)
from captaindata_source.engine.identify import sync_identified
from captaindata_source.engine.loading import set_dlt_defaults
from captaindata_source.engine.report import SyncReport, place_of
from captaindata_source.engine.status import Status
from captaindata_source.engine.workspace_sync import INTERRUPTED, WorkspaceSync
from captaindata_source.errors import ConfigError
from captaindata_source.extract.limits import Limits
from captaindata_source.extract.report import FAILED, WorkspaceReport
from captaindata_source.extract.results.redaction import UNSALTED
from captaindata_source.settings.config import GivenWorkspace, load_config
from captaindata_source.settings.sync_options import SyncOptions, overridden
from captaindata_source.settings.webhooks import read_webhooks
from captaindata_source.settings.workspace import Settings
from captaindata_source.tables import SELECTABLE
from captaindata_source.views.aftermath import Aftermath
from captaindata_source.views.refresh import follow_load_until_signal
from captaindata_source.warehouse.folders import clean_up
from captaindata_source.warehouse.indexes import index_large_tables
from captaindata_source.warehouse.interrupts import GRACE_SECONDS, run_until_signal
from captaindata_source.warehouse.loadable import tell_what_is_missing
from captaindata_source.warehouse.pipeline import Target, earlier_names, name_schema
from captaindata_source.warehouse.preflight import require_dlt_options, require_right_warehouse
from captaindata_source.warehouse.publish import check_publish

if TYPE_CHECKING:
    from dlt.common.runtime.collector_base import Collector

__all__ = ["sync", "sync_and_follow", "sync_workspaces"]

logger = logging.getLogger(__name__)

VIEWS = Status(name="views", step="bringing them up to date")


def sync(
    *,
    workspaces: Sequence[GivenWorkspace] | None = None,
    destination: str = SyncOptions.destination,
    dataset: str = SyncOptions.dataset,
    tables: Sequence[str] = SyncOptions.tables,
    full_refresh: bool = Settings.full_refresh,
    max_minutes: float | None = SyncOptions.max_minutes,
    max_requests: int | None = SyncOptions.max_requests,
    package_max_results: int | None = None,
    package_max_minutes: float | None = None,
    create_views: bool | None = None,
    materialize_results: bool | None = None,
    results_include_retries: bool | None = None,
    create_people: bool | None = None,
    people_fields: Mapping[str, Sequence[str]] | None = None,
    report_timezone: str | None = None,
    publish_copy: str | os.PathLike[str] | None = None,
    table_format: str | None = None,
    staging: str | None = None,
    alerts: bool | None = None,
    alert_webhooks: Sequence[Mapping[str, Any]] | None = None,
    alert_stale_hours: float | None = None,
    watch: Watch | None = None,
    progress: Callable[[], Collector] | None = SyncOptions.progress,
) -> SyncReport:
    """Syncs Captain Data workspaces into a destination, as `captaindata sync` does.

    Loads what is new, then brings the views up to date and publishes the copy for readers, where
    these are wanted. One workspace that fails does not stop the others.

    May be called from any thread, and any number of times. It prints nothing; it logs with
    `logging`. The destination, and each option that is left out, is configured as for the command:
    in `.dlt/` of the working folder, or in the environment. New files get the umask of the process.

    In the main thread, Ctrl-C or SIGTERM ends the sync soon, with what is committed kept; the
    signal then goes to the handler that the process has for it.

    Args:
        workspaces: Names of configured workspaces, or options of workspaces: mappings with
            `api_key`, `project_uid`, `name` and any other option of a workspace. None: all that
            are configured.
        destination: Name of a dlt destination, such as "duckdb" or "postgres".
        dataset: Dataset (schema) of the tables.
        tables: Tables to load; empty: the five, and `extra_tables` of a workspace.
        full_refresh: Fetch everything again; what the API no longer lists is kept.
        max_minutes: Minutes after which the sync ends; the next one goes on. None: no limit.
        max_requests: Requests, of all workspaces, after which it ends so. None: no limit.
        package_max_results: Results after which a load package is closed.
        package_max_minutes: Minutes after which a load package is closed.
        create_views: Whether views follow the load.
        materialize_results: Whether results of a workflow are a table instead of a view.
        results_include_retries: Whether views and tables of results have the results of retries
            that the main run holds too.
        create_people: Whether people and companies are brought up to date with the views.
        people_fields: Field of people or companies to keys of results that feed it, beside those
            that the package knows.
        report_timezone: Time zone of the days and months of runs in views, such as Europe/Paris.
        publish_copy: Path of a copy of the DuckDB file that follows the load.
        table_format: "delta" or "iceberg": format of the tables that the destination "filesystem"
            makes.
        staging: Name of a dlt destination that holds files until the destination copies them.
        alerts: Whether alerts are evaluated then; they are anyway where there are webhooks.
        alert_webhooks: Where alerts are sent: mappings with `name`, `url`, `format`, `headers`.
        alert_stale_hours: Hours without a sync that did not fail after which there is an alert.
        watch: Told several times a second how far each workspace is, in the calling thread. One
            that raises is not called again.
        progress: Makes dlt's own progress collector for a pipeline. None: dlt shows no progress.

    Returns:
        What happened to each workspace, to the views and to the copy. `is_ok` says whether all
        went well, `as_dict()` is what `--json` prints, `str()` is the summary for people.

    Raises:
        ConfigError: An option or a file of the configuration is missing or wrong, or the dataset
            must not be loaded into; nothing was sent or written.
    """
    with active_pipeline_kept(), signals_passed_on() as grace:
        given = {
            "package_max_results": package_max_results,
            "package_max_minutes": package_max_minutes,
            "create_views": create_views,
            "materialize_results": materialize_results,
            "results_include_retries": results_include_retries,
            "create_people": create_people,
            "people_fields": people_fields,
            "report_timezone": report_timezone,
            "publish_copy": None if publish_copy is None else os.fspath(publish_copy),
            "table_format": table_format,
            "staging": staging,
            "alerts": alerts,
            "alert_webhooks": None if alert_webhooks is None else read_webhooks(alert_webhooks),
            "alert_stale_hours": alert_stale_hours,
        }
        config = load_config(workspaces=workspaces, full_refresh=full_refresh)
        options = SyncOptions(
            destination=destination,
            dataset=dataset,
            tables=tables,
            max_minutes=max_minutes,
            max_requests=max_requests,
            progress=progress,
            **overridden(config.load, given),
        )
        return sync_and_follow(config.workspaces, options, safe_watch(watch), grace)


def sync_and_follow(
    workspaces: Sequence[Settings],
    options: SyncOptions,
    watch: Watch,
    grace: float,
    *,
    choose: Callable[[dlt.Pipeline], Sequence[Settings]] | None = None,
) -> SyncReport:
    """Syncs workspaces, then brings the views up to date and publishes the copy.

    Args:
        workspaces: Options of each workspace.
        options: How to sync.
        watch: As `sync`; must not raise.
        grace: Seconds that work has after a signal to end by itself.
        choose: Chooses from them by what the dataset holds, once it is known to be right; None:
            all.

    Raises:
        ConfigError: As `sync`.
    """
    target = Target(options)
    warehouse = target.reader
    name_schema(warehouse)
    copy_to = check_publish(warehouse, options)
    alerting = Alerting(warehouse, options)
    require_dlt_options()
    tell_what_is_missing(warehouse, table_format=options.table_format)
    require_right_warehouse(warehouse, workspaces)
    if choose is not None:
        workspaces = choose(warehouse)
    sync_all = partial(sync_workspaces, options=options, target=target, watch=watch, grace=grace)
    reports = sync_identified(workspaces, warehouse, sync_all, grace=grace)
    aftermath = Aftermath()
    is_interrupted = any(each.error == INTERRUPTED for each in reports)
    if not is_interrupted and any(each.outcome != FAILED for each in reports):
        watch([VIEWS])
        aftermath = follow_load_until_signal(
            warehouse,
            options,
            copy_to=copy_to,
            before_copy=partial(_finish, warehouse, alerting, reports),
            workspaces=[each.workspace_uid for each in reports],
            grace=grace,
        )
    elif not is_interrupted:
        alerting.run_until_signal(reports, grace=grace)
    return SyncReport(
        destination=options.destination,
        dataset=options.dataset,
        place=place_of(warehouse, has_views=options.create_views),
        workspaces=reports,
        aftermath=aftermath,
        alerts=alerting.report,
        tables=list(dict.fromkeys(options.tables))
        or [
            table.name
            for table in SELECTABLE
            if any(table.name in options.wanted_of(workspace) for workspace in workspaces)
        ],
        named_tables=options.tables,
    )


def _finish(
    warehouse: dlt.Pipeline, alerting: Alerting, reports: Sequence[WorkspaceReport]
) -> None:
    alerting.run(reports)
    index_large_tables(warehouse)


def sync_workspaces(
    workspaces: Sequence[Settings],
    options: SyncOptions,
    *,
    target: Target | None = None,
    watch: Watch = lambda _: None,
    grace: float = GRACE_SECONDS,
) -> list[WorkspaceReport]:
    """Syncs workspaces side by side: a pipeline each, loaded in turn.

    Args:
        workspaces: Options of each workspace.
        options: How to sync.
        target: Made of these options already; None: it is made.
        watch: As `sync`; must not raise.
        grace: Seconds that workspaces have after a signal to end by themselves.

    Returns:
        A report for each workspace, in their order; a failure is in its report, not raised.

    Raises:
        ConfigError: The destination does not exist or is not installed, or no workspace has any of
            the tables.
    """
    wanted = frozenset[str]().union(*map(options.wanted_of, workspaces))
    if all(wanted <= settings.missing_tables for settings in workspaces):
        versions = ", ".join(sorted({settings.api_version for settings in workspaces}))
        raise ConfigError(
            f"API {versions} has no {', '.join(sorted(wanted))}: choose another --table, "
            "or a workspace of another api_version"
        )
    load_packages_as_a_whole()
    target = Target(options) if target is None else target
    pipelines = [target.pipeline(settings) for settings in workspaces]
    for pipeline in pipelines:
        set_dlt_defaults(pipeline)
    if any(settings.hash_fields and not settings.hash_salt for settings in workspaces):
        logger.warning(UNSALTED)
    earlier = [name for settings in workspaces for name in earlier_names(settings, options)]
    clean_up(pipelines, earlier=earlier)
    limits = Limits(max_minutes=options.max_minutes, max_requests=options.max_requests)
    syncs = [
        WorkspaceSync(settings, target, pipeline, limits)
        for settings, pipeline in zip(workspaces, pipelines, strict=True)
    ]

    def show() -> None:
        watch([each.status for each in syncs])

    with signals.intercepted_signals():
        reports = run_until_signal(
            [each.run for each in syncs], name="workspace", on_poll=show, grace=grace
        )
        show()
        return [
            each.interrupted() if report is None else report
            for each, report in zip(syncs, reports, strict=True)
        ]
