"""Runs a sandbox on localhost, in a thread of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from captaindata_source.sandbox.dialect import Dialect
from captaindata_source.sandbox.limits import RateLimit
from captaindata_source.sandbox.request_log import RequestLog
from captaindata_source.sandbox.world import World
from captaindata_source.sandbox.world_base import Generation

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from captaindata_source.sandbox.running import ThreadedServer

HOST = "127.0.0.1"
START_TIMEOUT_SECONDS = 20.0


class Sandbox:
    """A server for a world; a context manager that starts and stops it.

    Args:
        world: What is served; by default the world of seed 0.
        dialect: Replaces the world's dialect.
        rate_limit: Requests per workspace and minute, or a limit of another length; None: none.
        port: Port on 127.0.0.1; 0 takes a free one.
        wrap: Puts another application around the calls, such as one that answers wrongly.

    Attributes:
        world: The world; its clock may be moved while the server runs.
        log: The requests so far.
        limiter: The rate limit, if there is one; its `limit` may be changed.
        before_request: Called, in the server's thread, with the path of each request to the API
            before it is answered; may be set and reset while the server runs.
    """

    def __init__(
        self,
        world: World | None = None,
        *,
        dialect: Dialect | None = None,
        rate_limit: int | RateLimit | None = None,
        port: int = 0,
        wrap: Callable[[ASGIApp], ASGIApp] | None = None,
    ) -> None:
        self.world = world if world is not None else World()
        if dialect is not None:
            self.world.dialect = dialect
        self.log = RequestLog()
        self.limiter = RateLimit(rate_limit) if isinstance(rate_limit, int) else rate_limit
        self.before_request: Callable[[str], None] | None = None
        self._wrapping = wrap
        self._wanted_port = port
        self._port = 0
        self._server: ThreadedServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def root_url(self) -> str:
        """Scheme, host and port."""
        return f"http://{HOST}:{self._port}"

    @property
    def base_url(self) -> str:
        """Base URL of v3 of the API."""
        return self.base_url_of("v3")

    def base_url_of(self, version: Generation) -> str:
        """Return the base URL of a generation of the API."""
        return f"{self.root_url}/{version}"

    def start(self) -> None:
        """Start serving.

        Raises:
            OSError: If the port is taken.
            ModuleNotFoundError: If the extra `sandbox` is not installed.
            RuntimeError: If the server does not come up.
        """
        from captaindata_source.sandbox.app import create_app  # noqa: PLC0415 - heavy imports late
        from captaindata_source.sandbox.running import ThreadedServer  # noqa: PLC0415

        app = create_app(
            self.world,
            rate_limit=self.limiter,
            log=self.log,
            before_request=self._call_before_request,
            wrap=self._wrapping,
        )
        listener = socket.create_server((HOST, self._wanted_port), backlog=512)
        self._port = listener.getsockname()[1]
        self._server = ThreadedServer(app)
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="captaindata-sandbox", daemon=True
        )
        self._thread.start()
        if not self._server.ready.wait(START_TIMEOUT_SECONDS):
            raise RuntimeError("the sandbox did not start")

    def stop(self) -> None:
        """Stop serving and wait until the thread has ended."""
        if self._server is not None and self._thread is not None:
            self._server.stop()
            self._thread.join()
        self._server = self._thread = None

    def _call_before_request(self, path: str) -> None:
        if self.before_request is not None:
            self.before_request(path)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
