"""What became of events: the rows of `webhook_events`."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from captaindata_source.extract.plan import SyncPlan
from captaindata_source.settings.named_jobs import INTEGRATION, Told, ToldEvent
from captaindata_source.tables import INTEGRATIONS, JOB_RESULTS, Row

__all__ = ["DONE", "event_rows"]

RESULTS_LOADED = "results_loaded"
JOB_LOADED = "job_loaded"
UNCHANGED = "unchanged"
INTEGRATION_READ = "integration_read"
KEPT = "kept"
"""Nothing is done about events of this kind."""
WAITING = "waiting"
"""It is tried again."""
LEFT = "left_to_schedule"
"""The next usual sync sees to it."""
DONE = frozenset({RESULTS_LOADED, JOB_LOADED, UNCHANGED, INTEGRATION_READ, KEPT, LEFT})


def event_rows(
    told: Told, plan: SyncPlan, *, loaded: Collection[str], tables: Collection[str]
) -> list[Row]:
    """The rows of events, once all that they told of is read; `Told.actions` has the same.

    Args:
        told: The events.
        plan: Of the sync.
        loaded: Jobs whose results are complete.
        tables: Tables that are loaded.
    """
    failed = {issue.job_uid for issue in plan.issues.set_aside}
    is_cut = plan.guard.quota is not None or bool(plan.queue)
    now = datetime.now(UTC)
    for event in told.events:
        told.actions[event.uid] = _action(
            event, told, plan, loaded=loaded, failed=failed, is_cut=is_cut, tables=tables
        )
    return [
        {
            "workspace_uid": plan.context.settings.project_uid,
            "uid": event.uid,
            "received_at": event.received_at,
            "kind": event.kind,
            "workflow_uid": event.workflow_uid,
            "job_uid": event.job_uid,
            "identity_uid": event.identity_uid,
            "copies": event.copies,
            "tries": event.tries + 1,
            "action": told.actions[event.uid],
            "loaded_at": now,
        }
        for event in told.events
    ]


def _action(
    event: ToldEvent,
    told: Told,
    plan: SyncPlan,
    *,
    loaded: Collection[str],
    failed: Collection[str | None],
    is_cut: bool,
    tables: Collection[str],
) -> str:
    uid = event.job_uid
    if uid is None:
        is_read = event.kind.startswith(INTEGRATION) and INTEGRATIONS.name in tables
        return INTEGRATION_READ if is_read else KEPT
    if uid in loaded:
        return RESULTS_LOADED
    is_waiting = uid in told.unseen or uid in failed or uid not in plan.jobs.seen
    if is_cut and JOB_RESULTS.name in tables and uid in plan.jobs.changed:
        is_waiting = True
    if is_waiting:
        return LEFT if event.is_last_try else WAITING
    return JOB_LOADED if uid in plan.jobs.changed else UNCHANGED
