"""Evaluates alerts of a dataset, keeps what is new or over, and tells it."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import dlt
from dlt.common.runtime import signals

from captaindata_source.alerts.deliver import Delivering
from captaindata_source.alerts.evaluate import Evaluation, choose, evaluate, known_workspaces
from captaindata_source.alerts.kinds import Alert, Found
from captaindata_source.alerts.report import AlertReport
from captaindata_source.alerts.store import Store
from captaindata_source.errors import ConfigError, DestinationError
from captaindata_source.http import Clock, Webhooks
from captaindata_source.settings.sync_options import SyncOptions
from captaindata_source.waiting import wait_seconds
from captaindata_source.warehouse.database import (
    POSTGRES,
    RUN_BY_DUCKDB,
    WITH_VIEWS,
    Database,
    SessionLock,
    connected,
    database_on,
)
from captaindata_source.warehouse.locks import holding
from captaindata_source.warehouse.remedies import explained, message_of

__all__ = ["list_alerts", "require_alerts", "run_alerts", "run_alerts_on"]

logger = logging.getLogger(__name__)

ELSEWHERE = "Alerts need DuckDB or Postgres"
NO_SYNCS = "Dataset {} has no syncs: run `captaindata sync` first, or name another --dataset"
TURN_SECONDS = 120
"""How long another process may evaluate and deliver."""


def require_alerts(pipeline: dlt.Pipeline) -> None:
    """Sees that the destination can have alerts.

    Raises:
        ConfigError: It can't.
    """
    if pipeline.destination.destination_type not in WITH_VIEWS:
        raise ConfigError(ELSEWHERE)


def run_alerts(
    pipeline: dlt.Pipeline,
    options: SyncOptions,
    *,
    names: Sequence[str] = (),
    synced: Collection[str] | None = None,
    is_dry: bool = False,
    clock: Clock | None = None,
    webhooks: Webhooks | None = None,
) -> AlertReport:
    """Evaluates, keeps and delivers. What fails then is in the report, not raised.

    Args:
        pipeline: Any with the destination and dataset.
        options: Its webhooks and hours.
        names: Workspaces to look at, by name or uid; none: all.
        synced: Uids of the workspaces that a sync was about, instead of names.
        is_dry: Whether nothing is kept or sent.
        clock: Time.
        webhooks: Sends.

    Raises:
        ConfigError: A workspace is unknown, or the destination has no alerts.
    """
    require_alerts(pipeline)
    clock = clock or Clock(sleep=wait_seconds)
    report = AlertReport(is_dry=is_dry)
    try:
        with _turn(pipeline, clock), _opened(pipeline) as (database, dataset):
            run_alerts_on(
                database,
                dataset,
                options,
                report=report,
                names=names,
                synced=synced,
                clock=clock,
                webhooks=webhooks,
            )
    except ConfigError:
        raise
    except Exception as error:
        if signals.was_signal_received():
            raise
        logger.debug("Alerts", exc_info=True)
        report.error = message_of(error)
    return report


def run_alerts_on(
    database: Database,
    dataset: str,
    options: SyncOptions,
    *,
    report: AlertReport,
    clock: Clock,
    names: Sequence[str] = (),
    synced: Collection[str] | None = None,
    webhooks: Webhooks | None = None,
) -> None:
    """As `run_alerts`, on an open database, outside of a transaction.

    Args:
        database: Nobody else evaluates alerts of the dataset meanwhile.
        dataset: Holds the tables.
        options: As there, and so are the others.
        report: Gets what was done, also where an error ends it. Says whether anything is kept.
        clock: Time.
        names: Workspaces to look at.
        synced: Uids of workspaces instead of names.
        webhooks: Sends.
    """
    known = known_workspaces(database, dataset)
    if synced is None and not known:
        raise ConfigError(NO_SYNCS.format(dataset))
    chosen = choose(known, names) if synced is None else [uid for uid in known if uid in synced]
    work = _Work(database, dataset, options, clock, report)
    work.keep(chosen, known)
    if not report.is_dry:
        work.deliver(webhooks)


def list_alerts(pipeline: dlt.Pipeline, *, names: Sequence[str] = ()) -> list[Alert]:
    """Alerts that are open, as the last evaluation left them.

    Raises:
        ConfigError: A workspace is unknown, or the destination has no alerts.
        DestinationError: The warehouse can't be read.
    """
    require_alerts(pipeline)
    with explained("Alerts can't be read"), _opened(pipeline) as (database, dataset):
        known = known_workspaces(database, dataset)
        if not known:
            raise ConfigError(NO_SYNCS.format(dataset))
        store = Store(database, dataset)
        chosen = choose(known, names)
        return store.open_alerts(chosen) if store.is_there else []


class _Work:
    def __init__(
        self,
        database: Database,
        dataset: str,
        options: SyncOptions,
        clock: Clock,
        report: AlertReport,
    ) -> None:
        self._database = database
        self._dataset = dataset
        self._options = options
        self._clock = clock
        self._report = report
        self._store = Store(database, dataset)
        self._targets = list(options.alert_webhooks or ())

    def keep(self, workspaces: Sequence[str], names: dict[str, str]) -> None:
        """Compares what holds with what was open, and keeps the difference."""
        self._report.is_evaluated = not workspaces
        if not workspaces:
            return
        now = datetime.fromtimestamp(self._clock.wall(), UTC)
        evaluation = evaluate(
            self._database,
            self._dataset,
            workspaces=workspaces,
            now=now,
            stale_hours=self._options.alert_stale_hours,
        )
        before = self._store.open_alerts(workspaces) if self._store.is_there else []
        opened, over = _difference(evaluation, before, names=names, now=now)
        self._report.problems += evaluation.problems
        self._report.problems += _untouched(evaluation, before)
        if not self._report.is_dry:
            self._store.create()
            self._store.change(opened, over, targets=[each.name for each in self._targets])
        self._report.opened, self._report.over = opened, over
        self._report.still_open = len(before) + len(opened) - len(over)
        self._report.is_evaluated = True

    def deliver(self, webhooks: Webhooks | None) -> None:
        if self._store.is_there:
            work = Delivering(self._store.deliveries, clock=self._clock, webhooks=webhooks)
            work.run(self._targets, self._report.deliveries)


def _difference(
    evaluation: Evaluation, before: Sequence[Alert], *, names: dict[str, str], now: datetime
) -> tuple[list[Alert], list[Alert]]:
    there = {each.identity for each in before}
    new = [each for identity, each in evaluation.found.items() if identity not in there]
    new.sort(key=lambda each: (names[each.workspace_uid], each.kind, each.subject_name))
    opened = [_alert(each, names[each.workspace_uid], now) for each in new]
    over = [
        replace(each, over_at=now)
        for each in before
        if each.kind in evaluation.kinds and each.identity not in evaluation.found
    ]
    over.sort(key=lambda each: (each.workspace_name, each.kind, each.subject_name))
    return opened, over


def _alert(found: Found, workspace: str, now: datetime) -> Alert:
    return Alert(
        uid=uuid4().hex,
        kind=str(found.kind),
        workspace_uid=found.workspace_uid,
        workspace_name=workspace,
        subject=found.subject,
        subject_name=found.subject_name,
        title=found.title,
        detail=found.detail,
        opened_at=now,
    )


def _untouched(evaluation: Evaluation, before: Sequence[Alert]) -> Iterator[str]:
    """Kinds that have open alerts, and can't be evaluated because what they read is gone."""
    for kind, lacks in evaluation.missing.items():
        if any(each.kind == kind for each in before):
            yield f"{kind}: {lacks} is not there"


@contextmanager
def _opened(pipeline: dlt.Pipeline) -> Iterator[tuple[Database, str]]:
    """The database and the dataset's schema. No other process has a DuckDB file meanwhile."""
    kind = pipeline.destination.destination_type
    with (holding if kind in RUN_BY_DUCKDB else connected)(pipeline) as client:
        if client is not None:
            yield database_on(client, kind), client.dataset_name


@contextmanager
def _turn(pipeline: dlt.Pipeline, clock: Clock) -> Iterator[None]:
    """Lets one process at a time evaluate and deliver; on DuckDB the file does so."""
    if pipeline.destination.destination_type != POSTGRES:
        yield
        return
    client = pipeline.sql_client()
    lock = SessionLock(client.credentials.to_native_representation())
    name = f"captaindata alerts {client.dataset_name}"
    try:
        holder = lock.take(name)
        ends = clock.monotonic() + TURN_SECONDS
        while holder is not None:
            if clock.monotonic() > ends:
                raise DestinationError(
                    f"Another process is still at the alerts of this dataset ({holder}): the next "
                    "run evaluates them"
                )
            clock.sleep(0.5)
            holder = lock.take(name)
        yield
    finally:
        lock.release()
