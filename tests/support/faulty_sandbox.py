"""A sandbox that sends wrong answers and breaks connections where a rule says so."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qs, parse_qsl

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from captaindata_source.sandbox import RateLimit, Sandbox
from captaindata_source.sandbox.dialect import Dialect
from captaindata_source.sandbox.errors import error_response, generation_of, html_page
from captaindata_source.sandbox.gate import Callers
from captaindata_source.sandbox.paging import NEXT_HEADER, OutputsLinks, ResultsLinks, encode_cursor
from captaindata_source.sandbox.results import dumps
from captaindata_source.sandbox.world import World
from tests.support.faults import Fault, FaultKind, Faults

FOREIGN_URLS = {
    "v3": "https://elsewhere.invalid/v3/jobs/stolen/results?cursor=1",
    "v4": "https://elsewhere.invalid/v4/runs/stolen/outputs?cursor=1",
}
# Kinds with a fixed answer: default status and media type.
CANNED: dict[FaultKind, tuple[int, str | None]] = {
    "status": (503, "text/plain"),
    "html": (200, "text/html"),
    "empty": (200, "application/json"),
    "replace": (200, "application/json"),
    "redirect": (307, None),
    "bomb": (200, "application/json"),
}
BOMB_BLOCK = bytes(1024 * 1024)
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass
class _Answer:
    start: Message
    body: bytes

    async def send_with(self, send: Send, body: bytes, *, length: int) -> None:
        """Send the head with a Content-Length and a part of the body; leave the connection open."""
        MutableHeaders(raw=self.start["headers"])["content-length"] = str(length)
        await send(self.start)
        await send({"type": "http.response.body", "body": body, "more_body": True})


class FaultySandbox(Sandbox):
    """A sandbox with rules to misbehave by.

    Args:
        world: As `Sandbox`.
        dialect: As `Sandbox`.
        rate_limit: As `Sandbox`.
        faults: The first rules.
        port: As `Sandbox`.

    Attributes:
        faults: The rules in force.
    """

    def __init__(
        self,
        world: World | None = None,
        *,
        dialect: Dialect | None = None,
        rate_limit: int | RateLimit | None = None,
        faults: Faults | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(world, dialect=dialect, rate_limit=rate_limit, port=port, wrap=self._wrap)
        self.faults = faults if faults is not None else Faults()

    def _wrap(self, app: ASGIApp) -> ASGIApp:
        callers = Callers(self.world.workspaces)
        return FaultMiddleware(app, world=self.world, faults=self.faults, callers=callers)


class FaultMiddleware:
    """Sends a wrong answer if a rule applies.

    Args:
        app: The application with the correct answers.
        world: For its dialect.
        faults: The rules.
        callers: Finds the workspace of a request.
    """

    def __init__(self, app: ASGIApp, *, world: World, faults: Faults, callers: Callers) -> None:
        self._app = app
        self._world = world
        self._faults = faults
        self._callers = callers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        fault = self._fault(scope) if scope["type"] == "http" else None
        if fault is None:
            await self._app(scope, receive, send)
        elif fault.kind == "reset":
            await _abort(scope, receive)
        elif (instead := self._instead(fault, scope["path"])) is not None:
            await instead(scope, receive, send)
        else:
            asked = {**scope, "query_string": b""} if fault.kind == "repeat" else scope
            answer = await self._answer(asked, receive)
            answer.start["headers"] = list(answer.start["headers"])
            MutableHeaders(raw=answer.start["headers"]).update(fault.headers)
            await self._spoil(fault, answer, scope, receive, send)

    def _fault(self, scope: Scope) -> Fault | None:
        caller = self._callers.uid(scope["path"], dict(scope["headers"]))
        return self._faults.take(scope["path"], caller)

    def _instead(self, fault: Fault, path: str) -> Response | None:
        """Return the answer of a fault that does not use the correct answer."""
        if fault.kind not in CANNED:
            return None
        default_status, media_type = CANNED[fault.kind]
        status = fault.status or default_status
        headers = dict(fault.headers)
        body = fault.body
        if fault.kind == "status" and body is None:
            return error_response(
                self._world.dialect,
                status,
                f"Fault {status}",
                generation=generation_of(path),
                headers=headers,
            )
        if fault.kind == "html" and body is None:
            body = html_page("Welcome")
        if fault.kind == "redirect":
            headers.setdefault("location", _text(body))
        if fault.kind in {"redirect", "empty"}:
            body = b""
        if fault.kind == "bomb":
            headers["content-encoding"] = "gzip"
            body = _zeros(fault.size)
        if any(name.lower() == "content-type" for name in headers):
            media_type = None
        return Response(body, status, headers, media_type)

    async def _answer(self, scope: Scope, receive: Receive) -> _Answer:
        messages: list[Message] = []

        async def collect(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, collect)
        return _Answer(messages[0], b"".join(part.get("body", b"") for part in messages[1:]))

    async def _spoil(
        self, fault: Fault, answer: _Answer, scope: Scope, receive: Receive, send: Send
    ) -> None:
        body = answer.body
        half = body[: len(body) // 2]
        if fault.kind == "reset_body":
            await answer.send_with(send, half, length=len(body))
            await _abort(scope, receive)
        elif fault.kind == "cut":
            await answer.send_with(send, half, length=len(body))
            scope["state"]["transport"].close()
            await _disconnected(receive)
        elif fault.kind == "drip":
            await answer.send_with(send, b"", length=len(body))
            for first in range(0, len(body), fault.size):
                if await _disconnected_within(receive, fault.seconds):
                    return
                piece = body[first : first + fault.size]
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            body = half if fault.kind == "truncate" else self._relinked(fault, scope, answer)
            await answer.send_with(send, body, length=len(body))
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _relinked(self, fault: Fault, scope: Scope, answer: _Answer) -> bytes:
        if fault.kind == "foreign_next":
            link = _text(fault.body, FOREIGN_URLS[generation_of(scope["path"])])
        else:
            link = None
        head = MutableHeaders(raw=answer.start["headers"])
        return relinked(self._world.dialect, scope, head, answer.body, link)


@lru_cache(maxsize=4)
def _zeros(size: int) -> bytes:
    """Return `size` zero bytes as gzip, about a thousandth of their size."""
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    blocks, rest = divmod(size, len(BOMB_BLOCK))
    packed = [packer.compress(BOMB_BLOCK) for _ in range(blocks)]
    return b"".join([*packed, packer.compress(BOMB_BLOCK[:rest]), packer.flush()])


def _text(url: str | bytes | None, default: str = FOREIGN_URLS["v3"]) -> str:
    text = url.decode() if isinstance(url, bytes) else url
    return text or default


async def _abort(scope: Scope, receive: Receive) -> None:
    transport: asyncio.Transport = scope["state"]["transport"]
    transport.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE
    )
    transport.abort()
    await _disconnected(receive)


async def _disconnected_within(receive: Receive, seconds: float) -> bool:
    try:
        await asyncio.wait_for(_disconnected(receive), seconds)
    except TimeoutError:
        return False
    return True


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def relinked(
    dialect: Dialect, scope: Scope, headers: MutableHeaders, body: bytes, link: str | None
) -> bytes:
    """Return the body of a page with another `next`; for v4 the headers are changed instead.

    Args:
        dialect: The dialect.
        scope: The request. Only pages of results and of outputs are changed.
        headers: Headers of the answer.
        body: Its body.
        link: Where `next` shall point to; None: to the page itself.
    """
    if generation_of(scope["path"]) == "v4":
        if scope["path"].endswith("/outputs"):
            headers[NEXT_HEADER] = link or own_link(dialect, scope)
        return body
    try:
        page = json.loads(body)
    except ValueError:
        return body
    if not isinstance(page, dict) or "results" not in page:
        return body
    astray = {"next": link or own_link(dialect, scope), "have_next_page": True}
    page["paging"] = {**page.get("paging", {}), **astray}
    return dumps(page, ascii_json=dialect.ascii_json)


def own_link(dialect: Dialect, scope: Scope) -> str:
    """Return the link to the page that a request is for, in the dialect's style."""
    path: str = scope["path"]
    uid = path.split("/")[-2]
    query = scope["query_string"].decode()
    cursors = parse_qs(query).get("cursor")
    cursor = cursors[0] if cursors else encode_cursor(uid, 0)
    host = f"{scope['scheme']}://{dict(scope['headers']).get(b'host', b'').decode()}"
    if generation_of(path) == "v4":
        return OutputsLinks(dialect, uid, host, path, parse_qsl(query)).link(cursor)
    return ResultsLinks(dialect, uid, host, path).link(cursor)
