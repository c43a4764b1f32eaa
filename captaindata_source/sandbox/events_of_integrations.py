"""Webhooks about LinkedIn integrations: an account was connected, has failed or was removed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from captaindata_source.sandbox.contents import Workspace
from captaindata_source.sandbox.event_drafts import Draft, EventOptions
from captaindata_source.sandbox.identities import NEVER, Identity, Integration
from captaindata_source.sandbox.planted import secret
from captaindata_source.sandbox.results import dumps
from captaindata_source.sandbox.rng import stream, uid
from captaindata_source.sandbox.runs import number_of
from captaindata_source.sandbox.world import World

Json = dict[str, Any]

LINKEDIN = ("linkedin", "salesnavigator")
CONNECTED = frozenset({"VALID", "LIMIT_REACHED"})
"""Statuses of accounts that are logged in: a change from one to the other is no event."""
ACTIONS = {"AUTH_FAILED": "RETRY_LOGIN", "AUTH_EXPIRED": "RETRY_LOGIN"}


class _Change(NamedTuple):
    day: float
    event: str


def integration_events(
    world: World, workspace: Workspace, start: float, end: float, *, options: EventOptions
) -> Iterator[Draft]:
    """Yield the webhooks about LinkedIn integrations of a workspace."""
    del options
    for identity in world.content(workspace).identities:
        for integration in identity.integrations:
            if integration.permalink in LINKEDIN:
                for order, change in enumerate(_changes(identity, integration)):
                    if start < change.day <= end:
                        yield _draft(
                            world, workspace, identity, integration, change=change, order=order
                        )


def _changes(identity: Identity, integration: Integration) -> Iterator[_Change]:
    yield _Change(max(identity.comes, integration.created), "AUTH_SUCCESS")
    before = "VALID"
    for day, status in integration.changes:
        if day < identity.goes and not CONNECTED.issuperset({before, status}):
            yield _Change(max(day, identity.comes), _event(integration, status))
        before = status
    if identity.goes < NEVER:
        yield _Change(identity.goes, "DELETED")


def _event(integration: Integration, status: str) -> str:
    if status in CONNECTED:
        return "AUTH_SUCCESS"
    if status == "PENDING":
        return "AUTH_PENDING"
    return "AUTH_EXPIRED" if number_of(integration.uid) % 2 else "AUTH_FAILED"


def _draft(
    world: World,
    workspace: Workspace,
    identity: Identity,
    integration: Integration,
    *,
    change: _Change,
    order: int,
) -> Draft:
    rng = stream(world.seed, "integration event", integration.uid, order)
    event_uid = uid(rng)
    link = f"https://app.example.com/connect/{integration.permalink}?token={secret(rng)}"

    def body() -> bytes:
        event: Json = {
            "event": change.event,
            "action_to_be_taken": ACTIONS.get(change.event),
            "identity_uid": identity.uid,
            "integration_uid": integration.uid,
            "integration_permalink": integration.permalink,
            "workspace_uid": workspace.uid,
            "login_link": link if change.event in ACTIONS else None,
        }
        return dumps(event, ascii_json=world.dialect.ascii_json)

    return Draft(
        day=change.day,
        order=order,
        kind="integration",
        subject=identity.uid,
        uid=event_uid,
        body=body,
    )
