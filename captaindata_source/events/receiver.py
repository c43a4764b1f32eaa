"""The ASGI application that receives events."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from captaindata_source.errors import ConfigError
from captaindata_source.events.bodies import MalformedError, read_event
from captaindata_source.events.inbox import Stored
from captaindata_source.events.loader_process import LoaderProcess
from captaindata_source.events.senders import may_send
from captaindata_source.events.writer import Writer
from captaindata_source.extract.opening import redactor_of
from captaindata_source.settings.config import load_config
from captaindata_source.settings.event_options import EventOptions
from captaindata_source.settings.sync_options import SyncOptions
from captaindata_source.settings.workspace import Settings

__all__ = ["EventApp"]

logger = logging.getLogger(__name__)

MAX_BODY = 64 * 1024 * 1024
MAX_BODIES = 4 * MAX_BODY
"""Bytes of bodies that are read at once; beyond, senders are asked to try again."""
BODY_SECONDS = 30.0
LARGE_BODY = 128 * 1024
"""A body beyond this is read in a thread, so that others need not wait."""
RETRY_AFTER = {"Retry-After": "5"}


class EventApp:
    """Receives events: `POST /events/<workspace>`, `GET /health`, `GET /ready`.

    Answers 202 once an event is on disk; 401 without the workspace's secret, 404 for a workspace
    that is not configured, 400 for what is no object of JSON, 413 beyond 64 MB, 415 for a
    compressed body, 408 where the body takes longer than 30 seconds, 503 where the event can't be
    stored now.

    Args:
        workspaces: Options of each workspace; None: they are read from dlt's configuration at the
            start, and each must have a secret.
        options: Where to load; None: as configured.
        events: Where the inbox is.
        has_loader: Whether to start the process that loads what waits.
    """

    def __init__(
        self,
        workspaces: Sequence[Settings] | None = None,
        options: SyncOptions | None = None,
        events: EventOptions | None = None,
        *,
        has_loader: bool = True,
    ) -> None:
        self._workspaces = workspaces
        self._options = options
        self._events = events or EventOptions()
        self._has_loader = has_loader
        self._by_name: dict[str, Settings] = {}
        self._writer: Writer | None = None
        self._loader: LoaderProcess | None = None
        self._reading = 0
        self._app = Starlette(
            routes=[
                Route("/events/{workspace:path}", self._receive, methods=["POST"]),
                Route("/health", self._health),
                Route("/ready", self._ready),
            ],
            lifespan=self._lifespan,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request."""
        await self._app(scope, receive, send)

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        await run_in_threadpool(self._start)
        try:
            yield
        finally:
            await run_in_threadpool(self._stop)

    def _start(self) -> None:
        workspaces, options = self._workspaces, self._options
        if workspaces is None or options is None:
            config = load_config()
            events = self._events = EventOptions(**config.events)
            options = SyncOptions(
                destination=events.event_destination,
                dataset=events.event_dataset,
                **config.load,
            )
            workspaces = config.workspaces
            require_secrets(workspaces)
        self._by_name = {settings.name: settings for settings in workspaces}
        self._redact = {settings.name: redactor_of(settings) for settings in workspaces}
        inbox = Path(self._events.event_inbox).absolute()
        self._writer = Writer(inbox)
        if self._has_loader:
            self._loader = LoaderProcess(inbox, options, [each.name for each in workspaces])

    def _stop(self) -> None:
        if self._loader is not None:
            self._loader.close()
        if self._writer is not None:
            self._writer.close()

    async def _receive(self, request: Request) -> Response:
        received_at = time.time()
        name = request.path_params["workspace"]
        settings = self._by_name.get(name)
        if settings is None:
            return JSONResponse({"error": "There is no such workspace"}, 404)
        client = request.client.host if request.client else None
        if not may_send(settings.event_secret, request.headers, client):
            headers = {"WWW-Authenticate": 'Bearer, Basic realm="events"'}
            return JSONResponse({"error": "The secret is missing or wrong"}, 401, headers)
        body = await self._body(request)
        if isinstance(body, Response):
            return body
        try:
            redact = self._redact[name]
            if len(body) > LARGE_BODY:
                event = await run_in_threadpool(read_event, body, redact=redact)
            else:
                event = read_event(body, redact=redact)
        except MalformedError as error:
            return JSONResponse({"error": str(error)}, 400)
        del body
        stored = Stored(workspace=name, event=event, received_at=received_at)
        try:
            if self._writer is None:
                raise sqlite3.OperationalError
            await self._writer.store(stored)
        except (sqlite3.Error, OSError):
            return JSONResponse({"error": "The event can't be stored now"}, 503, RETRY_AFTER)
        return JSONResponse({"kind": event.kind}, 202)

    async def _body(self, request: Request) -> bytes | Response:
        """The body, or what is answered instead."""
        if (refusal := _refusal(request)) is not None:
            return refusal
        pieces: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for piece in request.stream():
                    pieces.append(piece)
                    size += len(piece)
                    self._reading += len(piece)
                    if size > MAX_BODY:
                        return JSONResponse({"error": "The body is larger than 64 MB"}, 413)
                    if self._reading > MAX_BODIES:
                        return JSONResponse({"error": "Too much at once"}, 503, RETRY_AFTER)
        except TimeoutError:
            return JSONResponse({"error": "The body took too long"}, 408, {"Connection": "close"})
        except ClientDisconnect:
            return Response(status_code=400)
        finally:
            self._reading -= size
        return b"".join(pieces)

    async def _health(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _ready(self, _request: Request) -> Response:
        is_loading = not self._has_loader or (self._loader is not None and self._loader.is_alive)
        is_writable = self._writer is not None and self._writer.is_writable
        if is_writable and is_loading:
            return JSONResponse({"status": "ok"})
        status = "starting" if is_writable else "the inbox can't be written"
        return JSONResponse({"status": status}, 503)


def _refusal(request: Request) -> Response | None:
    """The answer to a request whose body need not be read."""
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        headers = {"Accept-Encoding": "identity"}
        return JSONResponse({"error": "Send the body without compression"}, 415, headers)
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > MAX_BODY:
        return JSONResponse({"error": "The body is larger than 64 MB"}, 413)
    return None


def require_secrets(workspaces: Sequence[Settings]) -> None:
    """Refuses workspaces whose events anybody could send.

    Raises:
        ConfigError: One has no secret.
    """
    if names := [repr(each.name) for each in workspaces if each.event_secret is None]:
        raise ConfigError(
            f"event_secret is missing for workspace {', '.join(names)}: set a long random text "
            "with api_key, or listen on 127.0.0.1"
        )
