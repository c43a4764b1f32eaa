"""The calls of v3: each takes a request of a known workspace and gives the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from captaindata_source.sandbox.contents import Workspace
from captaindata_source.sandbox.paging import (
    ResultsLinks,
    decode_cursor,
    jobs_window,
    page_number,
    results_page_number,
    users_body,
)
from captaindata_source.sandbox.results import dumps
from captaindata_source.sandbox.world import World
from captaindata_source.sandbox.world_base import NotFoundError

Json = dict[str, Any]
Call = Callable[[World, Workspace, Request], Response]


def json_response(world: World, value: object) -> Response:
    """Return a value as JSON in the dialect's form."""
    body = dumps(value, ascii_json=world.dialect.ascii_json)
    return Response(body, media_type="application/json")


def workspace(world: World, owner: Workspace, _request: Request) -> Response:
    """Answer `GET /workspace`."""
    return json_response(world, world.workspace_object(owner))


def users(world: World, owner: Workspace, request: Request) -> Response:
    """Answer `GET /users`."""
    query = request.query_params
    members = world.users(owner, role=query.get("role"))
    if query.get("retrieve_accounts", "true").lower() == "false":
        for member in members:
            del member["accounts"]
    rest = [(key, value) for key, value in query.multi_items() if key != "page"]
    page = page_number(query.get("page"))
    url = str(request.url.replace(query=""))
    return json_response(world, users_body(members, page=page, url=url, query=urlencode(rest)))


def workflows(world: World, owner: Workspace, _request: Request) -> Response:
    """Answer `GET /workflows`."""
    return json_response(world, world.workflows(owner))


def details(world: World, owner: Workspace, request: Request) -> Response:
    """Answer `GET /workflows/{uid}/details`."""
    return json_response(world, world.details(owner, request.path_params["uid"]))


def jobs(world: World, owner: Workspace, request: Request) -> Response:
    """Answer `GET /workflows/{uid}/jobs`."""
    workflow_uid = request.path_params["uid"]
    page = page_number(request.query_params.get("page"))
    _, total = world.jobs_page(owner, workflow_uid, first=0, count=0)
    window = jobs_window(world.dialect, page, total)
    if window is None:
        raise NotFoundError("Page not found")
    found, _ = world.jobs_page(owner, workflow_uid, first=window[0], count=window[1])
    return json_response(world, found)


def job(world: World, owner: Workspace, request: Request) -> Response:
    """Answer `GET /jobs/{uid}`."""
    return json_response(world, _job(world, owner, request))


def results(world: World, owner: Workspace, request: Request) -> Response:
    """Answer `GET /jobs/{uid}/results`."""
    uid = request.path_params["uid"]
    dialect = world.dialect
    page = results_page_number(request.query_params.get("page"))
    first = decode_cursor(uid, request.query_params.get("cursor"))
    first = first or (page - 1) * dialect.results_page_size
    rows, total = world.results_page(owner, uid, first=first, count=dialect.results_page_size)
    url = request.url
    links = ResultsLinks(dialect, uid, f"{url.scheme}://{url.netloc}", url.path)
    paging = links.paging(first, total)
    tail = b"]}" if paging is None else b'],"paging":' + dumps(paging) + b"}"
    body = b'{"results":[' + b",".join(rows) + tail
    return Response(body, media_type="application/json")


def accounts(world: World, owner: Workspace, request: Request) -> Response:
    """Answer `GET /integrations/{name}/accounts`."""
    found = world.accounts(owner, request.path_params["name"])
    return json_response(world, {"accounts": found} if world.dialect.accounts_wrapped else found)


def _job(world: World, owner: Workspace, request: Request) -> Json:
    found = world.job(owner, request.path_params["uid"])
    if found is None:
        raise NotFoundError("Job not found")
    return found


CALLS: dict[str, Call] = {
    "/workspace": workspace,
    "/users": users,
    "/workflows": workflows,
    "/workflows/{uid}/details": details,
    "/workflows/{uid}/jobs": jobs,
    "/jobs/{uid}": job,
    "/jobs/{uid}/results": results,
    "/integrations/{name}/accounts": accounts,
}
