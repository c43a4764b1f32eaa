"""Endpoints under `/_sandbox` that control a running sandbox; they need no key."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from captaindata_source.sandbox.contents import Workspace
from captaindata_source.sandbox.errors import BadRequestError
from captaindata_source.sandbox.faults import Fault, Faults
from captaindata_source.sandbox.request_log import RequestLog
from captaindata_source.sandbox.world import World
from captaindata_source.sandbox.world_base import NotFoundError

Json = dict[str, Any]


def control_routes(world: World, faults: Faults, log: RequestLog) -> list[Route]:
    """Return the control endpoints of a sandbox."""

    def state() -> Json:
        return {
            "now": world.now.isoformat(),
            "seed": world.seed,
            "workspaces": [{"uid": w.uid, "name": w.name} for w in world.workspaces],
        }

    async def get_state(_request: Request) -> Response:
        return JSONResponse(state())

    async def advance(request: Request) -> Response:
        step = await _object(request)
        try:
            world.advance(**step)
        except (TypeError, ValueError, OverflowError) as error:
            raise BadRequestError(
                f"advance takes days and hours, not less than 0: {error}"
            ) from error
        return JSONResponse(state())

    async def requests(request: Request) -> Response:
        if request.method == "DELETE":
            log.clear()
            return Response(status_code=204)
        return JSONResponse([entry.as_json() for entry in log.entries])

    async def fault_rules(request: Request) -> Response:
        if request.method == "DELETE":
            faults.clear()
            return Response(status_code=204)
        body = await _body(request)
        rules = body if isinstance(body, list) else [body]
        try:
            faults.add(*[Fault.from_json(rule) for rule in rules])
        except (TypeError, ValueError) as error:
            raise BadRequestError(str(error)) from error
        return Response(status_code=204)

    async def revoke(request: Request) -> Response:
        world.revoke(_workspace(world, await _object(request)))
        return Response(status_code=204)

    async def restore(request: Request) -> Response:
        world.restore(_workspace(world, await _object(request)))
        return Response(status_code=204)

    return [
        Route("/_sandbox/state", get_state),
        Route("/_sandbox/advance", advance, methods=["POST"]),
        Route("/_sandbox/requests", requests, methods=["GET", "DELETE"]),
        Route("/_sandbox/faults", fault_rules, methods=["POST", "DELETE"]),
        Route("/_sandbox/revoke", revoke, methods=["POST"]),
        Route("/_sandbox/restore", restore, methods=["POST"]),
    ]


async def _body(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except ValueError as error:
        raise BadRequestError("the body must be JSON") from error


async def _object(request: Request) -> Json:
    body = await _body(request)
    if not isinstance(body, dict):
        raise BadRequestError("the body must be a JSON object")
    return body


def _workspace(world: World, body: Json) -> Workspace:
    wanted = body.get("workspace")
    for workspace in world.workspaces:
        if wanted in {workspace.uid, workspace.name}:
            return workspace
    raise NotFoundError("no such workspace: give its uid or name as `workspace`")
