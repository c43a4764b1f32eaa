"""The web application: authentication, limit, log and errors around the calls of the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from captaindata_source.sandbox.api import CALLS, Call
from captaindata_source.sandbox.contents import Workspace
from captaindata_source.sandbox.control import control_routes
from captaindata_source.sandbox.dialect import Dialect
from captaindata_source.sandbox.errors import BadRequestError, error_response
from captaindata_source.sandbox.faults import Faults
from captaindata_source.sandbox.limits import RateLimit, limit_headers
from captaindata_source.sandbox.misbehave import FaultMiddleware
from captaindata_source.sandbox.request_log import LoggedRequest, RequestLog
from captaindata_source.sandbox.world import NotFoundError, World

API_PREFIX = "/v3"
CONTROL_PREFIX = "/_sandbox"
KEY_SCHEME = "x-api-key"


def create_app(
    world: World,
    dialect: Dialect | None = None,
    *,
    rate_limit: int | RateLimit | None = None,
    faults: Faults | None = None,
    log: RequestLog | None = None,
) -> Starlette:
    """Return the application that serves a world.

    Args:
        world: What is served.
        dialect: Replaces the world's dialect, so that the world's Python API agrees.
        rate_limit: Requests per workspace and minute, or a limit of another length; None: none.
        faults: Rules to misbehave by.
        log: Where requests are recorded.
    """
    if dialect is not None:
        world.dialect = dialect
    limiter = RateLimit(rate_limit) if isinstance(rate_limit, int) else rate_limit
    faults = faults if faults is not None else Faults()
    log = log if log is not None else RequestLog()
    routes = [
        Route(API_PREFIX + path, _endpoint(world, call, limiter)) for path, call in CALLS.items()
    ]
    app = Starlette(
        routes=routes + control_routes(world, faults, log),
        middleware=[
            Middleware(LogMiddleware, world=world, log=log),
            Middleware(_ApiFaults, world=world, faults=faults),
        ],
        exception_handlers={
            HTTPException: _http_error(world),
            NotFoundError: _error(world, 404),
            BadRequestError: _error(world, 400),
        },
    )
    app.router.redirect_slashes = False
    return app


class LogMiddleware:
    """Records requests to the API, and the status of the answer that left.

    Args:
        app: The application.
        world: The world, for the names of workspaces.
        log: Where to record.
    """

    def __init__(self, app: ASGIApp, *, world: World, log: RequestLog) -> None:
        self._app = app
        self._log = log
        self._names = {workspace.uid: workspace.name for workspace in world.workspaces}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or scope["path"].startswith(CONTROL_PREFIX):
            await self._app(scope, receive, send)
            return
        project = dict(scope["headers"]).get(b"x-project-id", b"").decode("latin-1")
        known = project in self._names
        entry = LoggedRequest(
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            workspace=self._names.get(project),
            workspace_uid=project if known else None,
        )
        self._log.append(entry)

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.status = message["status"]
            await send(message)

        await self._app(scope, receive, note)


class _ApiFaults(FaultMiddleware):
    """Faults never meet the control endpoints."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(CONTROL_PREFIX):
            await self._app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def _endpoint(
    world: World, call: Call, limiter: RateLimit | None
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        owner = world.key_owner(_key(request))
        if owner is None:
            return error_response(world.dialect, 401, "Unauthorized: the API key is not valid")
        if request.headers.get("x-project-id") != owner.uid:
            return error_response(world.dialect, 403, "Forbidden: no access to this project")
        if limiter is None:
            return _answer(world, call, owner, request)
        verdict = limiter.check(owner.uid)
        if verdict.allowed:
            response = _answer(world, call, owner, request)
        else:
            response = error_response(world.dialect, 429, "Too many requests")
        response.headers.update(limit_headers(verdict, world.dialect))
        return response

    return endpoint


def _answer(world: World, call: Call, owner: Workspace, request: Request) -> Response:
    try:
        return call(world, owner, request)
    except NotFoundError as error:
        return error_response(world.dialect, 404, str(error))
    except BadRequestError as error:
        return error_response(world.dialect, 400, str(error))


def _key(request: Request) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == KEY_SCHEME and key:
        return key.strip()
    return request.headers.get("x-api-key", "")


def _error(world: World, status: int) -> Callable[[Request, Exception], Response]:
    def handle(_request: Request, error: Exception) -> Response:
        return error_response(world.dialect, status, str(error))

    return handle


def _http_error(world: World) -> Callable[[Request, Exception], Response]:
    def handle(_request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        return error_response(world.dialect, error.status_code, error.detail, headers=error.headers)

    return handle
