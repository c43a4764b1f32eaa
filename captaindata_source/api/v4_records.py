"""Runs, members and integrations of API v4 as records with the names of the warehouse's columns."""

from __future__ import annotations

import msgspec

from captaindata_source.api.base import Record
from captaindata_source.api.statuses import PARTIAL, Statuses

__all__ = ["integrations_of", "job", "member", "message", "plain_identity"]

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
LOGIN_LINKS = "identity_login_links"
"""Addresses that log in whoever opens them."""
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


class _Account(msgspec.Struct):
    type: str | None = None
    status: str | None = None


class _Parameters(msgspec.Struct):
    sync_mode: str | None = None


class _Integration(msgspec.Struct, omit_defaults=True):
    uid: str | int | None = None
    name: str | None = None
    integration_permalink: str | None = None
    permalink: str | None = None
    status: str | None = None


_decode_last_error = msgspec.json.Decoder(_LastError).decode
_decode_accounts = msgspec.json.Decoder(list[_Account]).decode
_decode_parameters = msgspec.json.Decoder(_Parameters).decode
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
    if isinstance(info := run.get("last_info"), str):
        found["last_info"] = msgspec.Raw(msgspec.json.encode(info))
    if mode := _sync_mode(run):  # a run without one stays as an earlier version hashed it
        found["sync_mode"] = mode
    return {
        **found,
        "workflow_name": run.get("action_name"),
        "scheduled_time": run.get("postponed_until") or run.get("created_at"),
        "last_error": error if isinstance(error, msgspec.Raw) else None,
        "error_message": message(error),
        "is_partial": run.get("status") in PARTIAL,
        "has_results": run.get("execution_mode") not in LIVE,
    }


def _sync_mode(run: Record) -> object:
    parameters = run.get("parameters")
    if run.get("sync_mode") is not None or not isinstance(parameters, msgspec.Raw):
        return run.get("sync_mode")
    try:
        return _decode_parameters(parameters).sync_mode
    except msgspec.DecodeError:
        return None


def member(user: Record) -> Record:
    """A member with the documented fields alone."""
    found = {name: user[name] for name in MEMBER_FIELDS if name in user}
    return {**found, "role": _role(user)}


def plain_identity(identity: Record) -> Record:
    """An identity whose integrations hold names and states alone; None where they can't be read."""
    identity = {name: each for name, each in identity.items() if name != LOGIN_LINKS}
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


def integrations_of(identity: Record) -> dict[str, Record | None]:
    """Names of an identity's integrations, to what its accounts say of them; None: nothing."""
    accounts = {each.type.lower(): each for each in _accounts(identity) if each.type}
    names = _integration_names(identity.get("integrations"))
    named = {name.lower() for name in names}
    names += [each.type for key, each in accounts.items() if each.type and key not in named]
    return {
        name: {"name": name, "status": account.status}
        if (account := accounts.get(name.lower()))
        else None
        for name in names
    }


def _accounts(identity: Record) -> list[_Account]:
    accounts = identity.get("accounts")
    if not isinstance(accounts, msgspec.Raw):
        return []
    try:
        return _decode_accounts(accounts)
    except msgspec.DecodeError:
        return []


def _integration_names(integrations: object) -> list[str]:
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
