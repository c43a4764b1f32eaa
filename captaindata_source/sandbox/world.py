"""The simulated account: workspaces whose whole content is a function of a seed and a clock."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from captaindata_source.sandbox.catalogue import Kind
from captaindata_source.sandbox.contents import Workspace
from captaindata_source.sandbox.identities import account_object
from captaindata_source.sandbox.jobs import Job
from captaindata_source.sandbox.people import PERMALINKS, workspace_object
from captaindata_source.sandbox.planted import secrets_in
from captaindata_source.sandbox.population import Subject
from captaindata_source.sandbox.workflows import Workflow
from captaindata_source.sandbox.world_base import NotFoundError, WorldBase
from captaindata_source.sandbox.world_extras import WorldExtras
from captaindata_source.sandbox.world_flows import WorldFlows
from captaindata_source.sandbox.world_v4 import WorldV4

Json = dict[str, Any]


class World(WorldBase):
    """Everything that the sandbox holds, at the moment that its clock shows.

    The same arguments always bring the same content, however the clock was moved. A world may be
    read and its clock moved from several threads. Both generations of the API show the same
    world.

    Args:
        seed: Chooses the data.
        start: Where the clock starts, in UTC. All times of the data shift with it.
        workspaces: How many workspaces there are.
        workflows: How many workflows each has at the start.
        days: Days of history before the start, at least 10. With fewer than 60, nothing leaves
            the listings in the first days.
        jobs_per_day: Mean number of everyday jobs per workflow and day.
        mean_results: Mean number of rows of a job.
        live_runs_per_day: Mean number of runs per workspace and day that only v4 knows.
        dialect: How the API answers what its contract leaves open; by default the seed's.
            May be replaced at any time.

    Attributes:
        v4: The same as v4 of the API shows it; the other methods are about v3.
        extras: What else both show: inputs, schedules, deliveries, consumption.
        flows: Runs of flows.
    """

    @cached_property
    def v4(self) -> WorldV4:
        return WorldV4(self)

    @cached_property
    def extras(self) -> WorldExtras:
        return WorldExtras(self, self.v4)

    @cached_property
    def flows(self) -> WorldFlows:
        return WorldFlows(self)

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
            for member in self.content(workspace).members
            if member.joins <= day and role in {None, member.role}
        ]

    def accounts(self, workspace: Workspace, name: str) -> list[Json]:
        """Return the members' accounts of an integration, with secrets among their fields.

        Raises:
            NotFoundError: If there is no such integration.
        """
        if name not in PERMALINKS:
            raise NotFoundError("Integration not found")
        return [
            account_object(self.seed, member, account, start=self.start)
            for member in self.users(workspace)
            for account in member["accounts"]
            if account["application_permalink"] == name
        ]

    def workflows(self, workspace: Workspace) -> list[Json]:
        """Return what `GET /workflows` lists."""
        day = self.day
        return [
            workflow.listing(day, self.start)
            for workflow in self.content(workspace).workflows
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
        with self.lock:
            self._workflow(workspace, workflow_uid)
            day = self.day
            jobs = self.content(workspace).schedule.listed(workflow_uid, day, "newest")
            return [self._render(job, day) for job in jobs]

    def jobs_page(
        self, workspace: Workspace, workflow_uid: str, *, first: int, count: int
    ) -> tuple[list[Json], int]:
        """Return a slice of the job list in the dialect's order, and the list's length.

        Raises:
            NotFoundError: If the workflow does not exist now.
        """
        with self.lock:
            self._workflow(workspace, workflow_uid)
            day = self.day
            schedule = self.content(workspace).schedule
            jobs = schedule.listed(workflow_uid, day, self.dialect.jobs_order)
            page = [self._render(job, day) for job in jobs[first : first + count]]
            return page, len(jobs)

    def all_jobs(self, workspace: Workspace) -> list[Json]:
        """Return every job that has appeared so far, listed or not, newest first."""
        with self.lock:
            day = self.day
            jobs = self.content(workspace).schedule.appeared(day)
            return [self._render(job, day) for job in jobs]

    def job(self, workspace: Workspace, job_uid: str) -> Json | None:
        """Return what `GET /jobs/{uid}` gives, or None."""
        with self.lock:
            day = self.day
            job = self.content(workspace).schedule.find(job_uid, day)
            return None if job is None else self._render(job, day)

    def results(self, workspace: Workspace, job_uid: str) -> list[Json]:
        """Return all rows that a job has now, in order.

        Raises:
            NotFoundError: If there is no such job.
        """
        with self.lock:
            job, kind = self._job(workspace, job_uid)
            return self._results.rows(
                job.state(self.day).segments, kind, self.population(workspace)
            )

    def subjects(self, workspace: Workspace, job_uid: str) -> list[Subject | None]:
        """Return who each row of `results` is about; None: nobody who can come back.

        Raises:
            NotFoundError: If there is no such job.
        """
        with self.lock:
            job, kind = self._job(workspace, job_uid)
            return self._results.subjects(
                job.state(self.day).segments, kind, self.population(workspace)
            )

    def results_page(
        self, workspace: Workspace, job_uid: str, *, first: int, count: int
    ) -> tuple[list[bytes], int]:
        """Return a slice of a job's rows as JSON, and how many rows it has now.

        Raises:
            NotFoundError: If there is no such job.
        """
        with self.lock:
            job, kind = self._job(workspace, job_uid)
            state = job.state(self.day)
            rows = self._results.encoded(
                state.segments,
                kind,
                self.population(workspace),
                first=first,
                last=first + count,
                ascii_json=self.dialect.ascii_json,
            )
            return rows, state.row_count

    def secrets(self) -> list[str]:
        """Return every text with a planted secret that the API shows now, in v3 or in v4."""
        accounts = [
            account
            for workspace in self.workspaces
            for name in PERMALINKS
            for account in self.accounts(workspace, name)
        ]
        more = (self.v4, self.extras, self.flows)
        return [*(text for each in more for text in each.secrets()), *secrets_in(accounts)]

    def _render(self, job: Job, day: float) -> Json:
        return job.render(day, self.start, self.dialect)

    def _workflow(self, workspace: Workspace, workflow_uid: str) -> Workflow:
        for workflow in self.content(workspace).workflows:
            if workflow.uid == workflow_uid and workflow.exists(self.day):
                return workflow
        raise NotFoundError("Workflow not found")

    def _job(self, workspace: Workspace, job_uid: str) -> tuple[Job, Kind]:
        content = self.content(workspace)
        job = content.schedule.find(job_uid, self.day)
        if job is None:
            raise NotFoundError("Job not found")
        return job, content.workflows[job.workflow_index].kind
