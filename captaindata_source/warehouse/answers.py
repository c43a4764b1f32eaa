"""Results whose number is not what the API counts: when they are read again, and when no more.

Results may come late: the job has ended, its record does not change any more, and the API still
answers with some of them or none. So a mismatch stays open, and later syncs read it again, at
distances that double, until `MAX_EQUAL` answers in a row were equal. Where a count means something
else, it is soon plain from the workflow's other jobs.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import NamedTuple

__all__ = ["MAX_EQUAL", "Answer", "Trust", "next_check"]

MAX_EQUAL = 4
"""Equal answers in a row after which a mismatch is taken for what it is."""
MIN_PROOF = 2
"""The same to tell that a count means something else; no results at all prove it later, for so
results begin that come late."""
MIN_JOBS = 5
"""Jobs that a workflow has at least before its counts are judged."""
MOST_OF = 5
"""Counts are not trusted where more than one in so many differs."""
SET_LENGTH = 16
"""Of a hash of results, the part that is the same in whatever order they come."""


class Answer(NamedTuple):
    """What the ledger says of a job's results.

    Args:
        version: `results_version` of the job when they were fetched.
        rows: How many there are; None: they are gone.
        content: Their hash, which begins with one of them in whatever order.
        equal: Answers in a row, one a sync, that were equal.
        answered_at: When the last one came; None: an earlier version of this package fetched them.
        next_check_at: When they are to be read again, should they differ from the count; None:
            never, while the job is the same.
        load_id: The load that wrote them.
        is_skipped: Whether the job was never asked, since its counts are 0.
    """

    version: str
    rows: int | None
    content: str | None = None
    equal: int = 0
    answered_at: datetime | None = None
    next_check_at: datetime | None = None
    load_id: str | None = None
    is_skipped: bool = False

    def is_equal(self, content: str) -> bool:
        """Whether other results are the same, in whatever order."""
        return self.content is not None and self.content[:SET_LENGTH] == content[:SET_LENGTH]

    def is_of_same_end(self, version: str) -> bool:
        """Whether the job has the status, end and counts still that it had; what else tells its
        states apart may move although nothing happened."""
        return self.version.partition(".")[0] == version.partition(".")[0]

    def differs(self, counts: Collection[int]) -> bool:
        """Whether the number of results is none of those that the API counts."""
        return bool(counts) and self.rows is not None and self.rows not in counts

    def is_due(self, now: datetime) -> bool:
        """Whether it is time to read them again, if they are to be."""
        if self.next_check_at is None or self.answered_at is None:
            return False
        # a time to come was written by a clock that went wrong
        return self.next_check_at <= now or self.answered_at > now

    @property
    def proves(self) -> bool:
        """Whether results that differ from their count tell that it means something else."""
        return self.equal >= (MIN_PROOF if self.rows else MAX_EQUAL)


def next_check(before: datetime | None, now: datetime) -> datetime:
    """When results that differ from their count are read again.

    Args:
        before: When the answer before this one came; None: there was none, or more results have
            come since, so that the next sync reads them.
        now: When this one came.
    """
    return now if before is None else now + 2 * max(now - before, timedelta())


class Trust:
    """Tells whether the counts of a workflow can be trusted; safe to share between threads.

    Args:
        totals: Gives by workflow how many jobs earlier syncs found to have as many results as
            counted, and how many not to; called when it is first needed.
        evidence: Whether an earlier sync found that of a job; None: it was not sure.
    """

    def __init__(
        self,
        totals: Callable[[], tuple[Counter[str | None], Counter[str | None]]] = lambda: (
            Counter(),
            Counter(),
        ),
        evidence: Callable[[str], bool | None] = lambda _uid: None,
    ) -> None:
        self._totals = totals
        self._evidence = evidence
        self._lock = threading.Lock()
        self._counters: dict[bool, Counter[str | None]] = {}
        """By whether they fit: jobs of each workflow."""
        self._learned: dict[str, bool | None] = {}
        self._told: set[str | None] = set()

    def prepare(self) -> None:
        """Reads the totals now."""
        with self._lock:
            self._prepare()

    def is_trusted(self, workflow_uid: str | None) -> bool:
        """Whether a mismatch in a job of the workflow is worth another call."""
        with self._lock:
            return self._is_trusted(workflow_uid)

    @property
    def agreed(self) -> int:
        """Jobs of the workspace whose results were as many as counted."""
        with self._lock:
            return self._prepare()[True].total()

    def learn(self, job_uid: str, workflow_uid: str | None, *, fits: bool | None) -> bool:
        """Takes in what a new answer says.

        Args:
            job_uid: The job.
            workflow_uid: Its workflow.
            fits: Whether the number of results is as counted; None: that is not sure yet.

        Returns:
            Whether this makes the counts untrusted, and it is the first time in this sync.
        """
        with self._lock:
            was_trusted = self._is_trusted(workflow_uid)
            is_known = job_uid in self._learned
            before = self._learned[job_uid] if is_known else self._evidence(job_uid)
            self._learned[job_uid] = fits
            for each, change in ((before, -1), (fits, 1)):
                if each is not None:
                    self._prepare()[each][workflow_uid] += change
            is_news = was_trusted and not self._is_trusted(workflow_uid)
            is_first = workflow_uid not in self._told
            if is_news:
                self._told.add(workflow_uid)
            return is_news and is_first

    def _prepare(self) -> dict[bool, Counter[str | None]]:
        if not self._counters:
            fitting, differing = self._totals()
            self._counters = {True: Counter(fitting), False: Counter(differing)}
        return self._counters

    def _is_trusted(self, workflow_uid: str | None) -> bool:
        counters = self._prepare()
        differing = counters[False][workflow_uid]
        jobs = differing + counters[True][workflow_uid]
        return jobs < MIN_JOBS or differing * MOST_OF <= jobs
