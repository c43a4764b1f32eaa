"""Uids of flows and of their runs, told apart from those of actions and runs.

Each list of the API has uids of its own: a flow run may have the uid of a run. In the warehouse,
and everywhere but in calls, the uid of a flow or of a flow run begins with `flow:`. So no other uid
may: workflows, jobs and runs whose own uid begins so are set aside.
"""

from __future__ import annotations

from typing import TypeGuard

__all__ = ["PREFIX", "flow_key", "is_flow", "raw_uid"]

PREFIX = "flow:"


def flow_key(uid: object) -> str:
    """The uid of a flow, or of a flow run, as it is stored."""
    return f"{PREFIX}{uid}"


def raw_uid(key: str) -> str:
    """The uid as the API knows it."""
    return key.removeprefix(PREFIX)


def is_flow(key: str | None) -> TypeGuard[str]:
    """Whether a stored uid is that of a flow, or of a flow run."""
    return key is not None and key.startswith(PREFIX)
