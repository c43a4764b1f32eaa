"""The calls of both versions for inputs, schedules, deliveries and consumption."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from captaindata_source.sandbox.calls_v3 import Call, json_response
from captaindata_source.sandbox.contents import Workspace
from captaindata_source.sandbox.extras_v4 import ScheduleKind
from captaindata_source.sandbox.paging import (
    DEFAULT_OUTPUTS_LIMIT,
    OutputsLinks,
    decode_cursor,
    limit_of,
    named_values,
    offset_of,
)
from captaindata_source.sandbox.world import World

Json = dict[str, Any]

MAX_INPUTS = 500
SCHEDULE_FILTERS = ("uid", "status", "user_uid")
CALLBACK_FILTERS = ("status", "run_uid")


def job_inputs(world: World, owner: Workspace, request: Request) -> Response:
    """Answer `GET /jobs/{uid}/inputs` of v3."""
    found = world.extras.job_inputs(owner, request.path_params["uid"])
    return json_response(world, {"inputs": found, "paging": {"have_next_page": False}})


def run_inputs(world: World, owner: Workspace, request: Request) -> Response:
    """Answer `GET /runs/{uid}/inputs`."""
    uid, url, query = request.path_params["uid"], request.url, request.query_params
    found = world.extras.run_inputs(owner, uid)
    count = limit_of(query, DEFAULT_OUTPUTS_LIMIT, most=MAX_INPUTS)
    first = decode_cursor(uid, query.get("cursor"))
    links = OutputsLinks(
        world.dialect, uid, f"{url.scheme}://{url.netloc}", url.path, query.multi_items()
    )
    response = json_response(world, found[first : first + count])
    response.headers.update(links.headers(first + count, len(found)))
    return response


def schedules(kind: ScheduleKind, world: World, owner: Workspace, request: Request) -> Response:
    """Answer `GET /schedules` and `GET /flows/schedules`."""
    found = _filtered(world.extras.schedules(owner, kind), request, SCHEDULE_FILTERS)
    return _window(world, found, request)


def callbacks(world: World, owner: Workspace, request: Request) -> Response:
    """Answer `GET /runs/callbacks`."""
    found = _filtered(world.extras.callbacks(owner), request, CALLBACK_FILTERS)
    return _window(world, found, request)


def consumption(world: World, owner: Workspace, _request: Request) -> Response:
    """Answer `GET /workspaces/consumption`."""
    return json_response(world, world.extras.consumption(owner))


def _filtered(items: list[Json], request: Request, names: Iterable[str]) -> list[Json]:
    wanted = named_values(request.query_params, names)
    return [item for item in items if all(item[name] in wanted[name] for name in wanted)]


def _window(world: World, items: list[Json], request: Request) -> Response:
    first, count = offset_of(request.query_params), limit_of(request.query_params)
    return json_response(world, items[first : first + count])


V3_CALLS: dict[str, Call] = {"/jobs/{uid}/inputs": job_inputs}
V4_CALLS: dict[str, Call] = {
    "/runs/callbacks": callbacks,
    "/runs/{uid}/inputs": run_inputs,
    "/schedules": partial(schedules, "action"),
    "/flows/schedules": partial(schedules, "flow"),
    "/workspaces/consumption": consumption,
}
