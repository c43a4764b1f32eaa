"""What becomes of a POST to a real server, whichever way it fails."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator

import httpx
import pytest

from captaindata_source.http import Posted, Secret, Verdict, Webhooks, require_webhook_url
from tests.support.tls_server import CERTIFICATE, PROXIES, Server, running
from tests.support.webhook_server import CUT, CUT_AFTER, HANG, Action, Receiver, receiving

MARK = "s3cr3t-path"
QUICK = Webhooks(timeout=httpx.Timeout(5.0, read=0.3), deadline=20)


@pytest.fixture(scope="module")
def server() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXIES, "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def post(url: str, webhooks: Webhooks = QUICK) -> Posted:
    headers = {"content-type": "application/json"}
    return webhooks.post(Secret(url), b'{"alerts": []}', {**headers, "authorization": Secret(MARK)})


@pytest.mark.parametrize(
    ("action", "verdict", "said"),
    [
        (200, Verdict.DELIVERED, "answered 200"),
        (204, Verdict.DELIVERED, "answered 204"),
        (500, Verdict.TRY_LATER, "answered 500"),
        (503, Verdict.TRY_LATER, "answered 503"),
        (599, Verdict.TRY_LATER, "answered 599"),
        ((429, {"retry-after": "7"}), Verdict.TRY_LATER, "answered 429"),
        (400, Verdict.REFUSED, "answered 400"),
        (413, Verdict.REFUSED, "answered 413"),
        (403, Verdict.MISCONFIGURED, "answered 403"),
        (404, Verdict.MISCONFIGURED, "answered 404"),
        (410, Verdict.MISCONFIGURED, "answered 410"),
        (
            (307, {"location": "http://localhost:1/elsewhere"}),
            Verdict.MISCONFIGURED,
            "answered 307, a redirect, which is not followed",
        ),
        (CUT, Verdict.UNKNOWN, "sent, but no answer came"),
        (CUT_AFTER, Verdict.UNKNOWN, "sent, but no answer came"),
        (HANG, Verdict.UNKNOWN, "sent, but no answer came (ReadTimeout)"),
    ],
)
def test_each_answer(
    server: Receiver,
    caplog: pytest.LogCaptureFixture,
    action: Action,
    verdict: Verdict,
    said: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    server.script.append(action)
    before = len(server.got)
    found = post(server.url(f"/{MARK}?token={MARK}"))
    assert found.verdict is verdict
    assert said in found.said
    assert found.retry_after == (7 if isinstance(action, tuple) and action[0] == 429 else None)
    assert len(server.got) - before == (0 if action == CUT else 1), "sent once"
    assert MARK not in caplog.text + repr(found)
    server.is_over.set()
    server.is_over.clear()


def test_what_was_sent(server: Receiver) -> None:
    post(server.url("/hook"))
    headers = {name.lower(): value for name, value in server.got[-1].headers.items()}
    assert headers["authorization"] == MARK
    assert headers["content-type"] == "application/json"
    assert headers["content-length"] == "14"


def test_nothing_is_sent_where_no_connection_comes_about() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = post(f"http://localhost:{port}/{MARK}")
    assert found.verdict is Verdict.TRY_LATER
    assert found.said == "the connection failed (ConnectError)"


def test_a_certificate_that_is_not_trusted_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving(is_tls=True) as server:
        found = post(server.url())
        assert found.verdict is Verdict.MISCONFIGURED
        assert "certificate is not trusted (self-signed certificate)" in found.said
        assert server.got == []
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        assert post(server.url()).verdict is Verdict.DELIVERED


def test_an_answer_that_drips_ends_in_time(server: Receiver) -> None:
    server.script.append(HANG)
    found = post(server.url(), Webhooks(timeout=httpx.Timeout(30.0), deadline=0.3))
    assert found == Posted(verdict=Verdict.UNKNOWN, said="no answer within 0 s")
    server.is_over.set()
    server.is_over.clear()


def test_a_proxy_that_refuses_means_that_nothing_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request to the proxy itself is no message that was sent."""
    for proxy in running(Server(is_tls=False)):
        monkeypatch.setenv("HTTPS_PROXY", f"http://localhost:{proxy.port}")
        found = post(f"https://hooks.example.com/{MARK}")
        assert found.verdict is Verdict.TRY_LATER
        (request,) = proxy.requests
        assert request.startswith("CONNECT hooks.example.com:443")
        assert MARK not in request


@pytest.mark.parametrize(
    "url",
    [
        *("http://hooks.example.com/x", "ftp://localhost/x", "hooks.example.com/x", "https://"),
        *("https://user:pw@hooks.example.com/", "https://hooks.example.com/#x", "https://[x", ""),
    ],
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"must|is not") as caught:
        require_webhook_url(url)
    assert "hooks" not in str(caught.value)
