"""No key in what Python prints, raises, logs or stores."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import socket
import threading
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import msgspec
import pytest

from captaindata_source.api.v3 import V3Api
from captaindata_source.errors import ApiError
from captaindata_source.http import HttpClient, RetryPolicy, Secret
from captaindata_source.settings.workspace import Settings
from tests.support.errors_said import said
from tests.support.http_script import (
    KEY,
    FakeTime,
    RecordingThrottle,
    Script,
    failure,
    make_client,
    reply,
)


def test_a_secret_does_not_print_itself() -> None:
    secret = Secret(KEY)
    settings = Settings(api_key=secret, project_uid="p")
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r:>20}",
        f"{[secret]}",
        f"{settings}",
        ascii(secret),
    ]
    assert shown[0] == shown[1] == "Secret('***')"
    assert not any(KEY in text for text in shown)
    assert secret.reveal() == KEY
    assert not hasattr(secret, "__dict__")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_is_not_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match=r"^a Secret can't be pickled$"):
        pickle.dumps([Secret(KEY)], protocol)


def test_a_secret_is_not_copied_or_serialised() -> None:
    with pytest.raises(TypeError, match=r"^a Secret can't be pickled$"):
        copy.deepcopy(Secret(KEY))
    with pytest.raises(TypeError) as caught:
        json.dumps(Secret(KEY))
    assert KEY not in str(caught.value)


def test_what_holds_a_key_is_not_copied_and_does_not_show_it() -> None:
    settings = Settings(api_key=Secret(KEY), project_uid="p", hash_salt=Secret(KEY))
    with make_client(Script(reply(body=b"{}"))) as http:
        http.get("workspace", decode=bytes)  # now it has connections too
        api = V3Api(http)
        for holder in (settings, http, api):
            inside = [getattr(holder, name, None) for name in dir(holder) if name[:2] != "__"]
            assert KEY not in f"{holder!r} {holder} {inside!r} {holder!a}"
            for copied in (pickle.dumps, copy.deepcopy):
                with pytest.raises(TypeError) as caught:
                    copied(holder)
                assert KEY not in "".join(traceback.format_exception(caught.value))


def test_an_empty_secret_is_false() -> None:
    assert [bool(Secret("")), bool(Secret(KEY))] == [False, True]


@pytest.mark.parametrize(
    "script",
    [
        Script(reply(401)),
        Script(reply(403)),
        Script(reply(404)),
        Script(reply(422)),
        Script(reply(503)),
        Script(reply(429, retry_after="10000")),
        Script(reply(body=b"<html>")),
        Script(reply(body=b'{"cut')),
        Script(reply(body=b"[]")),
        Script(reply(body=b'{"a": "\xff"}')),
        Script(reply(302, location="https://evil.example/")),
        Script(reply(302, location="/v3/workspace")),
        Script(failure(httpx.ConnectError("refused"))),
        Script(failure(httpx.ReadTimeout("slow"))),
    ],
)
def test_no_error_shows_the_key(script: Script, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    decode = msgspec.json.Decoder(dict[str, str]).decode
    with make_client(script) as http, pytest.raises(ApiError) as caught:
        http.get("workspace", decode=decode)
    assert all(KEY in request.headers["authorization"] for request in script.requests)
    assert "captaindata_source.errors" in said(caught.value)
    assert KEY not in said(caught.value)
    assert KEY not in caplog.text


class Handler(BaseHTTPRequestHandler):
    keys: list[str | None]

    def do_GET(self) -> None:
        self.keys.append(self.headers["authorization"])
        status = 503 if len(self.keys) == 1 else 401 if self.path.endswith("secret") else 200
        self.send_response(status)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    Handler.keys = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def logs(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    for name in (None, "pyreqwest", "captaindata_source"):
        caplog.set_level(logging.DEBUG, name)
    return caplog


def real_client(port: int) -> HttpClient:
    return HttpClient(
        base_url=f"http://127.0.0.1:{port}",
        headers={"x-project-id": "p"},
        key_header="authorization",
        key=Secret(f"x-api-key {KEY}"),
        throttle=RecordingThrottle(),
        retry=RetryPolicy(deadline=1),
        clock=FakeTime().clock,
    )


def test_no_log_of_a_real_call_shows_the_key(
    server: ThreadingHTTPServer, logs: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with real_client(server.server_address[1]) as http:
        assert http.get("workspace", decode=bytes).data == b"{}"
        with pytest.raises(ApiError) as caught:
            http.get("secret", decode=bytes)
    assert Handler.keys == [f"x-api-key {KEY}"] * 3
    assert "GET /workspace: 200, 2 bytes" in logs.text
    assert "HTTP 503 for /workspace, will be retried" in logs.text
    assert KEY not in logs.text
    assert KEY not in said(caught.value)


def test_no_log_of_a_refused_connection_shows_the_key(
    logs: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with real_client(port) as http, pytest.raises(ApiError, match="ConnectError") as caught:
        http.get("workspace", decode=bytes)
    assert "GET /workspace: ConnectError" in logs.text
    assert KEY not in logs.text
    assert KEY not in said(caught.value)
