"""The calls of Edges for runs of flows."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from captaindata_source.sandbox.calls_v3 import Call, json_response
from captaindata_source.sandbox.contents import Workspace
from captaindata_source.sandbox.errors import BadRequestError
from captaindata_source.sandbox.paging import DEFAULT_OUTPUTS_LIMIT, limit_of, offset_of
from captaindata_source.sandbox.run_book import DEFAULT_SORT
from captaindata_source.sandbox.world import World

SORTS = (DEFAULT_SORT, DEFAULT_SORT.removeprefix("-"))


def flow_runs(world: World, owner: Workspace, request: Request) -> Response:
    """Answer `GET /flows/runs`."""
    query = request.query_params
    sort = query.get("sort", DEFAULT_SORT)
    if sort not in SORTS:
        raise BadRequestError(f"sort must be one of {', '.join(SORTS)}")
    found = world.flows.runs(owner)
    first = offset_of(query)
    page = (found if sort == DEFAULT_SORT else found[::-1])[first : first + limit_of(query)]
    return json_response(world, page)


def outputs(world: World, owner: Workspace, request: Request) -> Response:
    """Answer `GET /flows/runs/{uid}/outputs`."""
    found = world.flows.outputs(owner, request.path_params["uid"])
    query = request.query_params
    most = world.dialect.flow_outputs_max_limit
    first, count = offset_of(query), limit_of(query, DEFAULT_OUTPUTS_LIMIT, most=most)
    body = b"[" + b",".join(found[first : first + count]) + b"]"
    return Response(body, media_type="application/json")


CALLS: dict[str, Call] = {"/flows/runs": flow_runs, "/flows/runs/{uid}/outputs": outputs}
