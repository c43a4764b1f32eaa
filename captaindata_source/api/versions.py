"""The versions of the API, and what has to be known of one before a call is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from captaindata_source.api import v3, v4
from captaindata_source.api.base import Api
from captaindata_source.errors import Problem
from captaindata_source.http import HttpClient
from captaindata_source.issues import IssueLog

__all__ = ["DEFAULT_VERSION", "VERSIONS", "Version", "sibling_url"]

DEFAULT_VERSION = "v3"


class _Open(Protocol):
    def __call__(self, client: HttpClient, issues: IssueLog, *, workspace_uid: str) -> Api: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of the API.

    Args:
        base_url: Where the vendor serves it.
        key_header: Name of the header that carries the key.
        key_value: The header's value, from the key.
        headers: What else every call carries, from the workspace's UID.
        open: Makes the API of a workspace; sends nothing.
        route_of: Path of a call to the class of routes that a rate limit counts together.
        explain: What the body of an error says.
        extra_tables: Those of `EXTRA_TABLES` that it has anything for.
    """

    base_url: str
    key_header: str
    key_value: Callable[[str], str]
    headers: Callable[[str], Mapping[str, str]]
    open: _Open
    route_of: Callable[[str], str] = lambda _path: ""
    explain: Callable[[bytes], Problem | None] | None = None
    extra_tables: frozenset[str] = frozenset()


def _open_v3(client: HttpClient, issues: IssueLog, *, workspace_uid: str) -> Api:  # noqa: ARG001
    return v3.V3Api(client, issues)


def _open_v4(client: HttpClient, issues: IssueLog, *, workspace_uid: str) -> Api:
    return v4.V4Api(client, issues, workspace_uid=workspace_uid)


VERSIONS: Mapping[str, Version] = {
    "v3": Version(
        base_url=v3.DEFAULT_BASE_URL,
        key_header=v3.KEY_HEADER,
        key_value=v3.key_value,
        headers=lambda uid: {"x-project-id": uid},
        open=_open_v3,
        extra_tables=v3.EXTRA_TABLES,
    ),
    "v4": Version(
        base_url=v4.DEFAULT_BASE_URL,
        key_header=v4.KEY_HEADER,
        key_value=lambda key: key,
        headers=lambda _uid: {},
        open=_open_v4,
        route_of=v4.route_of,
        explain=v4.explain,
        extra_tables=v4.EXTRA_TABLES,
    ),
}


def sibling_url(base_url: str, version: str, other: str) -> str | None:
    """Where another version of the API is likely to be served; None where nobody can tell.

    Args:
        base_url: Of a version.
        version: The version.
        other: The other one.
    """
    if base_url == VERSIONS[version].base_url:
        return VERSIONS[other].base_url
    root, _, last = base_url.rstrip("/").rpartition("/")
    return f"{root}/{other}" if last == version else None
