"""Runs, members and integrations of API v4 as records with the names of the warehouse's columns."""

from __future__ import annotations

import msgspec

from captaindata_source.api.base import Record
from captaindata_source.api.statuses import PARTIAL, Statuses

__all__ = ["integration_names", "job", "member", "message", "plain_identity"]

LIVE = Statuses(["LIVE"])
"""Execution mode of runs that answer their caller and keep no outputs."""
COLUMN_OF = {
    "action_name": "workflow_uid",
    "parameters": "configuration",
    "output_count": "row_count",
    "started_at": "start_time",
    "finished_at": "finish_time",
}
"""What v3 calls by another name."""
NOT_LOADED = ("callback", "workspace_uid")
"""Addresses that are called with results are often secrets; the workspace is known."""
MEMBER_FIELDS = (
    "uid",
    "email",
    "first_name",
    "last_name",
    "full_name",
    "timezone",
    "role",
    "roles",
    "created_at",
)


class _LastError(msgspec.Struct):
    message: str | None = None
    label: str | None = None


class _Integration(msgspec.Struct, omit_defaults=True):
    uid: str | int | None = None
    name: str | None = None
    integration_permalink: str | None = None
    permalink: str | None = None
    status: str | None = None


_decode_last_error = msgspec.json.Decoder(_LastError).decode
_decode_integrations = msgspec.json.Decoder(list[_Integration | str]).decode
_decode_roles = msgspec.json.Decoder(list[str]).decode


def job(run: Record) -> Record:
    """The job that a run is."""
    found = {
        COLUMN_OF.get(name, name): value
        for name, value in run.items()
        if not name.startswith(NOT_LOADED)
    }
    error = run.get("last_error")
    return {
        **found,
        "workflow_name": run.get("action_name"),
        "scheduled_time": run.get("postponed_until") or run.get("created_at"),
        "last_error": error if isinstance(error, msgspec.Raw) else None,
        "error_message": message(error),
        "is_partial": run.get("status") in PARTIAL,
        "has_results": run.get("execution_mode") not in LIVE,
    }


def member(user: Record) -> Record:
    """A member with the documented fields alone."""
    found = {name: user[name] for name in MEMBER_FIELDS if name in user}
    return {**found, "role": _role(user)}


def plain_identity(identity: Record) -> Record:
    """An identity whose integrations hold names and states alone; None where they can't be read."""
    integrations = identity.get("integrations")
    if not isinstance(integrations, msgspec.Raw):
        return identity
    try:
        plain = msgspec.Raw(msgspec.json.encode(_decode_integrations(integrations)))
    except msgspec.DecodeError:
        plain = None
    return {**identity, "integrations": plain}


def message(error: object) -> str | None:
    """What an error says: its message, else its label."""
    if not isinstance(error, msgspec.Raw):
        return None if error is None else str(error)
    try:
        found = _decode_last_error(error)
    except msgspec.DecodeError:
        return None
    return found.message or found.label


def _role(user: Record) -> object:
    roles = user.get("roles")
    if user.get("role") is not None or not isinstance(roles, msgspec.Raw):
        return user.get("role")
    try:
        return next(iter(_decode_roles(roles)), None)
    except msgspec.DecodeError:
        return None


def integration_names(integrations: object) -> list[str]:
    """Names by which the API knows the integrations of an identity."""
    if not isinstance(integrations, msgspec.Raw):
        return []
    try:
        found = _decode_integrations(integrations)
    except msgspec.DecodeError:
        return []
    names = [
        each if isinstance(each, str) else each.integration_permalink or each.permalink or each.name
        for each in found
    ]
    return list(dict.fromkeys(filter(None, names)))
