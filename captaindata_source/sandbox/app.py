"""The web application: authentication, limit, log and errors around the calls of the API."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from captaindata_source.sandbox import calls_extras, calls_flows, calls_v3, calls_v4
from captaindata_source.sandbox.dialect import Dialect
from captaindata_source.sandbox.errors import BadRequestError, error_response, generation_of
from captaindata_source.sandbox.gate import Callers, Gate
from captaindata_source.sandbox.limits import RateLimit
from captaindata_source.sandbox.request_log import LoggedRequest, RequestLog
from captaindata_source.sandbox.world import World
from captaindata_source.sandbox.world_base import Generation, NotFoundError

GENERATION_CALLS: dict[Generation, dict[str, calls_v3.Call]] = {
    "v3": {**calls_v3.CALLS, **calls_extras.V3_CALLS},
    "v4": {**calls_extras.V4_CALLS, **calls_flows.CALLS, **calls_v4.CALLS},
}
Hook = Callable[[str], None]
Wrap = Callable[[ASGIApp], ASGIApp]


def create_app(
    world: World,
    dialect: Dialect | None = None,
    *,
    rate_limit: int | RateLimit | None = None,
    log: RequestLog | None = None,
    before_request: Hook | None = None,
    wrap: Wrap | None = None,
) -> Starlette:
    """Return the application that serves a world.

    Args:
        world: The data to serve.
        dialect: Replaces the world's dialect, for its Python API too.
        rate_limit: Requests per workspace and minute, or a `RateLimit`; None for no limit.
        log: Records the requests.
        before_request: Called with the path of each request to the API before it is answered.
        wrap: Puts another application around the calls, within the log.
    """
    if dialect is not None:
        world.dialect = dialect
    limiter = RateLimit(rate_limit) if isinstance(rate_limit, int) else rate_limit
    log = log if log is not None else RequestLog()
    routes = [
        Route(f"/{generation}{path}", Gate(world, generation, limiter).endpoint(path, call))
        for generation, calls in GENERATION_CALLS.items()
        for path, call in calls.items()
    ]
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(LogMiddleware, world=world, log=log, before_request=before_request),
            *([Middleware(wrap)] if wrap else []),
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
    """Records requests to the API and the status of each answer.

    Args:
        app: The application.
        world: For the names of workspaces.
        log: Records the requests.
        before_request: Called with the path of a request once it is recorded.
    """

    def __init__(
        self, app: ASGIApp, *, world: World, log: RequestLog, before_request: Hook | None = None
    ) -> None:
        self._app = app
        self._log = log
        self._before_request = before_request
        self._callers = Callers(world.workspaces)
        self._names = {workspace.uid: workspace.name for workspace in world.workspaces}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        project = self._callers.uid(scope["path"], dict(scope["headers"])) or ""
        known = project in self._names
        entry = LoggedRequest(
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            workspace=self._names.get(project),
            workspace_uid=project if known else None,
        )
        self._log.append(entry)
        if self._before_request is not None:
            self._before_request(scope["path"])

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.status = message["status"]
            await send(message)

        await self._app(scope, receive, note)


def _error(world: World, status: int) -> Callable[[Request, Exception], Response]:
    def handle(request: Request, error: Exception) -> Response:
        generation = generation_of(request.url.path)
        return error_response(world.dialect, status, str(error), generation=generation)

    return handle


def _http_error(world: World) -> Callable[[Request, Exception], Response]:
    def handle(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        return error_response(
            world.dialect,
            error.status_code,
            error.detail,
            generation=generation_of(request.url.path),
            headers=error.headers,
        )

    return handle
