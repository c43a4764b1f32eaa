"""Syncs one or many workspaces: a pipeline each, extracted side by side, loaded in turn.

A sync of a workspace is a loop of load packages of whole jobs. What is committed stays, whatever
happens next; what is missing is seen, and fetched, by the next sync.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import dlt
from dlt.common.exceptions import SignalReceivedException
from dlt.common.runtime import signals

from captaindata_source import __version__
from captaindata_source.api import VERSIONS as API_VERSIONS
from captaindata_source.api import Api
from captaindata_source.api.credentials import RULE
from captaindata_source.dlt_internals.extraction import without_descriptions
from captaindata_source.dlt_internals.load_step import load_packages_as_a_whole
from captaindata_source.engine.leftovers import make_missing_tables, settle
from captaindata_source.engine.loading import LOAD_WAITS, BackgroundLoad, MemoryLimit, load
from captaindata_source.engine.report import WorkspaceReport
from captaindata_source.engine.status import RATE_LIMITED, Status, Wait
from captaindata_source.engine.sync_log import sync_log
from captaindata_source.engine.uncommitted import remove_uncommitted
from captaindata_source.errors import (
    CaptainDataError,
    ConfigError,
    DestinationError,
    WrongDatasetError,
    root_error,
)
from captaindata_source.extract.plan import SyncPlan
from captaindata_source.extract.queue import Limits, Package
from captaindata_source.extract.results.redaction import UNSALTED
from captaindata_source.issues import FAILED, Issue, IssueLog
from captaindata_source.settings.workspace import Settings
from captaindata_source.source import (
    SOURCE_NAME,
    Extraction,
    connect,
    redactor_of,
    remember_and_plan,
    source_of,
)
from captaindata_source.tables import EXTRA_TABLES, JOB_RESULTS, SELECTABLE, SYNC_ISSUES
from captaindata_source.views.results.counting import Counted
from captaindata_source.waiting import Waits, wait_seconds
from captaindata_source.warehouse.appending import LoadedJobs
from captaindata_source.warehouse.database import DUCKDB, POSTGRES, is_held, require_writable
from captaindata_source.warehouse.folders import clean_up
from captaindata_source.warehouse.interrupts import run_until_signal
from captaindata_source.warehouse.locks import Turn, alone, holding
from captaindata_source.warehouse.pipeline import SyncOptions, Target, earlier_names
from captaindata_source.warehouse.remedies import as_destination_error, message_of

__all__ = ["INTERRUPTED", "sync"]

logger = logging.getLogger(__name__)

INTERRUPTED = "Interrupted: what was committed is kept, the next sync goes on from there"
LISTED_PER_PACKAGE = 20_000
"""Jobs of one long list that a load package takes at most: some 200 calls."""
VERSIONS = {"connector_version": __version__, "dlt_version": dlt.__version__}


def sync(
    workspaces: Sequence[Settings],
    options: SyncOptions,
    *,
    target: Target | None = None,
    watch: Callable[[Sequence[Status]], None] | None = None,
) -> list[WorkspaceReport]:
    """Syncs workspaces and says what happened; one that fails does not stop the others.

    Args:
        workspaces: Options of each workspace.
        options: How to sync.
        target: Made of these options already; None: it is made.
        watch: Told several times a second how far each workspace is, by the calling thread.

    Returns:
        A report for each workspace, in their order; a failure is in its report, not raised.

    Raises:
        ConfigError: The destination does not exist or is not installed, or no workspace has any of
            the tables.
    """
    wanted = frozenset[str]().union(*map(options.wanted_of, workspaces))
    if all(wanted <= _lacking(settings) for settings in workspaces):
        versions = ", ".join(sorted({settings.api_version for settings in workspaces}))
        raise ConfigError(
            f"API {versions} has no {', '.join(sorted(wanted))}: choose another --table, "
            "or a workspace of another api_version"
        )
    load_packages_as_a_whole()
    target = Target(options) if target is None else target
    pipelines = [target.pipeline(settings) for settings in workspaces]
    if any(settings.hash_fields and not settings.hash_salt for settings in workspaces):
        logger.warning(UNSALTED)
    earlier = [name for settings in workspaces for name in earlier_names(settings, options)]
    clean_up(pipelines, earlier=earlier)
    limits = Limits(max_minutes=options.max_minutes, max_requests=options.max_requests)
    syncs = [
        _WorkspaceSync(settings, target, pipeline, limits)
        for settings, pipeline in zip(workspaces, pipelines, strict=True)
    ]

    def show() -> None:
        if watch is not None:
            watch([each.status for each in syncs])

    with signals.intercepted_signals():
        reports = run_until_signal([each.run for each in syncs], name="workspace", on_poll=show)
        return [
            each.interrupted() if report is None else report
            for each, report in zip(syncs, reports, strict=True)
        ]


def _lacking(settings: Settings) -> frozenset[str]:
    """Tables that the workspace's version of the API has nothing for."""
    offered = API_VERSIONS[settings.api_version].extra_tables
    return frozenset(table.name for table in EXTRA_TABLES) - offered


def _wait_of(waits: Waits) -> Wait | None:
    found = waits.next_to_end
    if found is None:
        return None
    ends, reason = found
    return Wait(until=datetime.fromtimestamp(ends).astimezone(), kind=reason or RATE_LIMITED)


@dataclass(slots=True)
class _Extracted:
    """A load package that is ready.

    Args:
        report: As it will be once the package is committed.
        counted: What the results in it hold, where views follow.
        jobs: Whose results.
        issues: What it says about what went wrong.
    """

    report: WorkspaceReport
    counted: Counted | None = None
    jobs: LoadedJobs | None = None
    issues: Sequence[Issue] = ()

    @property
    def is_last(self) -> bool:
        return self.report.finished_at is not None


class _WorkspaceSync:
    """One sync of one workspace, in a thread of its own."""

    def __init__(
        self,
        settings: Settings,
        target: Target,
        pipeline: dlt.Pipeline,
        limits: Limits,
    ) -> None:
        self._settings = settings
        self._target = target
        self._options = options = target.options
        self._wanted = options.wanted_of(settings)
        self._pipeline = pipeline
        self._is_database = pipeline.destination.destination_type in (DUCKDB, POSTGRES)
        self._limits = limits
        self._issues = IssueLog()
        self._loader: dlt.Pipeline | None = None
        self._package: Package | None = None
        self._packages = 0
        self._memory_limit = MemoryLimit()
        self._redact = redactor_of(settings)
        self._waits = Waits()
        self._api: Api | None = None
        self._plan: SyncPlan | None = None
        self._step = "starting"
        self._loads_beside = False
        self._is_over = False
        self._report = WorkspaceReport(
            name=settings.name,
            workspace_uid=settings.project_uid,
            is_full_refresh=settings.full_refresh,
            api_version=settings.api_version,
            lacks=_lacking(settings),
        )

    def run(self) -> WorkspaceReport:
        """Never raises: what goes wrong is in the report."""
        api: Api | None = None
        try:
            self._pipeline.activate()
            api = self._api = connect(self._settings, issues=self._issues, waits=self._waits)
            self._limits.count(partial(getattr, api, "calls"))
            self._report.api_version = api.version
            with alone(self._pipeline, workspace_uid=self._settings.project_uid) as turn:
                self._sync(api, turn)
        except (Exception, SignalReceivedException) as error:
            # the other workspaces go on, whatever it was
            logger.debug("Workspace %s failed", self._settings.name, exc_info=True)
            self._fail(error, api)
        finally:
            if api is not None:
                api.close()
            self._step = self._report.outcome.replace("_", " ")
            self._is_over = True
        return self._report

    def interrupted(self) -> WorkspaceReport:
        """The report of a sync that did not end in time after a signal."""
        return replace(self._report, error=INTERRUPTED, finished_at=datetime.now(UTC))

    @property
    def status(self) -> Status:
        """How far it is; read while it runs, by another thread."""
        status = Status(
            name=self._settings.name,
            step="fetching and loading" if self._loads_beside else self._step,
            is_over=self._is_over,
            is_stopping=not self._is_over and bool(signals.was_signal_received()),
            calls=self._api.calls if self._api else 0,
            wait=_wait_of(self._waits),
        )
        if self._plan is None:
            return status
        queue = self._plan.queue
        return replace(
            status,
            jobs_listed=len(self._plan.jobs.seen),
            jobs_done=queue.fetched + queue.set_aside,
            jobs_to_do=queue.added,
            results=queue.rows,
        )

    def _sync(self, api: Api, turn: Turn) -> None:
        plan = self._plan = self._begin(api, turn)
        tables = self._wanted
        with ThreadPoolExecutor(1, thread_name_prefix="load") as pool:
            background = BackgroundLoad(pool)
            while True:
                self._step = "fetching"
                package = self._extract(plan, api, tables)
                self._step, self._loads_beside = "loading", False
                background.wait()
                self._pipeline.normalize()
                if package.is_last:
                    self._load(self._pipeline, package, turn)
                    return
                if self._loader is None:
                    # once more, in the same working folder: a pipeline does one step at a time
                    self._loader = self._target.pipeline(self._settings)
                self._loads_beside = True
                background.start(
                    partial(self._load, self._loader, package, turn),
                    on_failure=self._stop_extracting,
                )
                tables = plan.tables_left

    def _begin(self, api: Api, turn: Turn) -> SyncPlan:
        """Makes the destination ready; tries again where others hold its tables."""
        for seconds in LOAD_WAITS:
            try:
                return self._try_to_begin(api, turn)
            except Exception as error:
                if signals.was_signal_received() or not is_held(error):
                    raise
                logger.warning(
                    "Workspace %s: %s. Trying again in %.0f s",
                    self._settings.name,
                    message_of(error),
                    seconds,
                )
                wait_seconds(seconds)
        return self._try_to_begin(api, turn)

    def _try_to_begin(self, api: Api, turn: Turn) -> SyncPlan:
        with holding(self._pipeline, turn=turn) as client:
            if client is not None:
                require_writable(client, self._pipeline.destination.destination_type)
            settle(
                self._pipeline,
                client,
                workspace=self._settings.name,
                workspace_uid=self._settings.project_uid,
            )
            self._pipeline.sync_destination()
            make_missing_tables(self._pipeline)
            if client is not None:
                remove_uncommitted(
                    client, workspace_uid=self._settings.project_uid, days=api.rereads_days
                )
            return remember_and_plan(
                self._settings,
                api,
                self._pipeline,
                issues=self._issues,
                wanted=self._wanted,
            )

    def _extract(self, plan: SyncPlan, api: Api, tables: frozenset[str]) -> _Extracted:
        begun: list[Extraction] = []

        def begin() -> Extraction:
            if not begun:
                self._package = Package(
                    plan.queue,
                    max_rows=self._options.package_max_results,
                    max_seconds=self._options.package_max_minutes * 60,
                    limits=self._limits,
                    on_job=self._show_progress if self._options.progress else None,
                    parallel=lambda: api.parallel,
                )
                plan.listing.begin_round(self._package, max_jobs=LISTED_PER_PACKAGE)
                begun.append(
                    Extraction(
                        plan=plan,
                        api=api,
                        settings=self._settings,
                        package=self._package,
                        appends=self._is_database,
                        counts_values=self._is_database and self._options.create_views,
                        redact=self._redact,
                    )
                )
            return begun[0]

        extracted: list[_Extracted] = []

        def log() -> Iterator[dict[str, Any]]:
            """The row of `sync_runs`, in the last package: it is there when all the rest is."""
            self._packages += 1
            report = self._report_with(plan, api)
            extracted.append(_Extracted(report))
            if extracted[0].is_last:
                yield report.as_row(versions=VERSIONS)

        def issues() -> Iterator[Any]:
            """Rows of `sync_issues`; the table is there also when there never was one."""
            extracted[0].issues = self._issues.take()
            rows = self._issue_rows(extracted[0].issues)
            name = self._pipeline.default_schema_name
            is_there = name and SYNC_ISSUES.name in self._pipeline.schemas[name].tables
            yield rows if rows or is_there else dlt.mark.materialize_table_schema()

        try:
            with without_descriptions():
                self._pipeline.extract(
                    [
                        source_of(begin).with_resources(*sorted(tables)),
                        sync_log(log, issues),
                    ],
                    workers=self._settings.max_parallel_requests,
                    max_parallel_items=2 * self._settings.max_parallel_requests,
                )
        finally:
            for extraction in begun:
                extraction.close()
        if begun:
            extracted[0].counted = begun[0].counted
            extracted[0].jobs = begun[0].jobs
        return extracted[0]

    def _stop_extracting(self) -> None:
        """What is complete is kept for the next sync."""
        if self._package is not None:
            self._package.cancel()

    def _load(self, pipeline: dlt.Pipeline, package: _Extracted, turn: Turn) -> None:
        load(
            pipeline,
            turn=turn,
            workspace=self._settings.name,
            memory_limit=self._memory_limit,
            jobs=package.jobs,
            counted=package.counted,
        )
        self._issues.commit(package.issues)
        self._report = package.report
        if package.is_last:
            self._report.finished_at = datetime.now(UTC)

    def _report_with(self, plan: SyncPlan, api: Api) -> WorkspaceReport:
        """The report as it will be once the package at hand is committed."""
        queue = plan.queue
        rows = {table.name: plan.rows[table.name] for table in SELECTABLE}
        rows[JOB_RESULTS.name] = queue.rows
        is_cut_short = self._package is not None and self._package.is_cancelled
        is_last = not is_cut_short and (plan.is_done or self._limits.are_reached)
        return replace(
            self._report,
            finished_at=datetime.now(UTC) if is_last else None,
            api_calls=api.calls,
            rows={name: count for name, count in rows.items() if name in self._wanted},
            results_fetched=queue.fetched,
            results_skipped=queue.skipped,
            results_left=len(queue),
            is_listing_left=plan.listing.is_left,
            set_aside=self._issues.set_aside,
            issues=self._issues.count,
            load_packages=self._packages,
            secrets_rule=None if plan.has_secrets or not self._is_database else RULE,
            unmatched_fields=self._redact.unmatched() if self._redact else {},
        )

    def _issue_rows(self, issues: Sequence[Issue]) -> list[dict[str, Any]]:
        return [
            issue.as_row(workspace_uid=self._settings.project_uid, sync_uid=self._report.uid)
            for issue in issues
        ]

    def _show_progress(self, to_do: int) -> None:
        self._pipeline.collector.update("Jobs with results", inc=1, total=to_do)

    def _fail(self, error: BaseException, api: Api | None) -> None:
        report = self._report
        report.error = message_of(error)
        report.finished_at = datetime.now(UTC)
        report.api_calls = api.calls if api else 0
        if signals.was_signal_received():
            report.error = INTERRUPTED
            return
        root = as_destination_error(error) or root_error(error)
        if isinstance(root, WrongDatasetError):
            return
        kind = root.kind if isinstance(root, CaptainDataError) else CaptainDataError.kind
        self._issues.add(kind, FAILED, detail=report.error)
        report.issues = self._issues.count
        try:
            self._record_failure()
        except Exception as second:  # noqa: BLE001 - the first error is the one to report
            is_known = isinstance(error, DestinationError) or as_destination_error(error)
            logger.log(
                logging.INFO if is_known else logging.WARNING,
                "The failed sync of %s could not be recorded: %s",
                self._settings.name,
                message_of(second),
            )

    def _record_failure(self) -> None:
        """Writes the row of `sync_runs` by itself, at once or not at all."""
        row = self._report.as_row(versions=VERSIONS)
        with tempfile.TemporaryDirectory(prefix="captaindata-") as folder:
            pipeline = self._target.pipeline(self._settings, suffix="_failed", folder=Path(folder))
            with holding(self._pipeline, is_patient=False):
                pipeline.run(
                    sync_log(
                        lambda: iter([row]),
                        lambda: self._issue_rows(self._issues.take_uncommitted()),
                        name=f"{SOURCE_NAME}_failed_syncs",
                    )
                )
