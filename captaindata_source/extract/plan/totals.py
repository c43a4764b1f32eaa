"""Totals of all known jobs, counted here where all of them are remembered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from captaindata_source.api import Api
from captaindata_source.settings.workspace import Settings
from captaindata_source.tables import JOB_RESULTS
from captaindata_source.times import aware, since_epoch
from captaindata_source.warehouse.memory import Evidence, JobTotals, KnownJob, Memory

__all__ = [
    "LISTED_FOR",
    "counts_of",
    "evidence_of",
    "evidence_of_all",
    "has_refuted",
    "is_recent",
    "says_none",
    "totals_of",
]

LISTED_FOR = timedelta(days=45)
"""So long a job is in its list at least: v3 lists those of about two months (documented)."""


def totals_of(
    memory: Memory, *, settings: Settings, wanted: frozenset[str], now: datetime
) -> JobTotals:
    """The totals of the jobs that are remembered.

    Args:
        memory: Where all jobs are.
        settings: Options of the workspace.
        wanted: Tables that are loaded.
        now: The time of the sync.
    """
    totals = JobTotals(count=len(memory.jobs))
    has_results = False
    for uid, known in memory.jobs.items():
        workflow = known.workflow_uid
        ended = since_epoch(known.finish_time or known.scheduled_time)
        totals.newest = max(totals.newest, ended or timedelta())
        totals.recent[workflow] += is_recent(known, now)
        if workflow:
            first, last = totals.created.get(workflow, (None, None))
            created = known.created_at and aware(known.created_at).astimezone(UTC)
            if created is not None:
                first, last = min(first or created, created), max(last or created, created)
            totals.created[workflow] = first, last
        is_wanted = known.status in settings.wanted_statuses
        has_results = has_results or (is_wanted and known.results_version is not None)
        answer = memory.results.get(uid)
        is_read = answer is not None and answer.version == known.results_version
        totals.loaded[workflow] += is_wanted and is_read
    is_lost = has_results and not memory.results
    totals.is_ledger_lost = is_lost and JOB_RESULTS.name in wanted
    return totals


def evidence_of_all(memory: Memory, *, api: Api, settings: Settings) -> Evidence:
    """What the jobs that are remembered tell of their counts.

    Args:
        memory: Where all jobs are.
        api: The workspace.
        settings: Its options.
    """
    evidence = Evidence()
    for uid, answer in memory.results.items():
        known = memory.jobs.get(uid)
        if known is None:
            continue
        workflow = known.workflow_uid
        fits = evidence_of(memory, uid) if known.status in settings.wanted_statuses else None
        evidence.fitting[workflow] += fits is True
        evidence.differing[workflow] += fits is False
        if says_none(known, api):
            evidence.asked[workflow] += answer.rows == 0 and not answer.is_skipped
    return evidence


def has_refuted(memory: Memory, *, api: Api, settings: Settings) -> bool:
    """Whether one of the jobs that are remembered has results, although its counts are 0."""
    return any(
        answer.rows
        and (known := memory.jobs.get(uid)) is not None
        and known.status in settings.wanted_statuses
        and answer.version == known.results_version
        and says_none(known, api)
        for uid, answer in memory.results.items()
    )


def evidence_of(memory: Memory, uid: str) -> bool | None:
    """Whether the results of a job that are loaded are as many as counted; None: that is not sure.

    Args:
        memory: Where the job is.
        uid: The job, in a status whose results are loaded.
    """
    known, answer = memory.jobs.get(uid), memory.results.get(uid)
    if known is None or answer is None or answer.rows is None:
        return None
    counts = counts_of(known)
    if not counts or known.results_version != answer.version:
        return None
    if not answer.differs(counts):
        return True
    return False if answer.proves else None


def counts_of(known: KnownJob) -> frozenset[int]:
    """How many results a job has, as far as the API says, in whatever way it counts; below 0 is no
    count."""
    if known.can_continue:  # whether its count is of all its answers is not known
        return frozenset()
    counts = (known.row_count, known.total_row_count)
    return frozenset(count for count in counts if count is not None and count >= 0)


def says_none(known: KnownJob, api: Api) -> bool:
    """Whether a job has all of its counts, and each is 0."""
    if known.can_continue:
        return False
    counts = [getattr(known, name) for name in api.count_fields]
    return bool(counts) and all(count == 0 for count in counts)


def is_recent(known: KnownJob, now: datetime) -> bool:
    """Whether the list of its workflow should hold a job still."""
    time = known.finish_time or known.scheduled_time
    return not known.is_deleted and time is not None and time >= now - LISTED_FOR
