"""Finds out the UID of workspaces that are configured without one, before they are synced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

import dlt
from dlt.common.exceptions import SignalReceivedException
from dlt.common.runtime import signals

from captaindata_source.engine.failures import kind_of
from captaindata_source.engine.workspace_sync import INTERRUPTED
from captaindata_source.extract.identify import known_or_identified
from captaindata_source.extract.report import WorkspaceReport
from captaindata_source.issues import Kind
from captaindata_source.settings.config import refuse_twins
from captaindata_source.settings.workspace import Settings
from captaindata_source.warehouse.interrupts import run_until_signal
from captaindata_source.warehouse.remedies import message_of

__all__ = ["sync_identified"]


def sync_identified(
    workspaces: Sequence[Settings],
    pipeline: dlt.Pipeline,
    sync: Callable[[Sequence[Settings]], Sequence[WorkspaceReport]],
    *,
    grace: float,
) -> list[WorkspaceReport]:
    """Syncs workspaces under their UIDs: that of an earlier sync, or else what the API says.

    Args:
        workspaces: Options of each workspace.
        pipeline: Gives destination and dataset.
        sync: Gives a report for each workspace whose UID is known.
        grace: Seconds that calls have after a signal to end by themselves.

    Returns:
        A report for each workspace, in their order.

    Raises:
        ConfigError: Two of them are the same workspace.
    """
    found = _identify_all(workspaces, pipeline, grace)
    known = [each for each in found if isinstance(each, Settings)]
    synced = iter(sync(known) if known else ())
    return [each if isinstance(each, WorkspaceReport) else next(synced) for each in found]


def _identify_all(
    workspaces: Sequence[Settings], pipeline: dlt.Pipeline, grace: float
) -> list[Settings | WorkspaceReport]:
    if all(settings.project_uid for settings in workspaces):
        return list(workspaces)
    with signals.intercepted_signals():
        tasks = [partial(_identify, settings, pipeline) for settings in workspaces]
        found = run_until_signal(tasks, name="workspace", grace=grace)
    result = [
        _failed(settings, INTERRUPTED) if each is None else each
        for settings, each in zip(workspaces, found, strict=True)
    ]
    refuse_twins([each for each in result if isinstance(each, Settings)])
    return result


def _identify(settings: Settings, pipeline: dlt.Pipeline) -> Settings | WorkspaceReport:
    try:
        return known_or_identified(settings, pipeline)
    except (Exception, SignalReceivedException) as error:  # noqa: BLE001 - the others go on
        if signals.was_signal_received():
            return _failed(settings, INTERRUPTED)
        return _failed(settings, message_of(error), kind_of(error))


def _failed(settings: Settings, error: str, failure: Kind | None = None) -> WorkspaceReport:
    return WorkspaceReport(
        name=settings.name,
        workspace_uid=settings.project_uid,
        is_full_refresh=settings.full_refresh and settings.named_jobs is None,
        is_resync=settings.named_jobs is not None,
        api_version=settings.stored_version,
        error=error,
        failure=failure,
        finished_at=datetime.now(UTC),
    )
