"""Jobs whose results are to be fetched: which, and why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from captaindata_source.extract.plan.context import Context
from captaindata_source.extract.plan.empty_jobs import EmptyJobs
from captaindata_source.extract.plan.inputs import InputPlan
from captaindata_source.extract.plan.rereads import Rereads
from captaindata_source.extract.plan.totals import counts_of, says_none
from captaindata_source.extract.queue import ResultJob, ResultQueue
from captaindata_source.tables import JOB_RESULTS
from captaindata_source.warehouse.answers import Answer
from captaindata_source.warehouse.memory import KnownJob

__all__ = ["WantedResults"]


class WantedResults:
    """Queues the jobs whose results are to be fetched.

    Its methods expect the context's lock to be held, but for `settle`.

    Args:
        context: The sync.
        seen: Jobs that the API listed or gave in this sync.
    """

    def __init__(self, context: Context, *, seen: Collection[str]) -> None:
        self._context = context
        self._memory = context.memory
        self._api = context.api
        self._wanted_statuses = context.settings.wanted_statuses
        self._seen = seen
        self.queue = ResultQueue()
        self.inputs = InputPlan(context)
        self.rereads = Rereads(context)
        self.empty = EmptyJobs(
            context, trust=self.rereads.trust, on_contradiction=self._fetch_skipped
        )
        self._queued: set[str] = set()

    def want(self, uid: str, known: KnownJob, *, is_listed: bool = True) -> None:
        """Queues a job where its results are not loaded, or of another state of the job, or are to
        be read again because they differ from their count.

        Args:
            uid: The job.
            known: What is known of it.
            is_listed: Whether the API lists it still.
        """
        self.inputs.see(uid, known, is_listed=is_listed)
        if JOB_RESULTS.name not in self._context.wanted:
            return
        if known.results_version is None or known.status not in self._wanted_statuses:
            return
        answer = self._memory.results.get(uid)
        is_refresh = is_listed and self._context.settings.full_refresh
        if is_refresh or answer is None or answer.version != known.results_version:
            self._fetch(uid, known, None if is_refresh else answer, is_listed=is_listed)
        elif answer.is_skipped and self.empty.is_refuted:
            self._fetch(uid, known, answer, is_listed=is_listed)
        elif answer.differs(counts_of(known)):
            self.rereads.add(uid, known, answer, is_listed=is_listed)
        else:
            self.queue.skipped += is_listed

    def drop(self, uid: str) -> None:
        """Takes a job out again, if it is in."""
        self.queue.remove(uid)
        self._queued.discard(uid)
        self.rereads.drop(uid)

    def _fetch(
        self,
        uid: str,
        known: KnownJob,
        answer: Answer | None,
        *,
        is_listed: bool,
        is_reread: bool = False,
    ) -> None:
        if uid in self._queued:  # listed after it was queued as one that is not
            return
        self._queued.add(uid)
        self.queue.add(
            ResultJob(
                uid=uid,
                workflow_uid=known.workflow_uid,
                version=known.results_version or "",
                finish_time=known.finish_time,
                row_counts=counts_of(known),
                is_listed=is_listed,
                is_new=uid not in self._memory.results,
                answer=answer,
                before=self._memory.results.get(uid),
                is_reread=is_reread,
                is_old=self.rereads.is_old(known),
                carries=known.can_continue,
                says_none=self._may_be_empty(known, answer),
            )
        )

    def _may_be_empty(self, known: KnownJob, answer: Answer | None) -> bool:
        """Whether a job may be skipped for its counts: the warehouse has no results of it."""
        if self._context.settings.full_refresh or (answer is not None and answer.rows):
            return False
        return says_none(known, self._api)

    def _sample_skipped(self, looked_at: Collection[str | None]) -> None:
        """Queues some of the jobs that earlier syncs skipped for their counts."""
        if not looked_at:
            return
        for uid in self.empty.skipped_before(looked_at, is_sample=True):
            known, answer = self._memory.jobs[uid], self._memory.results[uid]
            self._fetch(uid, known, answer, is_listed=uid in self._seen)

    def _fetch_skipped(self, skipped: Sequence[ResultJob]) -> None:
        """Queues jobs that this sync skipped for their counts, and all that earlier ones did."""
        with self._context.lock:
            self.queue.skipped -= len(skipped)
            for job in skipped:
                self.queue.add(replace(job, says_none=False))
            for uid in self.empty.skipped_before([None], is_sample=False):
                known, answer = self._memory.jobs[uid], self._memory.results[uid]
                self._fetch(uid, known, answer, is_listed=True)

    def skip_others(self, workflow_uids: Collection[str]) -> None:
        """Counts jobs that are not remembered, since their results are loaded and nothing is to be
        done for them.

        Args:
            workflow_uids: Workflows whose lists were not read to their end.
        """
        if self._memory.finder is None:
            return
        loaded = self._context.totals.loaded
        others = sum(loaded[uid] for uid in workflow_uids)
        for uid, known in self._memory.jobs.items():
            answer = self._memory.results.get(uid)
            if known.workflow_uid in workflow_uids and answer is not None:
                others -= answer.version == known.results_version
        self.queue.skipped += max(0, others)

    def left_by_earlier(self) -> int:
        """How many known jobs have results that are not loaded."""
        loaded = self._memory.results
        return sum(
            known.results_version is not None
            and known.status in self._wanted_statuses
            and (uid not in loaded or loaded[uid].version != known.results_version)
            for uid, known in self._memory.jobs.items()
        )

    def settle(self, looked_at: Collection[str | None]) -> None:
        """Makes the jobs ready to be fetched, once the lists are read.

        Args:
            looked_at: Workflows whose lists were read whole for their age; None: those of all.
        """
        with self._context.lock:
            self._sample_skipped(looked_at)
            for uid, known, answer, is_listed, is_due in self.rereads.take_due():
                if is_due:
                    self._fetch(uid, known, answer, is_listed=is_listed, is_reread=True)
                else:
                    self.queue.skipped += is_listed
            if self.queue:
                self.empty.prepare()
        self.queue.sort()
        self.queue.confirm(self._context.count_results)
