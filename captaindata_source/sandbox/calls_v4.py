"""The calls of v4: each takes a request of a known workspace and gives the answer."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from captaindata_source.sandbox.calls_v3 import Call, json_response
from captaindata_source.sandbox.contents import Workspace
from captaindata_source.sandbox.errors import BadRequestError
from captaindata_source.sandbox.paging import (
    DEFAULT_OUTPUTS_LIMIT,
    OutputsLinks,
    decode_cursor,
    filters_of,
    limit_of,
    members_page,
    offset_of,
    sort_of,
)
from captaindata_source.sandbox.world import World
from captaindata_source.sandbox.world_base import NotFoundError

Json = dict[str, Any]


def workspaces(world: World, owner: Workspace, _request: Request) -> Response:
    """Answer `GET /workspaces`."""
    return json_response(world, world.v4.workspace_object(owner))


def users(world: World, owner: Workspace, request: Request) -> Response:
    """Answer `GET /users`."""
    page = request.query_params.get("page", "1")
    return json_response(world, members_page(world.dialect, world.v4.members(owner), page))


def runs(world: World, owner: Workspace, request: Request) -> Response:
    """Answer `GET /runs`."""
    query = request.query_params
    found = world.v4.runs_page(
        owner,
        first=offset_of(query),
        count=limit_of(query),
        sort=sort_of(query),
        filters=filters_of(query),
    )
    return json_response(world, found)


def run(world: World, owner: Workspace, request: Request) -> Response:
    """Answer `GET /runs/{uid}`."""
    return json_response(world, _run(world, owner, request))


def status(world: World, owner: Workspace, request: Request) -> Response:
    """Answer `GET /runs/{uid}/status`."""
    found = _run(world, owner, request)
    return json_response(world, {"uid": found["uid"], "status": found["status"]})


def outputs(world: World, owner: Workspace, request: Request) -> Response:
    """Answer `GET /runs/{uid}/outputs`."""
    found = _run(world, owner, request)
    if found["execution_mode"] == "LIVE":
        raise BadRequestError("Outputs of live runs are not kept", scope="input")
    uid, url, query = found["uid"], request.url, request.query_params
    limit = limit_of(query, DEFAULT_OUTPUTS_LIMIT, most=world.dialect.outputs_max_limit)
    count = min(limit, world.dialect.outputs_page_size)
    first = decode_cursor(uid, query.get("cursor"))
    rows, total = world.v4.outputs_page(owner, uid, first=first, count=count)
    links = OutputsLinks(
        world.dialect, uid, f"{url.scheme}://{url.netloc}", url.path, query.multi_items()
    )
    return Response(
        b"[" + b",".join(rows) + b"]",
        headers=links.headers(first + count, total),
        media_type="application/json",
    )


def identities(world: World, owner: Workspace, request: Request) -> Response:
    """Answer `GET /identities`."""
    query = request.query_params
    has_accounts = query.get("retrieve_accounts", "false").lower() == "true"
    found = world.v4.identities(owner, with_accounts=has_accounts)
    if "page" in query:
        return json_response(world, members_page(world.dialect, found, query["page"]))
    return _window(world, found, request)


def integration(world: World, owner: Workspace, request: Request) -> Response:
    """Answer `GET /identities/{uid}/integrations/{name}`."""
    asked = request.path_params
    return json_response(world, world.v4.identity_integration(owner, asked["uid"], asked["name"]))


def _window(world: World, items: list[Json], request: Request) -> Response:
    first, count = offset_of(request.query_params), limit_of(request.query_params)
    return json_response(world, items[first : first + count])


def _run(world: World, owner: Workspace, request: Request) -> Json:
    found = world.v4.run(owner, request.path_params["uid"])
    if found is None:
        raise NotFoundError("Run not found")
    return found


CALLS: dict[str, Call] = {
    "/workspaces": workspaces,
    "/users": users,
    "/runs": runs,
    "/runs/{uid}": run,
    "/runs/{uid}/status": status,
    "/runs/{uid}/outputs": outputs,
    "/identities": identities,
    "/identities/{uid}/integrations/{name}": integration,
}
