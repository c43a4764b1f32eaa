"""The jobs of a workspace: made day by day and workflow by workflow, each day on its own."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from itertools import islice
from random import Random
from typing import Any

from captaindata_source.sandbox.dialect import JobsOrder
from captaindata_source.sandbox.jobs import Job
from captaindata_source.sandbox.rng import poisson, stream
from captaindata_source.sandbox.script import scripted_stories
from captaindata_source.sandbox.stories import (
    MAX_RETRY_AGE_DAYS,
    Story,
    plain,
    random_story,
)
from captaindata_source.sandbox.timeline import make_jobs
from captaindata_source.sandbox.workflows import NEVER, Workflow

Json = dict[str, Any]

# `/workflows/{uid}/jobs` lists jobs that were scheduled within this many days.
LISTED_DAYS = 60.0


class Schedule:
    """All jobs of one workspace, made as far as the clock needs them.

    Args:
        seed: The world's seed.
        workspace: The workspace's index.
        workflows: Its workflows.
        accounts: Accounts that jobs may name.
        days: Days of history before the start.
        jobs_per_day: Mean number of everyday jobs per workflow and day.
        mean_results: Mean number of rows of a job.
    """

    def __init__(
        self,
        *,
        seed: int,
        workspace: int,
        workflows: tuple[Workflow, ...],
        accounts: list[Json],
        days: int,
        jobs_per_day: float,
        mean_results: int,
    ) -> None:
        self._seed = seed
        self._workspace = workspace
        self._workflows = workflows
        self._accounts = accounts
        self._days = days
        self._jobs_per_day = jobs_per_day
        self._mean_results = mean_results
        self._made_until = -days
        self._jobs: dict[str, list[Job]] = {workflow.uid: [] for workflow in workflows}
        self._by_uid: dict[str, Job] = {}
        self._by_last_change: list[Job] = []
        self._listed: dict[tuple[str, JobsOrder], tuple[float, list[Job]]] = {}
        for job in self._scripted():
            self._add(job)

    def find(self, job_uid: str, day: float) -> Job | None:
        """Return the job of a uid if it has appeared by `day`."""
        self._make_until(day)
        job = self._by_uid.get(job_uid)
        return job if job is not None and job.appears <= day else None

    def made(self, day: float, *, skip: int = 0) -> Iterator[Job]:
        """Yield the jobs made for `day`, appeared or not, in the order that they were made.

        Args:
            day: Every job that has appeared by it is among them.
            skip: How many to leave out at the beginning; those made stay in their place.
        """
        self._make_until(day)
        return islice(self._by_uid.values(), skip, None)

    def changing(self, start: float, end: float) -> list[Job]:
        """Return the jobs that there are until `end`, and that change on `start` or later."""
        self._make_until(end)
        order = self._by_last_change
        if len(order) < len(self._by_uid):
            order += islice(self._by_uid.values(), len(order), None)
            order.sort(key=_last_change)
        first = bisect_left(order, start, key=_last_change)
        return [job for job in order[first:] if min(job.phases[0].at, job.appears) <= end]

    def appeared(self, day: float) -> list[Job]:
        """Return every job that has appeared by `day`, listed or not, newest first."""
        self._make_until(day)
        jobs = [job for job in self._by_uid.values() if job.appears <= day]
        return sorted(jobs, key=_newest)

    def listed(self, workflow_uid: str, day: float, order: JobsOrder) -> list[Job]:
        """Return the jobs of a workflow that the API lists on `day`."""
        self._make_until(day)
        cached_day, jobs = self._listed.get((workflow_uid, order), (math.nan, []))
        if cached_day != day:
            jobs = [
                job
                for job in self._jobs[workflow_uid]
                if job.appears <= day and job.scheduled > day - LISTED_DAYS
            ]
            jobs.sort(key=_by_uid if order == "uid" else _newest, reverse=order == "oldest")
            self._listed[workflow_uid, order] = (day, jobs)
        return jobs

    def _make_until(self, day: float) -> None:
        # Jobs may appear a little before the day that they are scheduled for.
        while self._made_until <= day + 1:
            for workflow in self._workflows:
                for job in self._cell(workflow, self._made_until):
                    self._add(job)
            self._made_until += 1

    def _add(self, job: Job) -> None:
        self._jobs[job.workflow_uid].append(job)
        self._by_uid[job.uid] = job

    def _cell(self, workflow: Workflow, day: int) -> Iterator[Job]:
        rng = stream(self._seed, self._workspace, workflow.index, day)
        for _ in range(poisson(rng, self._jobs_per_day)):
            story = random_story(rng, day + rng.random(), mean_results=self._mean_results)
            if workflow.exists(min(story.scheduled, story.appears)):
                yield from self._build(rng, story, workflow)

    def _scripted(self) -> Iterator[Job]:
        rng = stream(self._seed, self._workspace, "scripted jobs")
        lasting = [w for w in self._workflows if w.created < -self._days and w.gone[0] == NEVER]
        stories = scripted_stories(
            self._seed, self._workspace, days=self._days, mean_results=self._mean_results
        )
        for number, story in enumerate(stories):
            yield from self._build(rng, story, lasting[number % len(lasting)])
        for workflow in self._workflows:
            if workflow.created > 0:
                story = plain(workflow.created + 0.1, took=0.05, rows=max(4, self._mean_results))
                yield from self._build(rng, story, workflow)

    def _build(self, rng: Random, story: Story, workflow: Workflow) -> tuple[Job, ...]:
        kept = 0
        for retry in story.retries:
            old = retry.begins - story.scheduled > MAX_RETRY_AGE_DAYS
            if old or not workflow.may_retry(retry.begins):
                break
            kept += 1
        return make_jobs(rng, story.trimmed(kept), workflow, accounts=self._accounts)


def _newest(job: Job) -> tuple[float, str]:
    return (-job.scheduled, job.uid)


def _by_uid(job: Job) -> str:
    return job.uid


def _last_change(job: Job) -> float:
    return max(job.phases[-1].at, job.appears)
