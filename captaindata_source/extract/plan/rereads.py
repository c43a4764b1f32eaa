"""Jobs whose results are loaded and differ from their count: which of them are read again now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import cached_property
from typing import NamedTuple

from captaindata_source.extract.plan.context import Context
from captaindata_source.tables import Row
from captaindata_source.times import since_epoch
from captaindata_source.warehouse.answers import Answer, Known, Trust, next_check
from captaindata_source.warehouse.memory import KnownJob

__all__ = ["Rereads", "counts_of"]


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
        self.trust = Trust(self._proofs)
        """Of which workflows the counts can be trusted."""

    def see(self, known: KnownJob) -> None:
        """Sees a job that is new or changed."""
        self._seen = max(self._seen, _newest([known]))

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
        return min(now, max(self._seen, self._known)) - ended >= most

    @cached_property
    def _known(self) -> timedelta:
        return _newest(self._memory.jobs.values())

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

    def _proofs(self) -> Iterator[Known]:
        """What the jobs of earlier syncs say of their workflows' counts."""
        for uid, answer in self._memory.results.items():
            known = self._memory.jobs.get(uid)
            if known is None or known.results_version != answer.version or answer.rows is None:
                continue
            counts = counts_of(known)
            if counts and known.status in self._context.settings.wanted_statuses:
                if not answer.differs(counts):
                    yield Known(uid, known.workflow_uid, fits=True)
                elif answer.proves:
                    yield Known(uid, known.workflow_uid, fits=False)


def counts_of(known: KnownJob) -> frozenset[int]:
    """How many results a job has, as far as the API says, in whatever way it counts; below 0 is no
    count."""
    if known.can_continue:  # whether its count is of all its answers is not known
        return frozenset()
    counts = (known.row_count, known.total_row_count)
    return frozenset(count for count in counts if count is not None and count >= 0)


def _ended(known: KnownJob) -> timedelta | None:
    return since_epoch(known.finish_time or known.scheduled_time)


def _newest(jobs: Iterable[KnownJob]) -> timedelta:
    """When the last of the jobs ended or was to begin, since the epoch."""
    return max((ended for job in jobs if (ended := _ended(job)) is not None), default=timedelta())
