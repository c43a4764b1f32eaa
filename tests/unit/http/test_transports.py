"""Requests over a real connection: bodies, limits, and what is never sent."""

from __future__ import annotations

import gzip
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from captaindata_source.errors import ApiError, ContractError, ForeignHostError, UnavailableError
from captaindata_source.http import HttpClient, connections
from tests.support.http_script import KEY
from tests.support.tls_server import Server, client, running

BODY = b'{"a": "' + "é".encode() * 100_000 + b'"}'
LATIN = '{"a": "é"}'.encode("latin-1")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        self.server.requests.append(f"{self.requestline}\n{self.headers}")
        getattr(self, self.path.strip("/"))()

    def answer(self, body: bytes, status: int = 200, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (("content-length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def plain(self) -> None:
        self.answer(BODY, 200, ("Set-Cookie", "a=b"), ("X-Two", "1"), ("X-Two", "2"))

    def gzipped(self) -> None:
        self.answer(gzip.compress(BODY), 200, ("Content-Encoding", "gzip"))

    def deflated(self) -> None:
        self.answer(zlib.compress(BODY), 200, ("Content-Encoding", "deflate"))

    def latin(self) -> None:
        self.answer(LATIN, 200, ("Content-Type", 'application/json; Charset="ISO-8859-1"'))

    def bomb(self) -> None:
        self.answer(gzip.compress(bytes(50_000_000)), 200, ("Content-Encoding", "gzip"))

    def broken(self) -> None:
        self.answer(b"no gzip", 200, ("Content-Encoding", "gzip"))

    def cut(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "100")
        self.end_headers()
        self.wfile.write(b'{"a":')
        self.close_connection = True

    def silent(self) -> None:
        self.close_connection = True

    def away(self) -> None:
        self.answer(b"", 302, ("Location", "http://localhost:1/plain"))


@pytest.fixture
def server() -> Iterator[Server]:
    yield from running(Server(is_tls=False, handler=Handler))


@pytest.fixture
def http(server: Server) -> Iterator[HttpClient]:
    with client(f"http://127.0.0.1:{server.port}") as http:
        yield http


def test_bodies_arrive_whole(http: HttpClient, server: Server) -> None:
    for path in ("plain", "gzipped", "deflated", "plain"):
        assert http.get(path, decode=bytes).data == BODY, path
    assert http.get("latin", decode=bytes.decode).data == '{"a": "é"}'
    assert http.get("plain", decode=bytes).headers["x-two"] == "1, 2"
    for request in server.requests:
        assert f"uthorization: {KEY}" in request
        assert "gzip" in request.lower()
        assert "cookie" not in request.lower()


def test_what_is_closed_is_opened_again(http: HttpClient) -> None:
    http.close()
    assert http.get("plain", decode=bytes).data == BODY
    http.close()
    http.close()


def test_many_threads_share_it(http: HttpClient, server: Server) -> None:
    found: list[bytes] = []

    def read() -> None:
        found.extend(http.get("plain", decode=bytes).data for _ in range(10))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [BODY] * 80
    assert len(server.requests) == 80


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("cut", r"failed \(RemoteProtocolError\)"),
        ("silent", r"failed \((ReadError|RemoteProtocolError)\)"),
        ("broken", r"failed \(DecodingError\)"),
    ],
)
def test_no_whole_answer_is_tried_again(
    http: HttpClient, server: Server, path: str, said: str
) -> None:
    with pytest.raises(UnavailableError, match=said) as caught:
        http.get(path, decode=bytes)
    assert len(server.requests) > 1
    assert KEY not in str(caught.value)


def test_a_body_is_read_up_to_its_limit(http: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_BODY_BYTES", 1_000_000)
    with pytest.raises(ContractError, match="The answer is larger than 1000000 bytes"):
        http.get("bomb", decode=bytes)
    assert http.get("plain", decode=bytes).data == BODY


def test_a_redirect_is_not_followed_elsewhere(http: HttpClient, server: Server) -> None:
    with pytest.raises(ForeignHostError):
        http.get("away", decode=bytes)
    assert len(server.requests) == 1


def test_a_host_that_is_not_there(http: HttpClient, server: Server) -> None:
    server.server_close()
    with pytest.raises(ApiError, match="ConnectError"):
        client("http://localhost:1").get("plain", decode=bytes)
