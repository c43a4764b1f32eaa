"""Checks before every call of the API: key and rate limit; and the form of errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from starlette.requests import Request
from starlette.responses import Response

from captaindata_source.sandbox.calls_v3 import Call
from captaindata_source.sandbox.contents import Workspace
from captaindata_source.sandbox.errors import BadRequestError, error_response
from captaindata_source.sandbox.limits import RateLimit, RouteClass, limit_headers
from captaindata_source.sandbox.world import World
from captaindata_source.sandbox.world_base import Generation, NotFoundError

KEY_SCHEME = "x-api-key"

Endpoint = Callable[[Request], Awaitable[Response]]


class Gate:
    """Makes the endpoints of one API version.

    Args:
        world: The data to serve.
        generation: The API version.
        limiter: The rate limit, if there is one.
    """

    def __init__(self, world: World, generation: Generation, limiter: RateLimit | None) -> None:
        self._world = world
        self._generation = generation
        self._limiter = limiter

    def endpoint(self, path: str, call: Call) -> Endpoint:
        """Return the endpoint of a call."""
        route_class = self._route_class(path)

        async def endpoint(request: Request) -> Response:
            owner = self._owner(request)
            if isinstance(owner, Response):
                return owner
            if self._limiter is None:
                return self._answer(call, owner, request)
            verdict = self._limiter.check(owner.uid, route_class)
            if verdict.allowed:
                response = self._answer(call, owner, request)
            else:
                response = self._error(429, "Too many requests")
            response.headers.update(limit_headers(verdict, self._world.dialect, route_class))
            return response

        return endpoint

    def _route_class(self, path: str) -> RouteClass:
        if self._generation == "v3":
            return "workspace"
        return "runs" if path.startswith("/runs") else "default"

    def _owner(self, request: Request) -> Workspace | Response:
        """Return the workspace of a request, or the answer if the request is not allowed."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if self._generation == "v4" or scheme.lower() != KEY_SCHEME or not key:
            key = request.headers.get("x-api-key", "")
        owner = self._world.key_owner(key.strip(), self._generation)
        if owner is None:
            return self._error(401, "Unauthorized: the API key is not valid")
        if self._generation == "v3" and request.headers.get("x-project-id") != owner.uid:
            return self._error(403, "Forbidden: no access to this project")
        return owner

    def _answer(self, call: Call, owner: Workspace, request: Request) -> Response:
        try:
            return call(self._world, owner, request)
        except NotFoundError as error:
            return self._error(404, str(error))
        except BadRequestError as error:
            return error_response(
                self._world.dialect,
                400,
                str(error),
                generation=self._generation,
                scope=error.scope,
            )

    def _error(self, status: int, message: str) -> Response:
        return error_response(self._world.dialect, status, message, generation=self._generation)


class Callers:
    """Finds the workspace of a request before the key is checked, for the log and for faults.

    Args:
        workspaces: The workspaces.
    """

    def __init__(self, workspaces: Iterable[Workspace]) -> None:
        self._by_key = {workspace.api_key: workspace.uid for workspace in workspaces}

    def uid(self, path: str, headers: dict[bytes, bytes]) -> str | None:
        """Return the uid of a workspace: in v4 by the key, else as `x-project-id` says it.

        Args:
            path: Path of the request.
            headers: Its headers, with names in lower case.
        """
        if path.startswith("/v4/"):
            key = headers.get(b"x-api-key", b"").decode("latin-1")
            if key in self._by_key:
                return self._by_key[key]
        project = headers.get(b"x-project-id")
        return None if project is None else project.decode("latin-1")
