"""The receiver by HTTP: who may send what, and that nothing costs much."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
import uvicorn

from captaindata_source.errors import ConfigError
from captaindata_source.events import app, serving
from captaindata_source.events.receiver import EventApp, require_secrets
from captaindata_source.events.serving import PromptProtocol
from captaindata_source.http import Secret
from captaindata_source.settings.event_options import EventOptions
from captaindata_source.settings.sync_options import SyncOptions
from captaindata_source.settings.workspace import Settings
from tests.support.waiting import wait_for

SECRET = "0123456789abcdef"
BEARER = {"Authorization": f"Bearer {SECRET}"}
JOB = {"uid": "e", "job_uid": "j1", "workflow_uid": "w", "message": "Job x finished"}


def settings(name: str, secret: str | None = SECRET, **options: object) -> Settings:
    return Settings(
        api_key=Secret("k"),
        project_uid=f"uid of {name}".replace(" ", "-"),
        name=name,
        event_secret=None if secret is None else Secret(secret),
        **options,  # type: ignore[arg-type]
    )


@contextmanager
def serving_app(folder: Path, *workspaces: Settings) -> Iterator[httpx.Client]:
    """A client of the application in a real server."""
    events = EventOptions(event_inbox=str(folder / "inbox.db"))
    event_app = EventApp(workspaces, SyncOptions(), events, has_loader=False)
    config = uvicorn.Config(
        event_app, http=PromptProtocol, lifespan="on", log_level="warning", access_log=False
    )
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    wait_for(lambda: server.started)
    port = listener.getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx.Client]:
    """Serves three workspaces, one of them without a secret."""
    workspaces = (
        settings("acme"),
        settings("big co/eu", "another-secret-42"),
        settings("open", None),
    )
    with serving_app(tmp_path, *workspaces) as found:
        yield found


def kept(folder: Path) -> list[tuple[str, str, int]]:
    with closing(sqlite3.connect(folder / "inbox.db")) as database:
        return database.execute("select workspace, kind, copies from events order by id").fetchall()


def test_an_event_is_stored_before_it_is_acknowledged(client: httpx.Client, tmp_path: Path) -> None:
    for _ in range(3):
        answer = client.post("/events/acme", json=JOB, headers=BEARER)
        assert (answer.status_code, answer.json()) == (202, {"kind": "job_succeeded"})
    answer = client.post(
        "/events/big%20co%2Feu", json={"a": 1}, auth=("anybody", "another-secret-42")
    )
    assert (answer.status_code, answer.json()) == (202, {"kind": "unknown"})
    assert client.post("/events/open", json=JOB).status_code == 202

    assert kept(tmp_path) == [
        ("acme", "job_succeeded", 3),
        ("big co/eu", "unknown", 1),
        ("open", "job_succeeded", 1),
    ]


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        ("/events/acme", {}, json.dumps(JOB), 401),
        ("/events/acme", {"Authorization": "Bearer wrong"}, json.dumps(JOB), 401),
        ("/events/acme", {"Authorization": "Bearer another-secret-42"}, json.dumps(JOB), 401),
        ("/events/open", {"X-Forwarded-For": "203.0.113.7"}, json.dumps(JOB), 401),
        ("/events/nobody", BEARER, json.dumps(JOB), 404),
        ("/events/", BEARER, json.dumps(JOB), 404),
        ("/elsewhere", BEARER, json.dumps(JOB), 404),
        ("/events/acme", BEARER, "", 400),
        ("/events/acme", BEARER, "[]", 400),
        ("/events/acme", BEARER, "{", 400),
    ],
)
def test_what_is_refused_is_not_stored(
    client: httpx.Client, tmp_path: Path, path: str, headers: dict[str, str], body: str, status: int
) -> None:
    answer = client.post(path, content=body, headers=headers)

    assert answer.status_code == status
    assert SECRET not in answer.text
    assert kept(tmp_path) == []


def test_other_methods_and_the_state(client: httpx.Client) -> None:
    assert client.get("/events/acme", headers=BEARER).status_code == 405
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/ready").status_code == 200


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(
    client: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("captaindata_source.events.receiver.MAX_BODY", 1_000)
    large = json.dumps({**JOB, "more": "x" * 2_000})

    assert client.post("/events/acme", content=large, headers=BEARER).status_code == 413
    pieces = (large[first : first + 100].encode() for first in range(0, len(large), 100))
    assert client.post("/events/acme", content=pieces, headers=BEARER).status_code == 413
    assert kept(tmp_path) == []


def test_a_compressed_body_is_refused_with_the_reason(client: httpx.Client, tmp_path: Path) -> None:
    body = json.dumps(JOB).encode()
    for encoding in ("gzip", "deflate", "br", "gzip, identity"):
        headers = {**BEARER, "Content-Encoding": encoding}
        answer = client.post("/events/acme", content=gzip.compress(body), headers=headers)
        assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "identity")
        assert answer.json() == {"error": "Send the body without compression"}
    assert kept(tmp_path) == []
    headers = {**BEARER, "Content-Encoding": "Identity"}
    assert client.post("/events/acme", content=body, headers=headers).status_code == 202


def test_too_much_at_once_is_put_off(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("captaindata_source.events.receiver.MAX_BODIES", 10)

    answer = client.post("/events/acme", json=JOB, headers=BEARER)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    monkeypatch.undo()
    assert client.post("/events/acme", json=JOB, headers=BEARER).status_code == 202


def test_slow_clients_are_cut_off(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr("captaindata_source.events.receiver.BODY_SECONDS", 0.2)
    address = (client.base_url.host, client.base_url.port or 0)
    with socket.create_connection(address, timeout=30) as silent:
        silent.sendall(b"POST /events/acme HTTP/1.1\r\nHost: x\r\n")
        assert silent.recv(100) == b""
    head = f"POST /events/acme HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRET}\r\n"
    with socket.create_connection(address, timeout=30) as slow:
        slow.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        assert b" 408 " in slow.recv(1_000)


@pytest.mark.parametrize(
    ("first", "slowly"),
    [
        ("GET /health HTTP/1.1\r\nHost: x\r\n\r\n", b""),
        ("GET /health HTTP/1.1\r\nHost: x\r\n\r\nPOST /events/acme HTTP/1.1\r\n", b"X"),
        ("POST /events/acme HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n", b"x"),
        (
            "POST /events/acme HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"1\r\nx\r\n",
        ),
    ],
)
def test_nobody_without_the_secret_keeps_a_connection(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, first: str, slowly: bytes
) -> None:
    monkeypatch.setattr(serving, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(serving, "IDLE_SECONDS", 0.3)
    address = (client.base_url.host, client.base_url.port or 0)
    with socket.create_connection(address) as slow:
        slow.settimeout(0.05)
        slow.sendall(first.encode())
        got = b""
        with suppress(ConnectionError):
            for _ in range(400):
                slow.sendall(slowly)
                with suppress(TimeoutError):
                    if not (piece := slow.recv(10_000)):
                        break
                    got += piece
            else:
                pytest.fail("the connection is still open")
    assert got.startswith((b"HTTP/1.1 200", b"HTTP/1.1 401"))


def test_a_disk_that_is_full_is_told(
    client: httpx.Client, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = sqlite3.connect(tmp_path / "inbox.db", isolation_level=None)
    other.execute("pragma journal_mode")
    other.execute("drop table events")

    with caplog.at_level(logging.WARNING):
        answer = client.post("/events/acme", json=JOB, headers=BEARER)

    assert client.get("/ready").status_code == 503
    other.close()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "The inbox can't be written" in caplog.text
    assert "j1" not in caplog.text


def test_redaction_comes_before_the_disk(tmp_path: Path) -> None:
    workspace = settings("acme", exclude_fields=["phone"], hash_fields=["email"])
    large = [{"email": "ann@example.com", "phone": "+33 1", "n": n} for n in range(3_000)]
    with serving_app(tmp_path, workspace) as client:
        for results in (large[:1], large):
            body = {
                "callback_ref_uid": str(len(results)),
                "run": {"run_uid": "r", "status": "SUCCEEDED"},
                "input": {"email": "input@example.com"},
                "results": results,
            }
            assert client.post("/events/acme", json=body, headers=BEARER).status_code == 202
        content = b"".join(path.read_bytes() for path in tmp_path.iterdir())

    assert b"example.com" not in content
    assert b"+33 1" not in content
    assert b'"n":2999' in content.replace(b" ", b"")


def test_secrets_are_needed_where_others_reach_it(tmp_path: Path) -> None:
    workspaces = [settings("acme"), settings("open", None)]
    with pytest.raises(ConfigError, match="event_secret is missing for workspace 'open'"):
        require_secrets(workspaces)
    with pytest.raises(ConfigError, match="event_secret is missing"):
        serving.serve_events(
            workspaces,
            SyncOptions(),
            EventOptions(event_inbox=str(tmp_path / "inbox.db")),
            host="0.0.0.0",
            port=0,
            every=None,
            announce=print,
        )
    with pytest.raises(ConfigError, match="event_secret must be at least 16 characters"):
        settings("acme", "short")


def test_the_application_has_a_name_for_servers() -> None:
    assert isinstance(app, EventApp)
