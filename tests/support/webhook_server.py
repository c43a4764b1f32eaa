"""A real server that takes webhooks, and fails as a test says."""

from __future__ import annotations

import json
import ssl
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.tls_server import CERTIFICATE

__all__ = ["CUT", "CUT_AFTER", "HANG", "Got", "Receiver", "receiving"]

CUT, CUT_AFTER, HANG = "cut", "cut_after", "hang"
"""Hangs up before the body is read; takes the message and hangs up; takes it and says nothing."""
Action = str | int | tuple[int, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Got:
    """A message that arrived whole; `status` is what it was answered, None if it was not."""

    path: str
    headers: Mapping[str, str]
    body: Any
    status: int | None

    @property
    def states(self) -> list[tuple[str, str]]:
        """Id and state of each alert in a message of JSON."""
        return [(each["id"], each["state"]) for each in self.body["alerts"]]


class Receiver(ThreadingHTTPServer):
    """Takes POSTs.

    Args:
        is_tls: Whether it speaks TLS, with a certificate of its own making.
    """

    daemon_threads = True

    def __init__(self, *, is_tls: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: deque[Action] = deque()
        """What is done with the next requests; afterwards each is answered 200."""
        self.usual: Action = 200
        self.got: list[Got] = []
        self.is_over = threading.Event()
        self.lock = threading.Lock()
        self.tls: ssl.SSLContext | None = None
        if is_tls:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(CERTIFICATE)

    def url(self, path: str = "/hook") -> str:
        scheme = "https" if self.tls else "http"
        return f"{scheme}://localhost:{self.server_address[1]}{path}"

    def next(self) -> Action:
        with self.lock:
            return self.script.popleft() if self.script else self.usual

    @property
    def accepted(self) -> list[Got]:
        """Messages that were answered 2xx, or taken without an answer."""
        return [each for each in self.got if each.status is None or 200 <= each.status < 300]

    def states(self) -> list[tuple[str, str]]:
        """Id and state of each alert that was accepted, in their order."""
        return [state for each in self.accepted for state in each.states]

    def finish_request(self, request: Any, client_address: Any) -> None:
        try:
            if self.tls is None:
                super().finish_request(request, client_address)
                return
            with self.tls.wrap_socket(request, server_side=True) as secured:
                super().finish_request(secured, client_address)
        except OSError:
            """The client hung up."""


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        action = self.server.next()
        if action == CUT:
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers["content-length"]))
        headers: Mapping[str, str] = {}
        status = action if isinstance(action, int) else None
        if isinstance(action, tuple):
            status, headers = action
        with self.server.lock:
            found = Got(self.path, dict(self.headers.items()), json.loads(body), status)
            self.server.got.append(found)
        if action == HANG:
            self.server.is_over.wait(60)
        if status is None:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextmanager
def receiving(*, is_tls: bool = False) -> Iterator[Receiver]:
    """A receiver that serves."""
    with Receiver(is_tls=is_tls) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.is_over.set()
            server.shutdown()
            thread.join()
