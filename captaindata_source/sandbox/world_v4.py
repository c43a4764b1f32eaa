"""The world as v4 of the API shows it."""

from __future__ import annotations

from collections.abc import Mapping

from captaindata_source.sandbox.contents import Workspace
from captaindata_source.sandbox.identities import Identity
from captaindata_source.sandbox.people import workspace_object
from captaindata_source.sandbox.people_v4 import credits_object, member_object
from captaindata_source.sandbox.planted import secrets_in
from captaindata_source.sandbox.run_book import DEFAULT_SORT, RunBook
from captaindata_source.sandbox.run_extras import callback_object, input_objects, schedule_objects
from captaindata_source.sandbox.runs import JobRun, Run
from captaindata_source.sandbox.world_base import Json, NotFoundError, WorldBase

# Deliveries are those of the latest runs only.
CALLBACK_RUNS = 60


class WorldV4(WorldBase):
    """What v4 knows of a world; see `World`."""

    def runs(self, workspace: Workspace) -> list[Json]:
        """Return every run that is there now, newest first, those of v3's jobs and live ones."""
        return self.runs_page(workspace, first=0, count=None)

    def runs_page(
        self,
        workspace: Workspace,
        *,
        first: int,
        count: int | None,
        sort: str = DEFAULT_SORT,
        filters: Mapping[str, str] | None = None,
    ) -> list[Json]:
        """Return a slice of the list of runs; `count` None: to its end."""
        with self._lock:
            book, day = self._book(workspace), self.day
            runs = book.listed(day, sort=sort, filters=filters)
            last = None if count is None else first + count
            return [self._render_run(book, run, day) for run in runs[first:last]]

    def run(self, workspace: Workspace, uid: str) -> Json | None:
        """Return what `GET /runs/{uid}` gives, or None."""
        with self._lock:
            book, day = self._book(workspace), self.day
            run = book.find(uid, day)
            return None if run is None else self._render_run(book, run, day)

    def run_inputs(self, workspace: Workspace, uid: str, *, first: int, count: int) -> list[Json]:
        """Return a slice of a run's inputs.

        Raises:
            NotFoundError: If there is no such run.
        """
        with self._lock:
            book, day = self._book(workspace), self.day
            run = book.find(uid, day)
            if run is None:
                raise NotFoundError("Run not found")
            total = run.job.inputs if isinstance(run, JobRun) else 1
            rendered = self._render_run(book, run, day)
            return input_objects(rendered, count=total, first=first, last=first + count)

    def remove_run(self, workspace: Workspace, uid: str) -> None:
        """Delete a run for good: v4 does not know it any more; v3 keeps its job.

        Raises:
            NotFoundError: If there is no such run.
        """
        with self._lock:
            book = self._book(workspace)
            if book.find(uid, self.day) is None:
                raise NotFoundError("Run not found")
            book.remove(uid)

    def action_name(self, workspace: Workspace, workflow_uid: str) -> str:
        """Return the name of the action that a workflow of v3 is in v4.

        Raises:
            NotFoundError: If the workspace never has such a workflow.
        """
        action = self._book(workspace).actions.get(workflow_uid)
        if action is None:
            raise NotFoundError("Workflow not found")
        return action.name

    def schedules(self, workspace: Workspace) -> list[Json]:
        """Return what `GET /schedules` lists."""
        return schedule_objects(
            self._book(workspace).actions.values(),
            now=self.now,
            start=self.start,
            style=self.dialect.v4_time_style,
        )

    def callbacks(self, workspace: Workspace) -> list[Json]:
        """Return what `GET /runs/callbacks` lists."""
        return [
            callback_object(run)
            for run in self.runs_page(workspace, first=0, count=CALLBACK_RUNS)
            if run["callback"]["url"] and run["finished_at"]
        ]

    def identities(self, workspace: Workspace) -> list[Json]:
        """Return what `GET /identities` lists, with secrets among its fields."""
        day, style = self.day, self.dialect.v4_time_style
        return [
            identity.render(day, self.start, style) for identity in self._identities(workspace, day)
        ]

    def identity_integrations(
        self, workspace: Workspace, *, identity_uid: str | None = None
    ) -> list[Json]:
        """Return the integrations of all identities, or of one, with secrets among their fields."""
        day, style = self.day, self.dialect.v4_time_style
        return [
            integration.details(day, self.start, style, identity.uid)
            for identity in self._identities(workspace, day)
            if identity_uid in {None, identity.uid}
            for integration in identity.integrations
        ]

    def identity_integration(self, workspace: Workspace, identity_uid: str, name: str) -> Json:
        """Return what `GET /identities/{uid}/integrations/{name}` gives.

        Raises:
            NotFoundError: If there is no such identity, or if it has no such integration.
        """
        for found in self.identity_integrations(workspace, identity_uid=identity_uid):
            if found["integration_permalink"] == name:
                return found
        raise NotFoundError("Integration not found")

    def v4_members(self, workspace: Workspace) -> list[Json]:
        """Return the members that `GET /users` of v4 lists on its pages."""
        day = self.day
        return [
            member_object(
                self.seed,
                member,
                workspace.uid,
                start=self.start,
                style=self.dialect.v4_time_style,
            )
            for member in self._contents[workspace.uid].members
            if member.joins <= day
        ]

    def v4_workspace_object(self, workspace: Workspace) -> Json:
        """Return what `GET /workspaces` gives."""
        day = self.day
        tasks = workspace_object(
            self.seed, workspace.index, workspace.name, day=day, start=self.start
        )
        return credits_object(
            workspace.uid,
            tasks,
            identities=len(self._identities(workspace, day)),
            style=self.dialect.v4_time_style,
        )

    def secrets(self) -> list[str]:
        """Return every text with a planted secret that v4 shows now."""
        return [
            text
            for workspace in self.workspaces
            for text in secrets_in(
                self.identities(workspace) + self.identity_integrations(workspace)
            )
        ]

    def _identities(self, workspace: Workspace, day: float) -> list[Identity]:
        identities = self._contents[workspace.uid].identities
        return [identity for identity in identities if identity.exists(day)]

    def _book(self, workspace: Workspace) -> RunBook:
        return self._contents[workspace.uid].runs

    def _render_run(self, book: RunBook, run: Run, day: float) -> Json:
        return run.render(day, self.start, self.dialect.v4_time_style, book.workspace_uid)
