"""A `JobsServer` whose lists of v3 are odd in the ways that an API can be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from tests.support.jobs_server import JobsServer, ServedJob

__all__ = ["OddJobsServer"]


@dataclass
class OddJobsServer(JobsServer):
    """The server.

    Args:
        beyond: What is answered beyond the last page.
        skew: How far its clock is ahead of ours.
        without_start: One in so many jobs has no `start_time`; 0: none.
        hides: What records of jobs lack.
        rounds_to: Times of jobs are rounded to so much: many are equal.
        fails_after: Calls after which the sync is killed.
    """

    beyond: Literal["empty", "404", "repeat"] = "empty"
    skew: timedelta = timedelta()
    without_start: int = 0
    hides: tuple[str, ...] = ()
    rounds_to: timedelta | None = None
    fails_after: int | None = None

    def answer(self, link: str) -> tuple[int, dict[str, str], Any]:
        if self.fails_after is not None and len(self.calls) >= self.fails_after:
            raise KeyboardInterrupt
        return super().answer(link)

    def page(self, jobs: list[ServedJob], number: int) -> list[ServedJob] | None:
        found = super().page(jobs, number)
        if found or not number or self.beyond == "empty":
            return found
        last = max(0, len(jobs) - 1) // self.page_size
        return None if self.beyond == "404" else super().page(jobs, last)

    def job_record(self, job: ServedJob) -> dict[str, Any]:
        return self._odd(job, super().job_record(job))

    def run_record(self, job: ServedJob) -> dict[str, Any]:
        return self._odd(job, super().run_record(job))

    def _odd(self, job: ServedJob, record: dict[str, Any]) -> dict[str, Any]:
        started, ended = job.started, job.updated
        if self.rounds_to is not None:
            started -= timedelta(seconds=started.timestamp() % self.rounds_to.total_seconds())
        times = {
            "start_time": started,
            "finish_time": ended,
            "created_at": started,
            "started_at": started,
            "finished_at": ended,
            "updated_at": ended,
        }
        found = {
            name: (times[name] + self.skew).isoformat() if name in times else value
            for name, value in record.items()
            if name not in self.hides
        }
        if self.without_start and int(job.uid, 16) % self.without_start == 0:
            del found["start_time"]
        return found
