"""The world as v4 of the API shows it."""

from __future__ import annotations

from captaindata_source.sandbox.contents import Workspace
from captaindata_source.sandbox.identities import Identity
from captaindata_source.sandbox.jobs import Segment, total
from captaindata_source.sandbox.people import (
    member_object_v4,
    workspace_object,
    workspace_object_v4,
)
from captaindata_source.sandbox.planted import secrets_in
from captaindata_source.sandbox.run_book import DEFAULT_SORT, Filters, RunBook
from captaindata_source.sandbox.runs import Batch, JobRun, Run
from captaindata_source.sandbox.world_base import Json, NotFoundError, WorldBase


class WorldV4:
    """What v4 shows of a world.

    Args:
        world: The world.
    """

    def __init__(self, world: WorldBase) -> None:
        self._world = world

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
        filters: Filters | None = None,
    ) -> list[Json]:
        """Return a slice of the list of runs; `count` None: to its end."""
        with self._world.lock:
            book, day = self._book(workspace), self._world.day
            runs = book.listed(day, sort=sort, filters=filters)
            last = None if count is None else first + count
            return [self._render_run(book, run, day) for run in runs[first:last]]

    def run(self, workspace: Workspace, uid: str) -> Json | None:
        """Return what `GET /runs/{uid}` gives, or None."""
        with self._world.lock:
            book, day = self._book(workspace), self._world.day
            run = book.find(uid, day)
            return None if run is None else self._render_run(book, run, day)

    def remove_run(self, workspace: Workspace, uid: str) -> None:
        """Delete a run for good: v4 does not know it any more; v3 keeps its job.

        Raises:
            NotFoundError: If there is no such run.
        """
        with self._world.lock:
            book = self._book(workspace)
            if book.find(uid, self._world.day) is None:
                raise NotFoundError("Run not found")
            book.remove(uid)

    def continue_run(
        self, workspace: Workspace, uid: str, *, rows: int | None = None, hours: float = 1.0
    ) -> None:
        """Make a run incremental; with a number of rows it runs again and brings so many.

        Args:
            workspace: The workspace.
            uid: A run that keeps its outputs.
            rows: What it brings; None: it is only made incremental.
            hours: How long it takes from now on.

        Raises:
            NotFoundError: If there is no such run.
            ValueError: If it can't be continued now.
        """
        with self._world.lock:
            book, day = self._book(workspace), self._world.day
            run = book.find(uid, day)
            if run is None:
                raise NotFoundError("Run not found")
            batch = None
            if rows is not None:
                ends = day + hours / 24
                number = len(run.batches) if isinstance(run, JobRun) else 0
                stream = f"{uid}/continued {number}"
                segments = (Segment(stream, day, ends, rows, 0, rows),) if rows else ()
                batch = Batch(day, ends, segments)
            book.continue_run(uid, batch)

    def outputs_page(
        self, workspace: Workspace, uid: str, *, first: int, count: int
    ) -> tuple[list[bytes], int]:
        """Return a slice of a run's outputs as JSON, and how many there are now.

        Raises:
            NotFoundError: If there is no such run.
        """
        with self._world.lock:
            day, dialect = self._world.day, self._world.dialect
            run = self._book(workspace).find(uid, day)
            if not isinstance(run, JobRun):
                raise NotFoundError("Run not found")
            rows = self.outputs_of(workspace, run, day, first=first, last=first + count)
            all_answers = dialect.continued_outputs == "all"
            return rows, total(run.outputs(day, all_answers=all_answers))

    def outputs_of(
        self, workspace: Workspace, run: JobRun, day: float, *, first: int, last: int
    ) -> list[bytes]:
        """Return outputs `first` to `last` (exclusive) that a run has on `day`, as JSON."""
        dialect = self._world.dialect
        return self._world.result_store.encoded(
            run.outputs(day, all_answers=dialect.continued_outputs == "all"),
            self._world.content(workspace).workflows[run.job.workflow_index].kind,
            self._world.population(workspace),
            first=first,
            last=last,
            ascii_json=dialect.ascii_json,
        )

    def action_name(self, workspace: Workspace, workflow_uid: str) -> str:
        """Return the name of the action that a workflow of v3 is in v4.

        Raises:
            NotFoundError: If the workspace never has such a workflow.
        """
        action = self._book(workspace).actions.get(workflow_uid)
        if action is None:
            raise NotFoundError("Workflow not found")
        return action.name

    def identities(self, workspace: Workspace, *, with_accounts: bool = False) -> list[Json]:
        """Return what `GET /identities` lists, with secrets among its fields.

        Args:
            workspace: The workspace.
            with_accounts: As the parameter `retrieve_accounts`; without it nobody has any.
        """
        day, style = self._world.day, self._world.dialect.v4_time_style
        return [
            {k: v for k, v in shown.items() if with_accounts or k != "accounts"}
            for identity in self._identities(workspace, day)
            for shown in [identity.render(day, self._world.start, style)]
        ]

    def identity_integrations(
        self, workspace: Workspace, *, identity_uid: str | None = None
    ) -> list[Json]:
        """Return the integrations of all identities, or of one, with secrets among their fields."""
        day, style = self._world.day, self._world.dialect.v4_time_style
        return [
            integration.details(day, self._world.start, style, identity.uid)
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

    def members(self, workspace: Workspace) -> list[Json]:
        """Return the members that `GET /users` lists on its pages."""
        day = self._world.day
        return [
            member_object_v4(
                self._world.seed,
                member,
                workspace.uid,
                start=self._world.start,
                style=self._world.dialect.v4_time_style,
            )
            for member in self._world.content(workspace).members
            if member.joins <= day
        ]

    def workspace_object(self, workspace: Workspace) -> Json:
        """Return what `GET /workspaces` gives."""
        day = self._world.day
        tasks = workspace_object(
            self._world.seed, workspace.index, workspace.name, day=day, start=self._world.start
        )
        return workspace_object_v4(
            workspace.uid,
            tasks,
            identities=len(self._identities(workspace, day)),
            style=self._world.dialect.v4_time_style,
        )

    def secrets(self) -> list[str]:
        """Return every text with a planted secret that v4 shows now."""
        return [
            text
            for workspace in self._world.workspaces
            for text in secrets_in(
                self.identities(workspace) + self.identity_integrations(workspace)
            )
        ]

    def _identities(self, workspace: Workspace, day: float) -> list[Identity]:
        identities = self._world.content(workspace).identities
        return [identity for identity in identities if identity.exists(day)]

    def _book(self, workspace: Workspace) -> RunBook:
        return self._world.content(workspace).runs

    def _render_run(self, book: RunBook, run: Run, day: float) -> Json:
        return run.render(
            day, self._world.start, self._world.dialect.v4_time_style, book.workspace_uid
        )
