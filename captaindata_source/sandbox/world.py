"""The simulated account: workspaces whose whole content is a function of a seed and a clock."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

from captaindata_source.sandbox.catalogue import Kind
from captaindata_source.sandbox.contents import Content, Workspace, make_content, make_workspace
from captaindata_source.sandbox.dialect import Dialect
from captaindata_source.sandbox.jobs import Job
from captaindata_source.sandbox.people import workspace_object
from captaindata_source.sandbox.results import ResultStore
from captaindata_source.sandbox.workflows import Workflow

Json = dict[str, Any]

DEFAULT_START = datetime(2026, 1, 14, tzinfo=UTC)
MIN_DAYS = 10


class NotFoundError(LookupError):
    """The world has no such workflow or job now."""


class World:
    """Everything that the sandbox holds, at the moment that its clock shows.

    The same arguments always bring the same content, however the clock was moved. A world may be
    read and its clock moved from several threads.

    Args:
        seed: Chooses the data.
        start: Where the clock starts, in UTC. All times of the data shift with it.
        workspaces: How many workspaces there are.
        workflows: How many workflows each has at the start.
        days: Days of history before the start, at least 10. With fewer than 60, nothing leaves
            the listings in the first days.
        jobs_per_day: Mean number of everyday jobs per workflow and day.
        mean_results: Mean number of rows of a job.
        dialect: How the API answers what its contract leaves open; by default the seed's.
            May be replaced at any time.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        start: datetime = DEFAULT_START,
        workspaces: int = 2,
        workflows: int = 12,
        days: int = 60,
        jobs_per_day: float = 1.0,
        mean_results: int = 40,
        dialect: Dialect | None = None,
    ) -> None:
        if days < MIN_DAYS or workspaces < 1 or workflows < 1:
            raise ValueError(f"days must be {MIN_DAYS} or more, workspaces and workflows 1 or more")
        if start.tzinfo is None:
            raise ValueError("start must have a time zone")
        self.seed = seed
        self.start = start.astimezone(UTC)
        self.dialect = dialect or Dialect.from_seed(seed)
        self._now = self.start
        self._lock = threading.RLock()
        self._revoked: set[str] = set()
        self._results = ResultStore(seed, self.start)
        self.workspaces = [make_workspace(seed, index) for index in range(workspaces)]
        self._contents: dict[str, Content] = {}
        for workspace in self.workspaces:
            self._contents[workspace.uid] = make_content(
                seed,
                workspace,
                workflows=workflows,
                days=days,
                jobs_per_day=jobs_per_day,
                mean_results=mean_results,
            )

    @property
    def now(self) -> datetime:
        """The clock, in UTC."""
        return self._now

    @now.setter
    def now(self, moment: datetime) -> None:
        if moment < self.start:
            raise ValueError("the clock cannot show a time before the world's start")
        self._now = moment.astimezone(UTC)

    @property
    def day(self) -> float:
        """The clock, in days since the start."""
        return (self._now - self.start) / timedelta(days=1)

    def advance(self, *, days: float = 0, hours: float = 0) -> datetime:
        """Move the clock on and return what it shows.

        Raises:
            ValueError: If it would go back.
        """
        step = timedelta(days=days, hours=hours)
        if step < timedelta(0):
            raise ValueError("the clock only goes forward")
        with self._lock:
            self._now += step
            return self._now

    def revoke(self, workspace: Workspace) -> None:
        """Make the workspace's key invalid."""
        self._revoked.add(workspace.uid)

    def restore(self, workspace: Workspace) -> None:
        """Make the workspace's key valid again."""
        self._revoked.discard(workspace.uid)

    def key_owner(self, key: str) -> Workspace | None:
        """Return the workspace that a valid key belongs to."""
        for workspace in self.workspaces:
            if workspace.api_key == key and workspace.uid not in self._revoked:
                return workspace
        return None

    def workspace_object(self, workspace: Workspace) -> Json:
        """Return what `GET /workspace` gives."""
        return workspace_object(
            self.seed, workspace.index, workspace.name, day=self.day, start=self.start
        )

    def users(self, workspace: Workspace, *, role: str | None = None) -> list[Json]:
        """Return the members, all or those of a role."""
        day = self.day
        return [
            dict(member.data)
            for member in self._contents[workspace.uid].members
            if member.joins <= day and role in {None, member.role}
        ]

    def workflows(self, workspace: Workspace) -> list[Json]:
        """Return what `GET /workflows` lists."""
        day = self.day
        return [
            workflow.listing(day, self.start)
            for workflow in self._contents[workspace.uid].workflows
            if workflow.exists(day)
        ]

    def details(self, workspace: Workspace, workflow_uid: str) -> Json:
        """Return what `GET /workflows/{uid}/details` gives.

        Raises:
            NotFoundError: If the workflow does not exist now.
        """
        return self._workflow(workspace, workflow_uid).details(self.day)

    def listed_jobs(self, workspace: Workspace, workflow_uid: str) -> list[Json]:
        """Return all jobs that `GET /workflows/{uid}/jobs` lists, newest first.

        Raises:
            NotFoundError: If the workflow does not exist now.
        """
        with self._lock:
            self._workflow(workspace, workflow_uid)
            day = self.day
            jobs = self._contents[workspace.uid].schedule.listed(workflow_uid, day, "newest")
            return [self._render(job, day) for job in jobs]

    def jobs_page(
        self, workspace: Workspace, workflow_uid: str, *, first: int, count: int
    ) -> tuple[list[Json], int]:
        """Return a slice of the job list in the dialect's order, and the list's length.

        Raises:
            NotFoundError: If the workflow does not exist now.
        """
        with self._lock:
            self._workflow(workspace, workflow_uid)
            day = self.day
            schedule = self._contents[workspace.uid].schedule
            jobs = schedule.listed(workflow_uid, day, self.dialect.jobs_order)
            page = [self._render(job, day) for job in jobs[first : first + count]]
            return page, len(jobs)

    def all_jobs(self, workspace: Workspace) -> list[Json]:
        """Return every job that has appeared so far, listed or not, newest first."""
        with self._lock:
            day = self.day
            jobs = self._contents[workspace.uid].schedule.appeared(day)
            return [self._render(job, day) for job in jobs]

    def job(self, workspace: Workspace, job_uid: str) -> Json | None:
        """Return what `GET /jobs/{uid}` gives, or None."""
        with self._lock:
            day = self.day
            job = self._contents[workspace.uid].schedule.find(job_uid, day)
            return None if job is None else self._render(job, day)

    def results(self, workspace: Workspace, job_uid: str) -> list[Json]:
        """Return all rows that a job has now, in order.

        Raises:
            NotFoundError: If there is no such job.
        """
        with self._lock:
            job, kind = self._job(workspace, job_uid)
            return self._results.rows(job.state(self.day).segments, kind)

    def results_page(
        self, workspace: Workspace, job_uid: str, *, first: int, count: int
    ) -> tuple[list[bytes], int]:
        """Return a slice of a job's rows as JSON, and how many rows it has now.

        Raises:
            NotFoundError: If there is no such job.
        """
        with self._lock:
            job, kind = self._job(workspace, job_uid)
            state = job.state(self.day)
            rows = self._results.encoded(
                state.segments,
                kind,
                first=first,
                last=first + count,
                ascii_json=self.dialect.ascii_json,
            )
            return rows, state.row_count

    def _render(self, job: Job, day: float) -> Json:
        return job.render(day, self.start, self.dialect)

    def _workflow(self, workspace: Workspace, workflow_uid: str) -> Workflow:
        for workflow in self._contents[workspace.uid].workflows:
            if workflow.uid == workflow_uid and workflow.exists(self.day):
                return workflow
        raise NotFoundError("Workflow not found")

    def _job(self, workspace: Workspace, job_uid: str) -> tuple[Job, Kind]:
        content = self._contents[workspace.uid]
        job = content.schedule.find(job_uid, self.day)
        if job is None:
            raise NotFoundError("Job not found")
        return job, content.workflows[job.workflow_index].kind
