"""From a row of a condition's query to what an alert says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from captaindata_source.alerts.kinds import MAX_DETAIL, Found, Kind, as_minute, clean

__all__ = [
    "QUOTA_PERCENT",
    "Row",
    "account",
    "failed_sync",
    "integration",
    "quota",
    "results",
    "stale_sync",
    "stuck_run",
    "workflow",
]

QUOTA_PERCENT = 80
Row = Sequence[Any]


def _sentence(*parts: str) -> str:
    return clean(" ".join(filter(None, parts)), MAX_DETAIL)


def failed_sync(row: Row) -> Iterator[Found]:
    """A sync of a workspace that is its newest, and did not load all."""
    workspace, outcome, error, moment = row
    ended = "" if moment is None else f" at {as_minute(moment)}"
    yield Found(
        kind=Kind.FAILED_SYNC,
        workspace_uid=workspace,
        subject="",
        subject_name="",
        title={
            "quota": "The quota of the API ended the last sync",
            "partly_loaded": "The last sync could not load everything",
        }.get(outcome, "The last sync failed"),
        detail=_sentence(f"It ended{ended} with outcome {clean(outcome)}.", clean(error, 400)),
    )


def stale_sync(row: Row) -> Iterator[Found]:
    """A workspace whose last good sync is too old."""
    workspace, moment = row
    yield Found(
        kind=Kind.STALE_SYNC,
        workspace_uid=workspace,
        subject="",
        subject_name="",
        title="No sync for too long",
        detail="No sync has succeeded so far."
        if moment is None
        else f"The last sync that did not fail ended at {as_minute(moment)}.",
    )


def workflow(row: Row) -> Iterator[Found]:
    """A workflow that fails often, has become slower, or both."""
    workspace, uid, name, is_failing, is_slower, runs, failed, times, recent, earlier, said = row
    name = clean(name or uid)
    if is_failing:
        yield Found(
            kind=Kind.FAILING_WORKFLOW,
            workspace_uid=workspace,
            subject=uid,
            subject_name=name,
            title=f"{name} fails often",
            detail=_sentence(
                f"{failed} of its last {runs} runs failed.",
                f"Last error: {clean(said, 300)}" if said else "",
            ),
        )
    if is_slower:
        yield Found(
            kind=Kind.SLOWER_WORKFLOW,
            workspace_uid=workspace,
            subject=uid,
            subject_name=name,
            title=f"{name} has become slower",
            detail=f"Its recent runs took {times:.1f} times as long as earlier ones; median "
            f"{_length(recent)}, before that {_length(earlier)}.",
        )


def _length(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:,.0f} s"
    return f"{seconds / 60:,.0f} minutes" if seconds < 7200 else f"{seconds / 3600:,.1f} hours"


def stuck_run(row: Row) -> Iterator[Found]:
    """A run that is in progress for too long."""
    workspace, job, flow, name, status, since, hours, usual, reason = row
    flow = clean(flow or "unknown workflow")
    name = clean(name or job)
    yield Found(
        kind=Kind.STUCK_RUN,
        workspace_uid=workspace,
        subject=job,
        subject_name=name,
        title=f"A run of {flow} is stuck",
        detail=_sentence(
            f"{name} is {clean(status, 50)} since {as_minute(since)}, for {_length(hours * 3600)}.",
            "" if usual is None else f"Usually it takes {_length(usual)}.",
            clean(reason, 200),
        ),
    )


def integration(row: Row) -> Iterator[Found]:
    """An integration of an identity (API v4)."""
    workspace, identity, permalink, identity_name, name, status, needs, error = row
    name = clean(name or permalink)
    owner = clean(identity_name or identity)
    yield Found(
        kind=Kind.INTEGRATION_NEEDS_LOGIN,
        workspace_uid=workspace,
        subject=json.dumps([identity, permalink]),
        subject_name=clean(f"{name} of {owner}"),
        title=f"{name} of {owner} needs a login",
        detail=_sentence(f"Status {clean(status, 50)}: {needs}.", clean(error, 200)),
    )


def account(row: Row) -> Iterator[Found]:
    """An account of an integration (API v3)."""
    workspace, permalink, uid, name, status = row
    named = clean(f"{permalink}: {name or uid}")
    yield Found(
        kind=Kind.ACCOUNT_NEEDS_LOGIN,
        workspace_uid=workspace,
        subject=json.dumps([permalink, uid]),
        subject_name=named,
        title=f"{named} needs a login",
        detail=_sentence(f"Status {clean(status, 50)}: log in again."),
    )


def quota(row: Row) -> Iterator[Found]:
    """A quota of a workspace in one unit."""
    workspace, unit, used, most, ends = row
    yield Found(
        kind=Kind.QUOTA,
        workspace_uid=workspace,
        subject=unit,
        subject_name=unit,
        title=f"Over {QUOTA_PERCENT}% of the {unit} are used",
        detail=_sentence(
            f"{used:,.0f} of {most:,.0f} {unit} are used ({100 * used / most:.0f}%).",
            "" if ends is None else f"The quota month ends at {as_minute(ends)}.",
        ),
    )


def results(row: Row) -> Iterator[Found]:
    """A workflow whose jobs have other numbers of results than the API reports."""
    workspace, uid, name, fewer, missing, more, surplus = row
    name, reported = clean(name or uid), "results than the API reports"
    yield Found(
        kind=Kind.RESULTS_DIFFER,
        workspace_uid=workspace,
        subject=uid,
        subject_name=name,
        title=f"Results of {name} do not reconcile",
        detail=_sentence(
            f"{_jobs(fewer)} fewer {reported}; missing: {missing:,}." if fewer else "",
            f"{_jobs(more)} more {reported}; too many: {surplus:,}." if more else "",
        ),
    )


def _jobs(count: int) -> str:
    return "1 job has" if count == 1 else f"{count:,} jobs have"
