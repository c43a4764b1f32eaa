"""Flows of a world, as Edges shows them."""

from __future__ import annotations

from captaindata_source.sandbox.catalogue import KINDS
from captaindata_source.sandbox.contents import Workspace
from captaindata_source.sandbox.flows import FlowBook, FlowRun
from captaindata_source.sandbox.jobs import total
from captaindata_source.sandbox.planted import secrets_in
from captaindata_source.sandbox.world_base import Json, NotFoundError, WorldBase


class WorldFlows:
    """Runs of flows.

    Args:
        world: The world.
    """

    def __init__(self, world: WorldBase) -> None:
        self._world = world

    def runs(self, workspace: Workspace) -> list[Json]:
        """Return every flow run that is there now, newest first, with secrets among its fields."""
        world = self._world
        with world.lock:
            return [
                run.render(
                    world.day,
                    seed=world.seed,
                    start=world.start,
                    style=world.dialect.v4_time_style,
                    workspace_uid=workspace.uid,
                )
                for run in self._book(workspace).listed(world.day)
            ]

    def outputs(self, workspace: Workspace, uid: str) -> list[bytes]:
        """Return all outputs that a flow run has now, as JSON.

        Raises:
            NotFoundError: If there is no such flow run.
        """
        world = self._world
        with world.lock:
            run = self._run(workspace, uid)
            segments = run.segments(world.day)
            kind = KINDS[run.flow.number % len(KINDS)]
            return world.result_store.encoded(
                segments,
                kind,
                world.population(workspace),
                first=0,
                last=total(segments),
                ascii_json=world.dialect.ascii_json,
            )

    def remove(self, workspace: Workspace, uid: str) -> None:
        """Delete a flow run for good.

        Raises:
            NotFoundError: If there is no such flow run.
        """
        with self._world.lock:
            self._run(workspace, uid)
            self._book(workspace).remove(uid)

    def secrets(self) -> list[str]:
        """Return every text with a planted secret that these show now."""
        return [
            text
            for workspace in self._world.workspaces
            for text in secrets_in(self.runs(workspace))
        ]

    def _run(self, workspace: Workspace, uid: str) -> FlowRun:
        run = self._book(workspace).find(uid, self._world.day)
        if run is None:
            raise NotFoundError("Flow run not found")
        return run

    def _book(self, workspace: Workspace) -> FlowBook:
        return self._world.content(workspace).flows
