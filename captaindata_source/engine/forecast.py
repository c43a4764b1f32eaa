"""`captaindata plan`: what a sync would fetch, and what it would take. Loads nothing."""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from dlt.common.exceptions import SignalReceivedException
from dlt.common.runtime import signals

from captaindata_source.api import Api
from captaindata_source.engine.estimate import Estimate
from captaindata_source.extract.identify import known_or_identified
from captaindata_source.extract.opening import connect, plan_without_memory, remember_and_plan
from captaindata_source.extract.plan import SyncPlan
from captaindata_source.http import RetryPolicy
from captaindata_source.issues import IssueLog
from captaindata_source.settings.config import refuse_twins
from captaindata_source.settings.learned import LearnedSettings
from captaindata_source.settings.sync_options import SyncOptions
from captaindata_source.settings.workspace import Settings
from captaindata_source.warehouse.database import DUCKDB, WITH_VIEWS
from captaindata_source.warehouse.interrupts import run_until_signal
from captaindata_source.warehouse.pipeline import Target, duckdb_file
from captaindata_source.warehouse.preflight import require_right_warehouse
from captaindata_source.warehouse.remedies import message_of

__all__ = ["Forecast", "forecast"]

logger = logging.getLogger(__name__)

RETRY_SECONDS = 120.0
"""People wait for the answer."""
INTERRUPTED = "Interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a sync of a workspace would take.

    Args:
        workspace: Name of the workspace.
        estimate: What it would take; None: that can't be told.
        limit: What the limit was taken from: `option`, `configured` or `learned`; None: no limit
            is known.
        error: Why it can't be told, or can't be told of some lists.
    """

    workspace: str
    estimate: Estimate | None = None
    limit: str | None = None
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        found = self.estimate.as_dict() if self.estimate else {}
        return {"workspace": self.workspace, "error": self.error, "limit": self.limit, **found}


def forecast(
    workspaces: Sequence[Settings],
    options: SyncOptions,
    *,
    requests_per_minute: int | None = None,
) -> list[Forecast]:
    """Reads the lists that a sync would read, and tells what it would fetch. Loads nothing.

    Args:
        workspaces: Options of each workspace.
        options: Gives destination and dataset.
        requests_per_minute: Limit to calculate with; None: that of each workspace.

    Returns:
        Of each workspace, in their order; a failure is in its forecast.

    Raises:
        ConfigError: The destination does not exist or is not installed, or two workspaces are the
            same.
    """
    target = Target(options)
    require_right_warehouse(target.reader, workspaces)
    lock = threading.Lock()
    limits = ["option" if requests_per_minute else None] * len(workspaces)
    given = [
        replace(each, requests_per_minute=requests_per_minute) if requests_per_minute else each
        for each in workspaces
    ]
    tasks = [
        partial(_forecast, each, target, lock, limit)
        for each, limit in zip(given, limits, strict=True)
    ]
    refuse_twins(workspaces)
    with signals.intercepted_signals():
        found = run_until_signal(tasks, name="workspace")
    return [
        each or Forecast(workspace=settings.name, error=INTERRUPTED)
        for settings, each in zip(workspaces, found, strict=True)
    ]


def _forecast(
    settings: Settings, target: Target, lock: threading.Lock, limit: str | None
) -> Forecast:
    try:
        return _forecast_of(settings, target, lock, limit)
    except (Exception, SignalReceivedException) as error:
        logger.debug("Workspace %s", settings.name, exc_info=True)
        said = INTERRUPTED if signals.was_signal_received() else message_of(error)
        return Forecast(workspace=settings.name, error=said)


def _forecast_of(
    settings: Settings, target: Target, lock: threading.Lock, limit: str | None
) -> Forecast:
    configured = settings.requests_per_minute
    settings = known_or_identified(settings, target.reader)
    issues = settings.issues if isinstance(settings, LearnedSettings) else IssueLog()
    api = connect(settings, issues=issues, retry=RetryPolicy(deadline=RETRY_SECONDS))
    nowhere = tempfile.TemporaryDirectory(prefix="captaindata-plan-")
    try:
        with lock:  # a DuckDB file is opened once at a time
            plan = _plan(settings, api, target, issues, folder=Path(nowhere.name))
        _read_lists(plan, threads=settings.max_parallel_requests)
        per_minute = api.calls_per_minute
        if limit is None and per_minute is not None:
            limit = "configured" if configured else "learned"
        estimate = Estimate(expected=plan.expect(), list_calls=api.calls, per_minute=per_minute)
    finally:
        api.close()
        nowhere.cleanup()
    error = "; ".join(issue.detail or str(issue.kind) for issue in issues.set_aside)
    return Forecast(workspace=settings.name, estimate=estimate, limit=limit, error=error or None)


def _plan(
    settings: Settings, api: Api, target: Target, issues: IssueLog, *, folder: Path
) -> SyncPlan:
    wanted = target.options.wanted_of(settings) - settings.missing_tables
    kind = target.reader.destination.destination_type
    if kind == DUCKDB and not duckdb_file(target.reader).exists():
        return plan_without_memory(settings, api, issues=issues, wanted=wanted)
    pipeline = target.pipeline(settings, folder=folder)
    if kind not in WITH_VIEWS:
        pipeline.sync_destination()
    return remember_and_plan(settings, api, pipeline, issues=issues, wanted=wanted)


def _read_lists(plan: SyncPlan, *, threads: int) -> None:
    plan.context.is_clock_read.set()  # the workspace is not asked
    listing = plan.listing
    listing.reads_lists_only = True
    with ThreadPoolExecutor(threads, thread_name_prefix="lists") as pool:
        for stage in listing.stages:
            for done in [pool.submit(task) for task in stage()]:
                done.result()
    if plan.guard.quota is not None:
        raise plan.guard.quota
