"""The jobs whose results are still to be fetched, handed out to threads, package by package."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dlt.common.runtime import signals

from captaindata_source.warehouse.answers import Answer
from captaindata_source.warehouse.loaded_rows import StoredCount

__all__ = ["Limits", "Package", "ResultJob", "ResultQueue"]

POLL_SECONDS = 0.05
MAX_BYTES = 80 * 1024 * 1024
"""JSON text after which no job is handed out: DuckDB holds what is not committed in memory."""
OLDEST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultJob:
    """A job whose results are to be fetched.

    Args:
        uid: The job.
        workflow_uid: Its workflow.
        version: `results_version` of the job; goes into the ledger once all results are loaded.
        finish_time: When it ended.
        row_counts: How many results it has, as far as the API says, in whatever way it counts.
        is_listed: Whether the API still lists it; what it no longer lists may be gone for good.
        is_new: Whether the ledger has no row of it.
        answer: What the ledger says of its results; None: nothing that counts.
        is_stored: Whether the destination holds those results.
        is_reread: Whether they are read again only because they differ from their count.
        is_old: Whether it is too old for that.
        carries: Whether results that are loaded stay where the newest answer lacks them.
        says_none: Whether all that the API counts of it is 0.
        before: What the ledger says of it, for a full refresh too.
        stored: What the destination holds of it; None: nothing.
    """

    uid: str
    workflow_uid: str | None
    version: str
    finish_time: datetime | None
    row_counts: frozenset[int] = frozenset()
    is_listed: bool = True
    is_new: bool = False
    answer: Answer | None = None
    is_stored: bool = False
    is_reread: bool = False
    is_old: bool = False
    carries: bool = False
    says_none: bool = False
    before: Answer | None = None
    stored: StoredCount | None = None


class Limits:
    """Ends a sync early, between two load packages; shared by all workspaces.

    Args:
        max_minutes: Minutes since the limits were made; None: no limit.
        max_requests: Requests of all workspaces together; None: no limit.
        monotonic: Seconds.
    """

    def __init__(
        self,
        *,
        max_minutes: float | None = None,
        max_requests: int | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._ends = math.inf if max_minutes is None else monotonic() + max_minutes * 60
        self._max_requests = math.inf if max_requests is None else max_requests
        self._counters: list[Callable[[], int]] = []

    def count(self, calls: Callable[[], int]) -> None:
        """Counts what a workspace sends.

        Args:
            calls: Gives its requests so far.
        """
        self._counters.append(calls)

    def leave_room(self, jobs: int) -> bool:
        """Whether lists may be read on: half of the requests are theirs, and what jobs with
        results to fetch do not need.

        Args:
            jobs: Jobs whose results are to be fetched.
        """
        sent = sum(calls() for calls in self._counters)
        return sent < self._max_requests / 2 or sent + jobs < self._max_requests

    @property
    def seconds_left(self) -> float:
        """Seconds to the end, at least 0."""
        return max(0.0, self._ends - self._monotonic())

    @property
    def are_reached(self) -> bool:
        """Whether no more jobs are to be begun; once true, always true."""
        sent = sum(calls() for calls in self._counters)
        return sent >= self._max_requests or self._monotonic() >= self._ends


class ResultQueue:
    """Jobs to fetch, newest first, and what became of them. Safe to share between threads."""

    def __init__(self) -> None:
        self._jobs: deque[ResultJob] = deque()
        self.added = 0
        """Jobs that were to be fetched, those that are done included."""
        self.set_aside = 0
        """Times that a job was set aside."""
        self.skipped = 0
        """Jobs whose results are loaded already."""
        self.fetched = 0
        """Jobs whose results were fetched completely."""
        self.rows = 0
        """Results of those jobs."""
        self.total = 0
        """Jobs that were to be fetched when the listing was complete."""

    def add(self, job: ResultJob) -> None:
        self._jobs.append(job)
        self.added += 1

    def sort(self) -> None:
        """Newest first, so that a dashboard is useful early in a long first load."""
        self._jobs = deque(
            sorted(self._jobs, key=lambda job: job.finish_time or OLDEST, reverse=True)
        )
        self.total = len(self._jobs)

    def remove(self, uid: str) -> None:
        """Takes a job out, if it waits."""
        self._jobs = deque(job for job in self._jobs if job.uid != uid)

    def confirm(self, count: Callable[[Sequence[str]], Mapping[str, StoredCount]]) -> None:
        """Finds out of which jobs the destination holds what the ledger says.

        Args:
            count: Uids of jobs to the numbers of their results there.
        """
        asked = [job.uid for job in self._jobs if job.says_none or (job.before and job.before.rows)]
        there = count(asked) if asked else {}

        def confirmed(job: ResultJob) -> ResultJob:
            rows = stored.rows if (stored := there.get(job.uid)) else 0
            is_stored = job.answer is not None and job.answer.rows == rows
            job = replace(job, stored=stored, is_stored=is_stored)
            return replace(job, says_none=False) if job.says_none and rows else job

        self._jobs = deque(map(confirmed, self._jobs))

    def put_back(self, job: ResultJob) -> None:
        self._jobs.appendleft(job)

    def pop(self) -> ResultJob | None:
        try:
            return self._jobs.popleft()
        except IndexError:
            return None

    def waiting(self) -> Sequence[ResultJob]:
        return tuple(self._jobs)

    def __len__(self) -> int:
        return len(self._jobs)


class Package:
    """Hands out whole jobs until a load package is full.

    Args:
        queue: Where the jobs come from.
        max_rows: No job is handed out once this many results were fetched.
        max_jobs: Nor once so many were.
        max_seconds: Nor once this many seconds have passed.
        limits: Nor once these are reached.
        on_job: Called when a job is done, with the number of jobs to do.
        parallel: Gives how many jobs are worth having at hand.
    """

    def __init__(
        self,
        queue: ResultQueue,
        *,
        max_rows: float = math.inf,
        max_jobs: float = math.inf,
        max_seconds: float = math.inf,
        limits: Limits | None = None,
        on_job: Callable[[int], None] | None = None,
        parallel: Callable[[], float] = lambda: math.inf,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._max_rows = max_rows
        self._max_jobs = max_jobs
        self._limits = limits or Limits()
        self._monotonic = monotonic
        self._ends = monotonic() + max_seconds
        self._on_job = on_job
        self._handed_out = 0
        self.is_cancelled = self._is_out = False
        self._parallel = parallel
        self._at_hand = 0
        self._lock = threading.Condition()
        self._size = 0
        self.rows = 0
        self.to_come = 0
        """Jobs with results to fetch that are not in the queue yet."""

    def take(self) -> ResultJob | None:
        """The next job; None where the package is full or nothing is left. The first take always
        gives a job where there is one. Waits where enough jobs are at hand."""
        with self._lock:
            while self._at_hand >= self._parallel() and not self.is_cancelled:
                self._lock.wait(POLL_SECONDS)
                signals.raise_if_signalled()
            full = self.rows >= self._max_rows or self._size >= MAX_BYTES or self.is_over
            full = full and self._handed_out > 0
            if self.is_cancelled or self._is_out or full or self._handed_out >= self._max_jobs:
                return None
            job = self._queue.pop()
            self._handed_out += job is not None
            self._at_hand += job is not None
            return job

    @property
    def is_over(self) -> bool:
        """Whether its time has passed, or something asks for an end."""
        is_asked = self.is_cancelled or self._is_out
        return is_asked or self._monotonic() >= self._ends or self._limits.are_reached

    @property
    def is_at_limit(self) -> bool:
        """Whether no more calls are to be sent, or something asks for an end of the sync."""
        return self.is_cancelled or not self._limits.leave_room(0)

    @property
    def has_time_to_list(self) -> bool:
        """Whether another list may be begun: the time that a sync has does not count."""
        return not self.is_cancelled and self._limits.leave_room(len(self._queue) + self.to_come)

    def put_down(self) -> None:
        """Says that a job is no longer at hand, whatever became of it. Wakes nobody: the thread
        that had it takes the next, with its connection."""
        with self._lock:
            self._at_hand -= 1

    def count(self, rows: int, size: int = 0) -> None:
        """Counts results, and their bytes, as they arrive, complete or not."""
        with self._lock:
            self.rows += rows
            self._size += size

    def done(self, rows: int) -> None:
        """Counts a job whose results are complete."""
        with self._lock:
            self._queue.fetched += 1
            self._queue.rows += rows
            self._report()

    def failed(self) -> None:
        """Counts a job that was set aside; another one is handed out in its place."""
        with self._lock:
            self._handed_out -= 1
            self._queue.set_aside += 1
            self._report()

    def put_back(self, job: ResultJob) -> None:
        """Leaves a job to the next sync, and hands out no more."""
        self._queue.put_back(job)
        self._is_out = True

    def passed_over(self) -> None:
        """Counts a job that needs no call any more; another one is handed out in its place."""
        with self._lock:
            self._handed_out -= 1
            self._queue.skipped += 1
            self._report()

    def end(self) -> None:
        """Ends it early, as if its time were over."""
        self._ends = -math.inf

    def cancel(self) -> None:
        """Hands out no more jobs, in no thread."""
        self.is_cancelled = True

    def _report(self) -> None:
        if self._on_job:
            self._on_job(self._queue.total)
