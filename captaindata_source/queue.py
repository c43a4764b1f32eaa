"""The jobs whose results are still to be fetched, handed out to threads, package by package."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from captaindata_source.errors import ApiError, UnavailableError

__all__ = ["Package", "ResultJob", "ResultQueue"]

MAX_UNANSWERED = 3
"""So many jobs in a row without an answer, after all retries: the API is down."""
OLDEST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultJob:
    """A job whose results are to be fetched.

    Args:
        uid: The job.
        workflow_uid: Its workflow.
        version: `results_version` of the job; goes into the ledger once all results are loaded.
        finish_time: When it ended.
        is_listed: Whether the API still lists it; what it no longer lists may be gone for good.
    """

    uid: str
    workflow_uid: str | None
    version: str
    finish_time: datetime | None
    is_listed: bool = True


class ResultQueue:
    """Jobs to fetch, newest first, and what became of them. Safe to share between threads."""

    def __init__(self) -> None:
        self._jobs: deque[ResultJob] = deque()
        self.skipped = 0
        """Jobs whose results are loaded already."""
        self.fetched = 0
        """Jobs whose results were fetched completely."""
        self.rows = 0
        """Results of those jobs."""
        self.total = 0
        """Jobs that were to be fetched when the listing was complete."""
        self.set_aside: list[tuple[ResultJob, Exception]] = []
        """Jobs whose results could not be fetched, and why; the next sync tries again."""

    def add(self, job: ResultJob) -> None:
        self._jobs.append(job)

    def sort(self) -> None:
        """Newest first, so that a dashboard is useful early in a long first load."""
        self._jobs = deque(
            sorted(self._jobs, key=lambda job: job.finish_time or OLDEST, reverse=True)
        )
        self.total = len(self._jobs)

    def pop(self) -> ResultJob | None:
        try:
            return self._jobs.popleft()
        except IndexError:
            return None

    def __len__(self) -> int:
        return len(self._jobs)


class Package:
    """Hands out whole jobs until a load package is full.

    Args:
        queue: Where the jobs come from.
        max_rows: No job is handed out once this many results were fetched.
        max_seconds: Nor once this many seconds have passed.
        on_job: Called when a job is done, with the number of jobs to do.
    """

    def __init__(
        self,
        queue: ResultQueue,
        *,
        max_rows: float = math.inf,
        max_seconds: float = math.inf,
        on_job: Callable[[int], None] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._max_rows = max_rows
        self._monotonic = monotonic
        self._ends = monotonic() + max_seconds
        self._on_job = on_job
        self._handed_out = 0
        self._unanswered = 0
        self._is_cancelled = False
        self._lock = threading.Lock()
        self.rows = 0

    def take(self) -> ResultJob | None:
        """The next job; None where the package is full or nothing is left. The first take always
        gives a job where there is one."""
        with self._lock:
            full = self.rows >= self._max_rows or self._monotonic() >= self._ends
            if self._is_cancelled or (full and self._handed_out):
                return None
            job = self._queue.pop()
            self._handed_out += job is not None
            return job

    def count(self, rows: int) -> None:
        """Counts results as they arrive, complete or not."""
        with self._lock:
            self.rows += rows

    def done(self, rows: int) -> None:
        """Counts a job whose results are complete."""
        with self._lock:
            self._unanswered = 0
            self._queue.fetched += 1
            self._queue.rows += rows
            self._report()

    def is_fatal(self, error: ApiError) -> bool:
        """Whether an error is that of the whole workspace, not of one job: the key was refused, or
        one job after the other gets no answer."""
        if isinstance(error, UnavailableError):
            with self._lock:
                self._unanswered += 1
                return self._unanswered >= MAX_UNANSWERED
        return error.status == 401

    def set_aside(self, job: ResultJob, error: Exception) -> None:
        """Records a job that could not be fetched."""
        with self._lock:
            self._queue.set_aside.append((job, error))
            self._report()

    def cancel(self) -> None:
        """Hands out no more jobs, in no thread."""
        self._is_cancelled = True

    @property
    def is_cancelled(self) -> bool:
        return self._is_cancelled

    def _report(self) -> None:
        if self._on_job:
            self._on_job(self._queue.total)
