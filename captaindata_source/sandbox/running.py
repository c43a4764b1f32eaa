"""uvicorn, set up for the sandbox: quiet, in a thread, and with connections that can be broken."""

from __future__ import annotations

import asyncio
import socket
import threading

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol


class BreakableProtocol(H11Protocol):
    """Hands the connection's transport to the application, so that it can break it off."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a new connection."""
        super().connection_made(transport)
        # uvicorn writes head and body apart: with Nagle's algorithm each answer would take 40 ms.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state = {**self.app_state, "transport": transport}


class ThreadedServer(uvicorn.Server):
    """A server that runs in a thread and says when it is ready.

    Args:
        app: The application to serve.
    """

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=BreakableProtocol,
                loop="asyncio",
                ws="none",
                lifespan="off",
                interface="asgi3",
                access_log=False,
                proxy_headers=False,
                log_config=None,
                timeout_keep_alive=60,
                timeout_graceful_shutdown=1,
                server_header=False,
                date_header=False,  # a fault may send its own
            )
        )
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening."""
        await super().startup(sockets=sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening and break off what is still going on."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets=sockets)

    def stop(self) -> None:
        """Ask the server to end, without waiting for its clients."""
        self.should_exit = True
        self.force_exit = True
