"""Jobs whose results are loaded and differ from their count: which of them are read again now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from captaindata_source.extract.plan.context import Context
from captaindata_source.extract.plan.totals import evidence_of
from captaindata_source.tables import Row
from captaindata_source.times import since_epoch
from captaindata_source.warehouse.answers import Answer, Trust, next_check
from captaindata_source.warehouse.memory import KnownJob

__all__ = ["Rereads"]


class _Job(NamedTuple):
    known: KnownJob
    answer: Answer
    is_listed: bool


class Rereads:
    """Collects such jobs and decides once all lists are read.

    Its methods expect the context's lock to be held.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._memory = context.memory
        self._jobs: dict[str, _Job] = {}
        self._ledger: list[Row] = []
        self._seen = timedelta()
        self.trust = Trust(
            lambda: (context.evidence.fitting, context.evidence.differing),
            self._evidence,
        )
        """Of which workflows the counts can be trusted."""

    def see(self, known: KnownJob) -> None:
        """Sees a job that is new or changed."""
        self._seen = max(self._seen, _ended(known) or timedelta())

    def add(self, uid: str, known: KnownJob, answer: Answer, *, is_listed: bool) -> None:
        """Adds a job whose results differ from its count."""
        self._jobs[uid] = _Job(known, answer, is_listed)

    def drop(self, uid: str) -> None:
        """Takes a job out again, if it is in."""
        self._jobs.pop(uid, None)

    def take_due(self) -> Iterator[tuple[str, KnownJob, Answer, bool, bool]]:
        """All that were added: uid, what is known, the answer, whether the API lists it still, and
        whether it is to be read again now."""
        now = self._context.now
        jobs, self._jobs = self._jobs, {}
        for uid, job in jobs.items():
            is_due = False
            if not self.is_old(job.known):
                if job.answer.answered_at is None:  # of an earlier version: this is the first
                    self._ledger.append(self._first_answer(uid, job.answer))
                else:
                    is_due = job.answer.is_due(now)
                    is_due = is_due and self.trust.is_trusted(job.known.workflow_uid)
            yield uid, *job, is_due

    def take_ledger(self) -> list[Row]:
        """Rows of the ledger that need no call."""
        with self._context.lock:
            rows, self._ledger = self._ledger, []
        return rows

    def is_old(self, known: KnownJob) -> bool:
        """Whether it is too long ago that a job ended for its results to come late, by the time of
        the newest job: the API's clock need not be ours."""
        ended, now = _ended(known), since_epoch(self._context.now)
        if ended is None or now is None:
            return False
        most = timedelta(days=self._context.api.rereads_days)
        return min(now, max(self._seen, self._context.totals.newest)) - ended >= most

    def _evidence(self, uid: str) -> bool | None:
        known = self._memory.jobs.get(uid)
        is_wanted = known is not None and known.status in self._context.settings.wanted_statuses
        return evidence_of(self._memory, uid) if is_wanted else None

    def _first_answer(self, uid: str, answer: Answer) -> Row:
        now = self._context.now
        return {
            "workspace_uid": self._context.settings.project_uid,
            "job_uid": uid,
            "fingerprint": answer.version,
            "result_rows": answer.rows,
            "content_hash": answer.content,
            "equal_answers": 1,
            "answered_at": now,
            "next_check_at": next_check(None, now),
            "results_load_id": answer.load_id,
            "loaded_at": now,
        }


def _ended(known: KnownJob) -> timedelta | None:
    return since_epoch(known.finish_time or known.scheduled_time)
