"""Syncs one or many workspaces: a pipeline each, extracted side by side, loaded in turn.

A sync of a workspace is a loop of load packages of whole jobs. What is committed stays, whatever
happens next; what is missing is seen, and fetched, by the next sync.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import dlt
from dlt.common.destination import AnyDestination, Destination
from dlt.common.runtime.collector import NULL_COLLECTOR
from dlt.common.runtime.collector_base import Collector
from dlt.destinations.impl.duckdb.configuration import DuckDbClientConfiguration
from dlt.extract import DltSource
from dlt.pipeline.exceptions import PipelineStepFailed

from captaindata_source import __version__
from captaindata_source.api import Api
from captaindata_source.errors import CaptainDataError, ConfigError
from captaindata_source.plan import SyncPlan
from captaindata_source.queue import Package, ResultJob
from captaindata_source.report import WorkspaceReport
from captaindata_source.settings import Settings
from captaindata_source.source import (
    SOURCE_NAME,
    Extraction,
    connect,
    remember_and_plan,
    source_of,
)
from captaindata_source.tables import JOB_RESULTS, SYNC_RUNS, TABLES

__all__ = ["DEFAULT_DATASET", "DEFAULT_DUCKDB_FILE", "SyncOptions", "make_pipeline", "sync"]

logger = logging.getLogger(__name__)

DEFAULT_DATASET = "captaindata"
DEFAULT_DUCKDB_FILE = "warehouse.duckdb"
VERSIONS = {"connector_version": __version__, "dlt_version": dlt.__version__}
MESSAGE_LENGTH = 500
DUCKDB, POSTGRES = "dlt.destinations.duckdb", "dlt.destinations.postgres"


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncOptions:
    """How to sync.

    Args:
        destination: Name of a dlt destination.
        dataset: Dataset (schema) of the tables.
        tables: Tables to load; empty: all.
        package_max_results: Results after which a load package is closed.
        package_max_minutes: Minutes after which a load package is closed.
        progress: Makes a collector for a pipeline; None: no progress is shown.
    """

    destination: str = "duckdb"
    dataset: str = DEFAULT_DATASET
    tables: Sequence[str] = ()
    package_max_results: int = 50_000
    package_max_minutes: float = 5.0
    progress: Callable[[], Collector] | None = None

    def __post_init__(self) -> None:
        unknown = sorted(set(self.tables) - {table.name for table in TABLES})
        if unknown:
            raise ConfigError(f"Unknown table {', '.join(unknown)}")

    @property
    def wanted(self) -> frozenset[str]:
        return frozenset(self.tables or (table.name for table in TABLES))


def sync(workspaces: Sequence[Settings], options: SyncOptions) -> list[WorkspaceReport]:
    """Syncs workspaces and says what happened; one that fails does not stop the others.

    Args:
        workspaces: Options of each workspace.
        options: How to sync.

    Returns:
        A report for each workspace, in their order; a failure is in its report, not raised.

    Raises:
        ConfigError: The destination does not exist or is not installed.
    """
    pipelines = [make_pipeline(settings, options) for settings in workspaces]
    load_lock = threading.Lock()
    with ThreadPoolExecutor(len(workspaces), thread_name_prefix="workspace") as pool:
        syncs = [
            pool.submit(_WorkspaceSync(settings, options, pipeline, load_lock).run)
            for settings, pipeline in zip(workspaces, pipelines, strict=True)
        ]
        return [each.result() for each in syncs]


def make_pipeline(settings: Settings, options: SyncOptions, *, suffix: str = "") -> dlt.Pipeline:
    """The dlt pipeline of a workspace: its own name and staging dataset, the shared dataset.

    Raises:
        ConfigError: The destination does not exist or is not installed.
    """
    destination = _destination(options.destination, staging_suffix=_short(settings) + suffix)
    pipeline = dlt.pipeline(
        f"captaindata_{_short(settings)}{suffix}",
        destination=destination,
        dataset_name=options.dataset,
        progress=options.progress() if options.progress else NULL_COLLECTOR,
    )
    if destination.destination_type == DUCKDB:
        _refuse_ambiguous_file(pipeline, options.dataset)
    return pipeline


def _short(settings: Settings) -> str:
    """Names a workspace's pipeline and staging dataset."""
    return hashlib.blake2b(settings.project_uid.encode(), digest_size=4).hexdigest()


def _refuse_ambiguous_file(pipeline: dlt.Pipeline, dataset: str) -> None:
    """DuckDB can't tell a file from a schema of the same name."""
    credentials = cast(DuckDbClientConfiguration, pipeline.destination_client().config).credentials
    path = Path(str(credentials.database))
    if path.stem == dataset:
        raise ConfigError(
            f"The DuckDB file {path.name} and the dataset {dataset!r} have the same name, which "
            "DuckDB calls ambiguous: rename one of them"
        )


def _destination(name: str, *, staging_suffix: str) -> AnyDestination:
    arguments: dict[str, Any] = {}
    try:
        known = cast(AnyDestination, Destination.from_reference(name))
        if hasattr(known.spec, "staging_dataset_name_layout"):
            # a staging dataset each, so that two workspaces never wait for or undo one another
            arguments["staging_dataset_name_layout"] = f"%s_staging_{staging_suffix}"
        if (
            known.destination_type == DUCKDB
            and dlt.secrets.get("destination.duckdb.credentials") is None
        ):
            arguments["credentials"] = DEFAULT_DUCKDB_FILE
        if known.destination_type == POSTGRES:
            # a unique index on dlt's row ids turns a badly timed kill into a package that never
            # loads; nothing here relies on it
            arguments["create_indexes"] = False
        return cast(AnyDestination, Destination.from_reference(name, **arguments))
    except (ImportError, ValueError, dlt.common.exceptions.DltException) as error:
        raise ConfigError(f"Destination {name!r} can't be used: {_message(error)}") from error


class _WorkspaceSync:
    """One sync of one workspace, in a thread of its own."""

    def __init__(
        self,
        settings: Settings,
        options: SyncOptions,
        pipeline: dlt.Pipeline,
        load_lock: threading.Lock,
    ) -> None:
        self._settings = settings
        self._options = options
        self._pipeline = pipeline
        self._load_lock = load_lock
        self._report = WorkspaceReport(
            name=settings.name,
            workspace_uid=settings.project_uid,
            is_full_refresh=settings.full_refresh,
        )

    def run(self) -> WorkspaceReport:
        """Never raises: what goes wrong is in the report."""
        api: Api | None = None
        try:
            self._pipeline.activate()
            api = connect(self._settings)
            self._report.api_version = api.version
            self._sync(api)
        except Exception as error:  # the other workspaces go on, whatever it was
            logger.debug("Workspace %s failed", self._settings.name, exc_info=True)
            self._fail(error, api)
        finally:
            if api is not None:
                api.close()
        return self._report

    def _sync(self, api: Api) -> None:
        with self._loading():
            self._finish_pending()
            self._pipeline.sync_destination()
            plan = remember_and_plan(
                self._settings, api, self._pipeline, wanted=self._options.wanted, fresh=()
            )
        tables = self._options.wanted
        while True:
            self._load_package(plan, api, tables)
            if self._report.finished_at is not None:
                return
            tables = frozenset({JOB_RESULTS.name})

    def _load_package(self, plan: SyncPlan, api: Api, tables: frozenset[str]) -> None:
        begun: list[Extraction] = []

        def begin() -> Extraction:
            if not begun:
                package = Package(
                    plan.queue,
                    max_rows=self._options.package_max_results,
                    max_seconds=self._options.package_max_minutes * 60,
                    on_job=self._show_progress if self._options.progress else None,
                )
                begun.append(
                    Extraction(
                        plan=plan,
                        api=api,
                        settings=self._settings,
                        package=package,
                        on_error=_set_aside,
                    )
                )
            return begun[0]

        extracted: list[WorkspaceReport] = []

        def log() -> Iterator[dict[str, Any]]:
            """The row of `sync_runs`, in the last package: it is there when all the rest is."""
            extracted.append(self._report_with(plan, api))
            if extracted[0].finished_at is not None:
                yield extracted[0].as_row(versions=VERSIONS)

        self._pipeline.extract(
            [source_of(begin).with_resources(*sorted(tables)), _sync_log(log)],
            workers=self._settings.max_parallel_requests,
        )
        self._pipeline.normalize()
        with self._loading():
            self._pipeline.load()
        self._report = extracted[0]

    @contextmanager
    def _loading(self) -> Iterator[None]:
        """Holds the destination: workspaces load in turn, whichever process they are in."""
        kind = self._pipeline.destination.destination_type
        with self._load_lock, ExitStack() as stack:
            if kind in (DUCKDB, POSTGRES):
                # DuckDB: held open, or each of dlt's load jobs would open and checkpoint the file
                client = self._pipeline.sql_client()
                stack.enter_context(cast("AbstractContextManager[object]", client))
                if kind == POSTGRES:
                    # other processes would race to create the same tables; ends with its session
                    name = f"captaindata {self._options.dataset}"
                    client.execute_sql("select pg_advisory_lock(hashtext(%s))", name)
            yield

    def _report_with(self, plan: SyncPlan, api: Api) -> WorkspaceReport:
        """The report as it will be once the package at hand is committed."""
        queue = plan.queue
        rows = {table.name: plan.rows[table.name] for table in TABLES}
        rows[JOB_RESULTS.name] = queue.rows
        return replace(
            self._report,
            finished_at=None if len(queue) else datetime.now(UTC),
            api_calls=api.calls,
            rows={name: count for name, count in rows.items() if name in self._options.wanted},
            results_fetched=queue.fetched,
            results_skipped=queue.skipped,
            set_aside=[(job.uid, str(error)) for job, error in queue.set_aside],
            load_packages=self._report.load_packages + 1,
        )

    def _show_progress(self, to_do: int) -> None:
        self._pipeline.collector.update("Jobs with results", inc=1, total=to_do)

    def _finish_pending(self) -> None:
        """Loads what an earlier sync left behind, or drops it: what is missing is fetched again."""
        if not self._pipeline.has_pending_data:
            return
        try:
            self._pipeline.normalize()
            self._pipeline.load()
        except PipelineStepFailed as error:
            logger.warning(
                "Workspace %s: a package that an earlier sync left behind can't be loaded and is "
                "dropped; its jobs are fetched again (%s)",
                self._settings.name,
                _message(error),
            )
            self._pipeline.abort_packages()
            self._pipeline.load()

    def _fail(self, error: Exception, api: Api | None) -> None:
        report = self._report
        report.error = _message(error)
        report.finished_at = datetime.now(UTC)
        report.api_calls = api.calls if api else 0
        try:
            pipeline = make_pipeline(self._settings, self._options, suffix="_failed")
            with self._loading():
                pipeline.run(
                    _sync_log(
                        lambda: iter([report.as_row(versions=VERSIONS)]),
                        name=f"{SOURCE_NAME}_failed_syncs",
                    )
                )
        except Exception as second:  # noqa: BLE001 - the first error is the one to report
            logger.warning(
                "The failed sync of %s could not be recorded: %s",
                self._settings.name,
                _message(second),
            )


def _sync_log(
    rows: Callable[[], Iterator[dict[str, Any]]], *, name: str = SOURCE_NAME
) -> DltSource:
    """A source of `sync_runs` alone; extracted after the workspace's, into the same package."""

    @dlt.source(name=name, section=SOURCE_NAME, max_table_nesting=0)
    def sync_log() -> object:
        return dlt.resource(rows, name=SYNC_RUNS.name, **SYNC_RUNS.hints())

    return sync_log()


def _set_aside(job: ResultJob, error: Exception) -> None:
    logger.warning("Results of job %s are set aside: %s", job.uid, error)


def _message(error: BaseException) -> str:
    """The root of an error in one line; dlt wraps errors several layers deep."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, CaptainDataError):
            return str(seen)
        error, seen = seen, seen.__cause__
    return f"{type(error).__name__}: {' '.join(str(error).split())[:MESSAGE_LENGTH]}"
