"""Loads the package at hand, again from its beginning where the connection broke."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any

import dlt
from dlt.common.runtime import signals
from dlt.destinations.sql_client import SqlClientBase

from captaindata_source.dlt_internals.packages import packages
from captaindata_source.extract.report import WorkspaceReport
from captaindata_source.issues import Issue
from captaindata_source.views.refresh import refresh_catalogue
from captaindata_source.views.results.counting import Counted
from captaindata_source.waiting import wait_seconds
from captaindata_source.warehouse.appending import LoadedJobs, appends_results
from captaindata_source.warehouse.database import DUCKDB
from captaindata_source.warehouse.locks import holding
from captaindata_source.warehouse.remedies import is_passing, message_of
from captaindata_source.warehouse.spelling import record_spelling, require_spelling
from captaindata_source.warehouse.turns import Turn

__all__ = ["LOAD_WAITS", "BackgroundLoad", "Extracted", "MemoryLimit", "load", "set_dlt_defaults"]

logger = logging.getLogger(__name__)

MEMORY = "128MB"
"""Of DuckDB, while it loads a package; one that does not fit is loaded without a limit."""
NO_MEMORY = "ran out of memory"
LOAD_WAITS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before each further try: a minute in all, after `FILE_SECONDS` in the first at most."""
DLT_DEFAULTS = {
    # what was loaded is kept in the destination alone, not a second time in staging or on disk
    "load.truncate_staging_dataset": True,
    "load.delete_completed_jobs": True,
    # a load job may have done its work when its connection breaks: not it is tried again, which
    # could double rows, but its package from the beginning
    "load.raise_on_max_retries": 1,
}


def set_dlt_defaults(pipeline: dlt.Pipeline) -> None:
    """Sets our defaults for options of dlt, where nobody configured them.

    They hold for this pipeline's name alone: others in the process keep dlt's.
    """
    for name, default in DLT_DEFAULTS.items():
        configured: object = dlt.config.get(name)
        dlt.config[f"{pipeline.pipeline_name}.{name}"] = (
            default if configured is None else configured
        )


@dataclass(slots=True)
class MemoryLimit:
    """Whether the memory that DuckDB uses for a load is limited."""

    is_on: bool = True


@dataclass(slots=True)
class Extracted:
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
        """Whether the sync ends with it."""
        return self.report.finished_at is not None


def load(
    pipeline: dlt.Pipeline,
    *,
    turn: Turn,
    workspace: str,
    limit: MemoryLimit,
    jobs: LoadedJobs | None = None,
    counted: Counted | None = None,
) -> None:
    """Loads what the pipeline has normalized.

    Args:
        pipeline: Of the workspace.
        turn: The right to sync it.
        workspace: Its name.
        limit: Of this sync; what does not fit loads without one, and so do later packages.
        jobs: Whose results are in it; None: it is not known.
        counted: What the results in it hold, for the catalogue; None: it need not follow at once.

    Raises:
        Exception: It could not be loaded; the package waits for the next sync.
    """
    waits = iter(LOAD_WAITS)
    is_again = False
    while True:  # ends with a load or an error: each turn uses up a wait, or the limit on memory
        try:
            # only the first try waits for a file, in the lock that all workspaces share
            with holding(pipeline, turn=turn, waits_for_file=not is_again) as client:
                if limit.is_on:
                    _limit_memory(pipeline, client)
                turn.check(client, max(packages(pipeline), default=""))
                _load_once(pipeline, client, jobs=None if is_again else jobs)
                if counted is not None:
                    refresh_catalogue(pipeline, counted)
        except Exception as error:
            if signals.was_signal_received():
                raise
            if limit.is_on and NO_MEMORY in message_of(error):
                limit.is_on = False
                logger.info("Workspace %s: loading again without a limit on memory", workspace)
            else:
                _wait_after(error, next(waits, None), workspace=workspace)
            is_again = True
        else:
            return


def _load_once(
    pipeline: dlt.Pipeline, client: SqlClientBase[Any] | None, *, jobs: LoadedJobs | None
) -> None:
    """Loads; the dataset keeps the spelling of its name that it was first loaded under."""
    kind, dataset = pipeline.destination.destination_type, pipeline.dataset_name
    if client is not None:
        require_spelling(client, kind=kind, dataset=dataset)
    if jobs is None:
        pipeline.load()
    else:
        with appends_results(pipeline, client, jobs):
            pipeline.load()
    if client is not None:
        record_spelling(client, kind=kind, dataset=dataset)


def _wait_after(error: Exception, seconds: float | None, *, workspace: str) -> None:
    """Waits before a further try; raises the error where there is none."""
    if seconds is None or not is_passing(error):
        raise error
    logger.warning(
        "Workspace %s: %s. Trying again in %.0f s", workspace, message_of(error), seconds
    )
    wait_seconds(seconds)


def _limit_memory(pipeline: dlt.Pipeline, client: SqlClientBase[Any] | None) -> None:
    """Bounds what DuckDB keeps in memory, which is most of what there is otherwise; a limit that
    someone configured stays."""
    if client is None or pipeline.destination.destination_type != DUCKDB:
        return
    credentials = client.credentials
    if "memory_limit" not in f"{credentials.global_config} {credentials.local_config}":
        client.execute_sql(f"set memory_limit = '{MEMORY}'")


class BackgroundLoad:
    """Loads one package while the next is extracted.

    Args:
        pool: Runs it; has one thread, which ends with whoever made it.
    """

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._running: Future[None] | None = None

    def start(self, task: Callable[[], None], *, on_failure: Callable[[], None]) -> None:
        """Begins a load; the one before has ended.

        Args:
            task: Loads.
            on_failure: Called in its thread where it raises.
        """

        def run() -> None:
            try:
                task()
            except BaseException:
                on_failure()
                raise

        self._running = self._pool.submit(run)

    def wait(self) -> None:
        """Waits for the load that is running, if any; raises what it raised."""
        running, self._running = self._running, None
        if running is not None:
            running.result()
