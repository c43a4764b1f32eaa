"""A real server, with or without TLS, that notes what it gets."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from captaindata_source.http import HttpClient, RetryPolicy, Secret
from tests.support.http_script import KEY, FakeTime, RecordingThrottle

CERTIFICATE = Path(__file__).parents[1] / "tls" / "localhost.pem"
"""Self-signed, for localhost, with its key: for these tests alone. Made with `openssl req -x509
-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 -subj /CN=localhost
-addext subjectAltName=DNS:localhost`."""


PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


class Server(ThreadingHTTPServer):
    """Answers `{}`, or as the handler of a test does, and notes what it got; over TLS where it has
    a certificate."""

    daemon_threads = True

    def __init__(
        self, *, is_tls: bool, handler: type[BaseHTTPRequestHandler] | None = None
    ) -> None:
        super().__init__(("127.0.0.1", 0), handler or Handler)
        self.connections = 0
        self.requests: list[str] = []
        self.answers: dict[str, bytes] = {}
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if is_tls else None
        if self.tls:
            self.tls.load_cert_chain(CERTIFICATE)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def finish_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        if not self.tls:
            super().finish_request(request, client_address)
            return
        try:
            with self.tls.wrap_socket(request, server_side=True) as secured:
                super().finish_request(secured, client_address)
        except OSError:
            """The client hung up."""

    def serve(self) -> None:
        self.serve_forever(poll_interval=0.01)


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests.append(f"{self.requestline}\n{self.headers}")
        body = self.server.answers.get(self.path, b"{}")
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_CONNECT(self) -> None:
        self.server.requests.append(f"{self.requestline}\n{self.headers}")
        self.send_error(502)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


def running(server: Server) -> Iterator[Server]:
    with server:
        thread = threading.Thread(target=server.serve)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def client(base_url: str) -> HttpClient:
    return HttpClient(
        base_url=base_url,
        headers={"x-project-id": "p"},
        key_header="authorization",
        key=Secret(KEY),
        throttle=RecordingThrottle(),
        retry=RetryPolicy(deadline=1),
        clock=FakeTime().clock,
    )
