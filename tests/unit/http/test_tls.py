"""Certificates are verified, always, and the key goes to the host of `base_url` alone."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from captaindata_source.api.v3 import V3Api
from captaindata_source.errors import ApiError, ConfigError, UnavailableError
from tests.conftest import MakeHarness
from tests.support import processes
from tests.support.errors_said import said
from tests.support.http_script import KEY
from tests.support.tls_server import CERTIFICATE, PROXIES, Server, client, running


@pytest.fixture
def server() -> Iterator[Server]:
    yield from running(Server(is_tls=True))


@pytest.fixture
def proxy() -> Iterator[Server]:
    yield from running(Server(is_tls=False))


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXIES, "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def test_a_self_signed_certificate_is_refused_before_the_key_is_sent(server: Server) -> None:
    with client(f"https://localhost:{server.port}") as http, pytest.raises(ApiError) as caught:
        http.get("workspace", decode=bytes)
    assert isinstance(caught.value, UnavailableError)
    assert str(caught.value) == (
        "The certificate of localhost is not trusted (self-signed certificate), so nothing was "
        "sent there. Check base_url; if your network inspects TLS, set SSL_CERT_FILE to a file "
        "with the certificate of its authority [GET /workspace]"
    )
    assert server.connections == 1, "no retry makes it better"
    assert server.requests == []
    assert KEY not in said(caught.value)


def test_a_next_link_to_plain_http_is_followed_over_https(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    path = "/jobs/j/results"
    link = f"http://localhost:{server.port}{path}?cursor=c"
    paging = json.dumps({"next": link, "have_next_page": True}).encode()
    server.answers = {
        path: b'{"results":[{"a":1}],"paging":%b}' % paging,
        f"{path}?cursor=c": b'{"results":[{"a":2}]}',
    }
    with client(f"https://localhost:{server.port}") as http:
        pages = list(V3Api(http).result_pages("j"))
    assert pages == [[b'{"a":1}'], [b'{"a":2}']]
    assert len(server.requests) == 2, "plain http would not have come through"


def test_a_user_may_trust_more_but_never_another_hosts_certificate(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with client(f"https://localhost:{server.port}") as http:
        assert http.get("workspace", decode=bytes).data == b"{}"
    assert KEY in server.requests.pop()
    with (
        client(f"https://127.0.0.1:{server.port}") as http,
        pytest.raises(UnavailableError, match=r"not trusted .*mismatch") as caught,
    ):
        http.get("workspace", decode=bytes)
    assert server.requests == []
    assert KEY not in said(caught.value)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_of_certificates_that_is_none(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_text(content, encoding="utf-8")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with pytest.raises(ConfigError, match="SSL_CERT_FILE"):
        client("https://localhost:1")


def test_a_proxy_sees_the_name_of_the_host_alone(
    proxy: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in PROXIES[:3]:
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    with client("https://api.example") as http, pytest.raises(UnavailableError):
        http.get("workspace", decode=bytes)
    assert {each.splitlines()[0] for each in proxy.requests} == {"CONNECT api.example:443 HTTP/1.1"}
    assert KEY not in "".join(proxy.requests)


def test_no_proxy_stands_before_this_machine(
    proxy: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain http is taken for localhost only: a proxy would see the key in clear."""
    for name in PROXIES[:3]:
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with client(f"http://localhost:{port}") as http, pytest.raises(UnavailableError):
        http.get("workspace", decode=bytes)
    assert proxy.connections == 0


@pytest.mark.parametrize("database", ["duckdb"], indirect=True)
def test_check_says_what_to_do(make_harness: MakeHarness, server: Server) -> None:
    harness = make_harness(workflows=1)
    config = harness.config(
        harness.world.workspaces[0], base_url=f"https://localhost:{server.port}"
    )
    environment = harness.environment([config])
    done = processes.run(["check"], environment=environment, folder=harness.folder)
    assert done.code == 1
    assert "is not trusted (self-signed certificate)" in done.stdout
    assert "set SSL_CERT_FILE" in done.stdout
    assert server.requests == []
