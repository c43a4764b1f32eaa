"""What else the API shows of a world: inputs, schedules, deliveries and consumption."""

from __future__ import annotations

from datetime import datetime

from captaindata_source.sandbox import extras_v4
from captaindata_source.sandbox.contents import Workspace
from captaindata_source.sandbox.inputs import job_inputs, run_inputs
from captaindata_source.sandbox.planted import secrets_in
from captaindata_source.sandbox.runs import JobRun, Run
from captaindata_source.sandbox.world_base import Json, NotFoundError, WorldBase
from captaindata_source.sandbox.world_v4 import WorldV4


class WorldExtras:
    """What both versions show beside the five entities and people.

    Args:
        world: The world.
        v4: The same as v4 shows it.
    """

    def __init__(self, world: WorldBase, v4: WorldV4) -> None:
        self._world = world
        self._v4 = v4

    def job_inputs(self, workspace: Workspace, job_uid: str) -> list[Json]:
        """Return what `GET /jobs/{uid}/inputs` of v3 gives, on one page.

        Raises:
            NotFoundError: If there is no such job.
        """
        with self._world.lock:
            day = self._world.day
            job = self._world.content(workspace).schedule.find(job_uid, day)
            if job is None:
                raise NotFoundError("Job not found")
            return job_inputs(job, day, seed=self._world.seed)

    def run_inputs(self, workspace: Workspace, run_uid: str) -> list[Json]:
        """Return what `GET /runs/{uid}/inputs` of v4 gives, on all pages; a live run has none.

        Raises:
            NotFoundError: If there is no such run.
        """
        with self._world.lock:
            day = self._world.day
            run = self._world.content(workspace).runs.find(run_uid, day)
            if run is None:
                raise NotFoundError("Run not found")
            if not isinstance(run, JobRun):
                return []
            return run_inputs(
                run,
                day,
                seed=self._world.seed,
                start=self._world.start,
                style=self._world.dialect.v4_time_style,
            )

    def schedules(self, workspace: Workspace, kind: extras_v4.ScheduleKind) -> list[Json]:
        """Return what `GET /schedules`, or `/flows/schedules`, lists."""
        world = self._world
        return extras_v4.schedules(
            kind,
            world.content(workspace).runs.actions.values(),
            seed=world.seed,
            workspace_uid=workspace.uid,
            day=world.day,
            start=world.start,
            style=world.dialect.v4_time_style,
        )

    def callbacks(self, workspace: Workspace) -> list[Json]:
        """Return what `GET /runs/callbacks` lists, newest first."""
        world = self._world
        return extras_v4.callbacks(
            self._runs(workspace),
            seed=world.seed,
            workspace_uid=workspace.uid,
            day=world.day,
            start=world.start,
            style=world.dialect.v4_time_style,
        )

    def consumption(self, workspace: Workspace) -> Json:
        """Return what `GET /workspaces/consumption` gives."""
        shown = self._v4.workspace_object(workspace)
        first = datetime.fromisoformat(shown["current_month_start"])
        return extras_v4.consumption(self._runs(workspace), shown, day=self._world.day, first=first)

    def secrets(self) -> list[str]:
        """Return every text with a planted secret that these show now."""
        return [
            text
            for workspace in self._world.workspaces
            for text in secrets_in(
                [
                    *self.schedules(workspace, "action"),
                    *self.schedules(workspace, "flow"),
                    *self.callbacks(workspace),
                ]
            )
        ]

    def _runs(self, workspace: Workspace) -> list[Run]:
        with self._world.lock:
            return self._world.content(workspace).runs.listed(self._world.day)
