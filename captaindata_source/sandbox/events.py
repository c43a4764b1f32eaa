"""What the API sends by itself: webhooks about jobs, callbacks of runs, changes of integrations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from captaindata_source.sandbox.contents import Workspace
from captaindata_source.sandbox.event_drafts import Draft, Drafts, EventKind, EventOptions
from captaindata_source.sandbox.events_of_integrations import integration_events
from captaindata_source.sandbox.events_of_jobs import job_events
from captaindata_source.sandbox.events_of_runs import run_events
from captaindata_source.sandbox.world import World
from captaindata_source.sandbox.world_base import Generation

__all__ = ["Event", "EventOptions", "config_name", "events_between", "moment_of"]

SOURCES: dict[Generation, tuple[Drafts, ...]] = {
    "v3": (job_events,),
    "v4": (run_events, integration_events),
}
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event.

    Attributes:
        moment: When it happens, by the world's clock.
        workspace: Name of the workspace in the connector's configuration, such as `acme`.
        kind: What happened.
        subject: Uid of the job, run or identity.
        uid: The same each time that the event is sent, and of no other event. Callbacks carry it as
            `callback_ref_uid`, webhooks about jobs as `uid`.
        body: JSON.
    """

    moment: datetime
    workspace: str
    kind: EventKind
    subject: str
    uid: str
    body: bytes = field(repr=False)


def events_between(
    world: World,
    workspace: Workspace,
    start: datetime,
    end: datetime,
    *,
    generation: Generation = "v4",
    options: EventOptions | None = None,
    name: str | None = None,
) -> Iterator[Event]:
    """Yield the events after `start` and until `end`, in their order.

    Each body tells the state at the moment of its event, wherever the world's clock stands. It is
    made when the event is yielded.

    Args:
        world: The world.
        workspace: The workspace.
        start: Events of this moment are left out.
        end: Events of this moment are included.
        generation: v3 has webhooks about jobs, v4 callbacks of runs and changes of LinkedIn
            integrations.
        options: Which events, and what they carry.
        name: The workspace's name in the events; by default `config_name`.
    """
    chosen = options or EventOptions()
    called = name or config_name(workspace)
    days = [(moment - world.start) / timedelta(days=1) for moment in (start, end)]
    with world.lock:
        drafts = [
            draft
            for source in SOURCES[generation]
            for draft in source(world, workspace, days[0], days[1], options=chosen)
        ]
    drafts.sort(key=_place)
    for draft in drafts:
        with world.lock:
            body = draft.body()
        yield Event(
            moment=moment_of(world, draft.day),
            workspace=called,
            kind=draft.kind,
            subject=draft.subject,
            uid=draft.uid,
            body=body,
        )


def config_name(workspace: Workspace) -> str:
    """Return the name that a workspace has in the example configuration, such as `acme`."""
    return workspace.name.split()[0].lower()


def moment_of(world: World, day: float) -> datetime:
    """Return the first moment at which the world's clock has reached a day."""
    moment = world.start + timedelta(days=day)
    while (moment - world.start) / timedelta(days=1) < day:
        moment += MICROSECOND
    return moment


def _place(draft: Draft) -> tuple[float, str, int]:
    return draft.day, draft.subject, draft.order
