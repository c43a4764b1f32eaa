"""The versions of the API, and what has to be known of one before a call is sent."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import unquote, urlsplit

from captaindata_source.api import v3, v4
from captaindata_source.api.base import Api, Record
from captaindata_source.errors import Problem
from captaindata_source.http import HttpClient
from captaindata_source.issues import IssueLog

__all__ = [
    "DEFAULT_VERSION",
    "VERSIONS",
    "Version",
    "is_other_product",
    "is_same_root",
    "sibling_url",
]

DEFAULT_VERSION = "v3"
OTHER_PRODUCT = "https://api.captaindata.com/v1"
"""Synchronous enrichment, which has no runs, outputs or identities (vendor's documentation)."""
UID_OPTION = "project_uid"
DEFAULT_PORTS = {"https": 443, "http": 80}


class _Open(Protocol):
    def __call__(
        self,
        client: HttpClient,
        issues: IssueLog,
        *,
        workspace_uid: str | None,
        workspace: Record | None = None,
        calls: int = 0,
        told_by: str = UID_OPTION,
        has_flows: bool = False,
    ) -> Api: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of the API.

    Args:
        base_url: Where the vendor serves it.
        key_header: Name of the header that carries the key.
        key_value: The header's value, from the key.
        headers: What else every call carries, from the workspace's UID.
        open: Makes the API of a workspace; sends nothing. `workspace` is what `Api.workspace` gave
            already, with so many `calls`; `told_by` is what names `workspace_uid`, for errors;
            `has_flows`: whether flows are loaded.
        route_of: Path of a call to the class of routes that a rate limit counts together.
        explain: What the body of an error says.
        extra_tables: Those of `EXTRA_TABLES` that it has anything for.
        has_flows: Whether it has flows.
        stored_as: The version that `sync_runs.api_version` names; None: its own name.
        names_workspace: Whether the API says which workspace a key belongs to.
        lists_workflows: See `Api`.
    """

    base_url: str
    key_header: str
    key_value: Callable[[str], str]
    headers: Callable[[str], Mapping[str, str]]
    open: _Open
    route_of: Callable[[str], str] = lambda _path: ""
    explain: Callable[[bytes], Problem | None] | None = None
    extra_tables: frozenset[str] = frozenset()
    has_flows: bool = False
    stored_as: str | None = None
    names_workspace: bool = False
    lists_workflows: bool = True


def _open_v3(
    client: HttpClient,
    issues: IssueLog,
    *,
    workspace_uid: str | None,  # noqa: ARG001
    workspace: Record | None = None,  # noqa: ARG001
    calls: int = 0,  # noqa: ARG001
    told_by: str = UID_OPTION,  # noqa: ARG001
    has_flows: bool = False,  # noqa: ARG001
) -> Api:
    return v3.V3Api(client, issues)


def _open_v4(
    client: HttpClient,
    issues: IssueLog,
    *,
    workspace_uid: str | None,
    workspace: Record | None = None,
    calls: int = 0,
    told_by: str = UID_OPTION,
    has_flows: bool = False,
) -> Api:
    return v4.V4Api(
        client,
        issues,
        workspace_uid=workspace_uid,
        workspace=workspace,
        calls=calls,
        told_by=told_by,
        has_flows=has_flows,
    )


_V4 = Version(
    base_url=v4.DEFAULT_BASE_URL,
    key_header=v4.KEY_HEADER,
    key_value=lambda key: key,
    headers=lambda _uid: {},
    open=_open_v4,
    route_of=v4.route_of,
    explain=v4.explain,
    extra_tables=v4.EXTRA_TABLES,
    has_flows=True,
    names_workspace=True,
    lists_workflows=False,
)
VERSIONS: Mapping[str, Version] = {
    "v3": Version(
        base_url=v3.DEFAULT_BASE_URL,
        key_header=v3.KEY_HEADER,
        key_value=v3.key_value,
        headers=lambda uid: {"x-project-id": uid},
        open=_open_v3,
        extra_tables=v3.EXTRA_TABLES,
    ),
    "v4": _V4,
    "edges": replace(_V4, base_url=v4.EDGES_BASE_URL, stored_as="v4"),
}


def is_other_product(base_url: object) -> bool:
    """Whether it is `OTHER_PRODUCT`, however it is written, or below it."""
    found, other = _root(base_url), _root(OTHER_PRODUCT)
    return (
        found is not None
        and other is not None
        and (found[0], found[2][:1])
        == (
            other[0],
            other[2],
        )
    )


def is_same_root(base_url: object, other: str) -> bool:
    """Whether two base URLs are the same, however they are written."""
    return (found := _root(base_url)) is not None and found == _root(other)


def _root(url: object) -> tuple[str, int | None, tuple[str, ...]] | None:
    """Host, port and folders of a URL; None where it is none."""
    if not isinstance(url, str):
        return None
    url = url.strip()
    try:
        parts = urlsplit(url if "://" in url else f"https://{url.removeprefix('//')}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    path = posixpath.normpath(f"/{unquote(parts.path).lstrip('/')}").lower()
    folders = tuple(filter(None, path.split("/")))
    if port == DEFAULT_PORTS.get(parts.scheme.lower()):
        port = None
    return host.rstrip(".").lower(), port, folders


def sibling_url(base_url: str, version: str, other: str) -> str | None:
    """Where another version of the API is likely to be served; None where nobody can tell.

    Args:
        base_url: Of a version.
        version: The version.
        other: The other one.
    """
    if is_same_root(base_url, VERSIONS[version].base_url):
        return VERSIONS[other].base_url
    if other not in ("v3", "v4"):
        return None
    root, _, last = base_url.rstrip("/").rpartition("/")
    return f"{root}/{other}" if last == version else None
