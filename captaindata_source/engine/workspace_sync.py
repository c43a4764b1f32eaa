"""One sync of one workspace: a loop of load packages of whole jobs.

What is committed stays, whatever happens next; what is missing is seen, and fetched, by the next
sync.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import dlt
from dlt.common.exceptions import SignalReceivedException
from dlt.common.runtime import signals

from captaindata_source.api import Api
from captaindata_source.api.credentials import RULE
from captaindata_source.dlt_internals.extraction import without_descriptions
from captaindata_source.engine.beginning import ShortTurn, begin_sync
from captaindata_source.engine.doorbell import Doorbell
from captaindata_source.engine.failures import kind_of, record_failure
from captaindata_source.engine.loading import BackgroundLoad, Extracted, MemoryLimit, load
from captaindata_source.engine.status import Status, Wait, with_progress
from captaindata_source.errors import QuotaError, root_error
from captaindata_source.extract.extraction import Extraction, Log
from captaindata_source.extract.limits import Limits
from captaindata_source.extract.opening import connect, redactor_of
from captaindata_source.extract.package_work import CurrentWork, NewPackage, PackageWork
from captaindata_source.extract.plan import SyncPlan
from captaindata_source.extract.queue import Package
from captaindata_source.extract.report import WorkspaceReport
from captaindata_source.extract.told_events import event_rows
from captaindata_source.http import RetryPolicy
from captaindata_source.issues import IssueLog
from captaindata_source.settings.learned import LearnedSettings
from captaindata_source.settings.workspace import Settings
from captaindata_source.source import source_of
from captaindata_source.waiting import Waits
from captaindata_source.warehouse.database import WITH_VIEWS
from captaindata_source.warehouse.loadable import loads_files
from captaindata_source.warehouse.pipeline import Target
from captaindata_source.warehouse.remedies import message_of
from captaindata_source.warehouse.turns import Turn, alone

__all__ = ["INTERRUPTED", "WorkspaceSync"]

logger = logging.getLogger(__name__)

EVENT_DEADLINE = 20.0
"""Seconds of retries of a call where events told of jobs: others wait, and it is tried again."""
INTERRUPTED = "Interrupted: what was committed is kept, the next sync goes on from there"
LISTED_PER_PACKAGE = 20_000
"""Jobs of one long list that a load package takes at most: some 200 calls."""


class WorkspaceSync:
    """One sync of one workspace, in a thread of its own.

    Args:
        settings: The workspace.
        target: Where it loads, and how.
        pipeline: Of the workspace.
        limits: On minutes and requests, shared by all workspaces.
        short: What a short turn keeps from those before; by default nothing.
    """

    def __init__(
        self,
        settings: Settings,
        target: Target,
        pipeline: dlt.Pipeline,
        limits: Limits,
        *,
        short: ShortTurn = ShortTurn(),  # noqa: B008 - it is frozen
    ) -> None:
        self._short = short
        self._settings = settings
        self._target = target
        self._options = options = target.options
        self._wanted = options.wanted_of(settings)
        self._told = settings.told
        self._pipeline = pipeline
        self._is_database = pipeline.destination.destination_type in WITH_VIEWS
        self._limits = limits
        self._issues = settings.issues if isinstance(settings, LearnedSettings) else IssueLog()
        self._loader: dlt.Pipeline | None = None
        self._package: Package | None = None
        self._packages = 0
        self._memory_limit, self._redact = MemoryLimit(), redactor_of(settings)
        self._waits = Waits()
        self._api: Api | None = None
        self._plan: SyncPlan | None = None
        self._step, self._loads_beside, self._is_over = "starting", False, False
        self._report = WorkspaceReport(
            name=settings.name,
            workspace_uid=settings.project_uid,
            is_full_refresh=settings.full_refresh and settings.named_jobs is None,
            is_resync=settings.named_jobs is not None,
            api_version=settings.stored_version,
            lacks=settings.missing_tables,
        )

    def run(self) -> WorkspaceReport:
        """Never raises: what goes wrong is in the report."""
        try:
            self._pipeline.activate()
            deadline = self._limits.deadline if self._told is None else EVENT_DEADLINE
            api = self._api = connect(
                self._settings,
                issues=self._issues,
                retry=RetryPolicy(deadline=deadline),
                waits=self._waits,
                throttle=self._short.throttle,
            )
            self._limits.count(partial(getattr, api, "calls"))
            self._report.api_version = api.version
            uid, is_short = self._settings.project_uid, self._told is not None
            with alone(self._pipeline, workspace_uid=uid, is_short=is_short) as turn:
                self._sync(api, turn)
        except (Exception, SignalReceivedException) as error:
            # the other workspaces go on, whatever it was
            logger.debug("Workspace %s failed", self._settings.name, exc_info=True)
            self._fail(error)
        finally:
            if self._api is not None:
                self._api.close()
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
            wait=Wait.of(self._waits),
        )
        if self._plan is None or self._api is None:
            return status
        return with_progress(status, self._plan, self._api)

    def _sync(self, api: Api, turn: Turn) -> None:
        plan = self._plan = begin_sync(
            self._pipeline,
            turn,
            settings=self._settings,
            api=api,
            issues=self._issues,
            wanted=self._wanted,
            is_prepared=self._short.is_prepared,
            table_format=self._options.table_format,
        )
        tables = self._wanted
        with (
            ThreadPoolExecutor(1, thread_name_prefix="load") as pool,
            Doorbell(turn, on_ring=partial(self._stop_extracting, is_gentle=True)) as bell,
        ):
            background = BackgroundLoad(pool)
            while True:
                self._step = "fetching"
                extracted = self._extract(plan, api, tables)
                self._step, self._loads_beside = "loading", False
                background.wait()
                self._pipeline.normalize()
                if extracted.is_last:
                    self._load(self._pipeline, extracted, turn)
                    return
                if bell.has_rung:
                    self._load(self._pipeline, extracted, turn)
                    self._step = "giving way to events"
                    bell.answer(self._pipeline, plan)
                    tables = plan.tables_left
                    continue
                if self._loader is None:
                    # once more, in the same working folder: a pipeline does one step at a time
                    self._loader = self._target.pipeline(self._settings, folder=self._short.folder)
                self._loads_beside = True
                background.start(
                    partial(self._load, self._loader, extracted, turn),
                    on_failure=self._stop_extracting,
                )
                tables = plan.tables_left

    def _extract(self, plan: SyncPlan, api: Api, tables: frozenset[str]) -> Extracted:
        self._packages += 1
        package = self._package = Package(
            plan.queue,
            max_rows=self._options.package_max_results,
            max_seconds=self._options.package_max_minutes * 60,
            limits=self._limits,
            on_job=self._show_progress if self._options.progress else None,
            parallel=lambda: api.parallel,
        )
        extracted = Extracted(self._report)

        def log() -> Log:
            """The row of `sync_runs` is in the last package: it is there when all the rest is."""
            extracted.report = self._report_with(plan, api)
            extracted.issues = self._issues.take()
            issues = self._report.issue_rows(extracted.issues)
            if self._told is not None:
                rows = event_rows(self._told, plan, loaded=current.loaded_jobs, tables=self._wanted)
                return Log(issues=issues, events=rows)
            runs = [extracted.report.as_row()] if extracted.is_last else []
            return Log(runs=runs, issues=issues)

        def begin(new: NewPackage) -> PackageWork:
            extraction = Extraction(
                plan=plan,
                api=api,
                settings=self._settings,
                package=package,
                tables=tables,
                folder=new.folder,
                load_id=new.load_id,
                log=log,
                max_listed=LISTED_PER_PACKAGE,
                appends=self._is_database,
                counts_values=self._is_database and self._options.create_views,
                redact=self._redact,
                loads_files=loads_files(self._pipeline),
            )
            return PackageWork([extraction], tables=tables, folder=new.folder)

        current = CurrentWork(begin)
        try:
            with without_descriptions():
                source = source_of(current, table_format=self._options.table_format)
                self._pipeline.extract(source.with_resources(*sorted(tables)))
        finally:
            current.close()
        for extraction in current.extractions:
            extracted.counted, extracted.jobs = extraction.counted, extraction.loaded_jobs
        return extracted

    def _stop_extracting(self, *, is_gentle: bool = False) -> None:
        """What is complete is kept for the next sync; a gentle stop lets this one go on."""
        if self._package is not None:
            self._package.end() if is_gentle else self._package.cancel()

    def _load(self, pipeline: dlt.Pipeline, extracted: Extracted, turn: Turn) -> None:
        load(
            pipeline,
            turn=turn,
            workspace=self._settings.name,
            limit=self._memory_limit,
            jobs=extracted.jobs,
            counted=extracted.counted,
        )
        self._issues.commit(extracted.issues)
        self._report = extracted.report
        if extracted.is_last:
            self._report.finished_at = datetime.now(UTC)

    def _report_with(self, plan: SyncPlan, api: Api) -> WorkspaceReport:
        """The report as it will be once the package at hand is committed."""
        is_cut_short = self._package is not None and self._package.is_cancelled
        is_over = self._limits.are_reached or plan.guard.quota is not None
        is_last = not is_cut_short and (plan.is_done or is_over)
        report = self._report.after(plan, calls=api.calls, tables=self._wanted, redact=self._redact)
        report.finished_at = datetime.now(UTC) if is_last else None
        report.load_packages = self._packages
        report.secrets_rule = None if plan.has_secrets or not self._is_database else RULE
        return report

    def _show_progress(self, to_do: int) -> None:
        self._pipeline.collector.update("Jobs with results", inc=1, total=to_do)

    def _fail(self, error: BaseException) -> None:
        report = self._report
        report.error = message_of(error)
        report.finished_at = datetime.now(UTC)
        report.api_calls = self._api.calls if self._api else 0
        if signals.was_signal_received():
            report.error = INTERRUPTED
            return
        report.failure = kind_of(error)
        if isinstance(root := root_error(error), QuotaError):
            report.quota_renews_at = root.renews_at
        if self._told is not None:
            return
        record_failure(
            error,
            report=report,
            issues=self._issues,
            settings=self._settings,
            target=self._target,
            pipeline=self._pipeline,
        )
