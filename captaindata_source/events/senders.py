"""Who may send events of a workspace."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Mapping

from captaindata_source.http import Secret

__all__ = ["is_local", "may_send"]

FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


def may_send(secret: Secret | None, headers: Mapping[str, str], client: str | None) -> bool:
    """Whether a request may tell of a workspace.

    Args:
        secret: Of the workspace: as a bearer token, as a key, or as the password of basic
            authentication, with any user. None: only this machine may send, without a proxy.
        headers: Of the request, by names in lower case.
        client: Address that it came from.
    """
    if secret is None:
        return is_local(client) and not any(name in headers for name in FORWARDED)
    scheme, _, value = headers.get("authorization", "").strip().partition(" ")
    value = value.strip()
    given = [value] if scheme.lower() == "bearer" else []
    if scheme.lower() == "basic":
        text = _basic(value)
        given = [text, text.partition(":")[2]]
    expected = secret.reveal().encode()
    return any(hmac.compare_digest(each.encode(), expected) for each in given)


def is_local(host: str | None) -> bool:
    """Whether an address is of this machine alone."""
    if host == "localhost":
        return True
    try:
        return host is not None and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _basic(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""
