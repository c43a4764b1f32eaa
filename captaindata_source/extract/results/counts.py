"""Whether a job has as many results as the API counts, and what is recorded where it has not."""

from __future__ import annotations

from collections.abc import Iterable

from captaindata_source.extract.queue import ResultJob
from captaindata_source.issues import Action, IssueLog, Kind
from captaindata_source.warehouse.answers import MAX_EQUAL, Trust

__all__ = ["judge", "listed"]

NOT_TRUSTED = (
    "Of over a fifth of the workflow's jobs the number of results is not row_count: it is not "
    "compared any more"
)


def judge(job: ResultJob, rows: int, equal: int, *, trust: Trust, issues: IssueLog) -> None:
    """Records an issue for a job whose results differ from their count, or did at the last sync.

    Args:
        job: The job.
        rows: The number of its results.
        equal: How many answers in a row were equal, this one included.
        trust: Learns whether the counts of the workflow can be trusted.
        issues: Where the issue is recorded.
    """
    if not job.row_counts:
        return
    was_trusted = trust.is_trusted(job.workflow_uid)
    counted = f"{rows} rows, row_count says {listed(job.row_counts)}"
    fits: bool | None = None
    if rows in job.row_counts:
        fits = True
        if job.is_reread and job.answer is not None:
            detail = f"{rows} rows, as row_count says; {job.answer.rows} at the last reading"
            issues.add(Kind.RESULTS_CAME_LATE, Action.REREAD, detail=detail)
    else:
        if job.answer is not None and job.answer._replace(rows=rows, equal=equal).proves:
            fits = False
        is_same = job.answer is not None and job.answer.version == job.version
        if was_trusted and is_same and equal >= MAX_EQUAL:
            detail = f"{counted}: {equal} equal answers in a row, it is not read again"
            issues.add(Kind.ROW_COUNT_SETTLED, Action.KEPT, detail=detail)
        elif was_trusted:
            after = "too old to be read again" if job.is_old else "later syncs read it again"
            issues.add(Kind.ROW_COUNT_DIFFERS, Action.KEPT, detail=f"{counted}: {after}")
    if trust.learn(job.uid, job.workflow_uid, fits=fits):
        with issues.about(workflow_uid=job.workflow_uid):
            issues.add(Kind.COUNTS_NOT_TRUSTED, Action.KEPT, detail=NOT_TRUSTED)


def listed(counts: Iterable[int]) -> str:
    """Counts in words."""
    return " or ".join(map(str, sorted(counts)))
