"""Jobs that say they have no results: which of them are asked for them all the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from captaindata_source.extract.plan.context import Context
from captaindata_source.extract.plan.totals import has_refuted
from captaindata_source.extract.queue import ResultJob
from captaindata_source.issues import Action, Kind
from captaindata_source.tables import Row
from captaindata_source.warehouse.answers import Trust

__all__ = ["EmptyJobs"]

MIN_PROVEN = 20
"""Jobs of the workspace whose results must have agreed with their counts."""
ASKED_PER_WORKFLOW = 2
"""Empty jobs of each workflow that are asked all the same."""
SAMPLE = 100
"""One in so many jobs that were skipped is asked with each deep look."""
PROVEN_WRONG = (
    "The job says that it has no results, and has some: jobs that say so are no longer skipped"
)


class EmptyJobs:
    """Tells whether a job whose counts are all 0 is worth a call; safe to share between threads.

    Such jobs are skipped once counts have proven true in the workspace, but for a sample. One that
    has results after all ends that for the whole workspace, as long as its count is 0 and its
    results are loaded.

    Args:
        context: The sync.
        trust: What is known of the counts.
        on_contradiction: Called at the first contradiction, with the jobs that this sync skipped.
    """

    def __init__(
        self,
        context: Context,
        *,
        trust: Trust,
        on_contradiction: Callable[[Sequence[ResultJob]], None],
    ) -> None:
        self._context = context
        self._trust = trust
        self._on_contradiction = on_contradiction
        self._skipped: list[ResultJob] = []
        self._recorded = 0
        self._is_refuted = False

    def prepare(self) -> None:
        """Reads what earlier syncs found, before any result is fetched: it is what is loaded now,
        and no thread that reads results has to wait for it."""
        if not self.is_refuted:
            self._asked.total()
            self._trust.prepare()

    def must_ask(self, job: ResultJob) -> bool:
        """Whether the results of an empty job are to be fetched; else it is taken for skipped."""
        with self._context.lock:
            if self._may_skip(job, asked=self._asked, agreed=self._trust.agreed):
                self._skipped.append(job)
                return False
            self._asked[job.workflow_uid] += 1
            return True

    def expect(self, jobs: Iterable[ResultJob]) -> Iterator[tuple[ResultJob, bool]]:
        """Jobs in the order in which they are fetched, and whether each will be asked for its
        results, if all counts prove true. Changes nothing."""
        waiting = list(jobs)
        if not waiting:
            return
        asked, agreed = Counter(self._asked), self._trust.agreed
        for job in waiting:
            is_skipped = job.says_none and self._may_skip(job, asked=asked, agreed=agreed)
            if not is_skipped:
                asked[job.workflow_uid] += job.says_none
                agreed += bool(job.row_counts)
            yield job, not is_skipped

    def _may_skip(self, job: ResultJob, *, asked: Mapping[str | None, int], agreed: int) -> bool:
        """Whether an empty job need not be asked: it is of no sample, and counts have proven true.

        Args:
            job: The job.
            asked: Empty jobs that were asked, by workflow.
            agreed: Jobs of the workspace whose results agreed with their counts.
        """
        is_sample = job.answer is not None and job.answer.version == job.version
        return (
            not self.is_refuted
            and agreed >= MIN_PROVEN
            and self._trust.is_trusted(job.workflow_uid)
            and asked[job.workflow_uid] >= ASKED_PER_WORKFLOW
            and not is_sample
        )

    @property
    def is_refuted(self) -> bool:
        """Whether an empty job has results, so that none may be skipped."""
        return self._is_refuted or self._was_refuted

    def contradict(self) -> None:
        """Tells that an empty job has results; `IssueLog.about` names it."""
        with self._context.lock:
            if self._is_refuted:
                return
            self._is_refuted = True
            skipped, self._skipped = self._skipped, []
            self._recorded = 0
        self._context.issues.add(Kind.ZERO_COUNT_WRONG, Action.REREAD, detail=PROVEN_WRONG)
        self._on_contradiction(skipped)

    def take_ledger(self) -> list[Row]:
        """The rows of the ledger of the jobs that were skipped since the last call."""
        with self._context.lock:
            fresh = self._skipped[self._recorded :]
            self._recorded = len(self._skipped)
        return [
            {
                "workspace_uid": self._context.settings.project_uid,
                "job_uid": job.uid,
                "fingerprint": job.version,
                "result_rows": 0,
                "is_skipped": True,
                "loaded_at": self._context.now,
            }
            for job in fresh
        ]

    def skipped_before(
        self, workflow_uids: Collection[str | None], *, is_sample: bool
    ) -> Sequence[str]:
        """Jobs that earlier syncs skipped, in the state that is known.

        Args:
            workflow_uids: Of these workflows; None in it: of all.
            is_sample: Whether one in `SAMPLE` is enough, each in its turn.
        """
        memory = self._context.memory
        turn = self._context.now.toordinal() if is_sample else None
        if memory.finder is not None:
            return memory.finder.skipped(workflow_uids, turn=turn)
        uids = sorted(
            uid
            for uid, answer in memory.results.items()
            if answer.is_skipped
            and (known := memory.jobs.get(uid)) is not None
            and (None in workflow_uids or known.workflow_uid in workflow_uids)
            and known.results_version == answer.version
        )
        if turn is None:
            return uids
        return [uid for place, uid in enumerate(uids) if (place + turn) % SAMPLE == 0]

    @cached_property
    def _was_refuted(self) -> bool:
        """The same, as earlier syncs left it."""
        context, memory = self._context, self._context.memory
        if memory.finder is not None:
            return memory.finder.is_refuted()
        return has_refuted(memory, api=context.api, settings=context.settings)

    @cached_property
    def _asked(self) -> Counter[str | None]:
        """Empty jobs that were asked for their results, by workflow."""
        return Counter(self._context.evidence.asked)
