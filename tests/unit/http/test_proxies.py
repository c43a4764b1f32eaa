"""Proxies of the environment: used as curl does, or refused in one line that holds no password."""

from __future__ import annotations

import base64
import importlib.util
import os
from collections.abc import Iterator

import httpx
import pytest

from captaindata_source.errors import ConfigError, UnavailableError
from captaindata_source.http import network
from captaindata_source.http.network import tls_context
from tests.conftest import MakeHarness
from tests.support import processes
from tests.support.tls_server import Server, client, running

HOST = "https://api.example:8443/v3"


@pytest.fixture
def proxy() -> Iterator[Server]:
    yield from running(Server(is_tls=False))


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def found(base_url: str = HOST) -> httpx.Proxy | None:
    return network.proxy_for(httpx.URL(base_url), tls=tls_context(is_used=False))


@pytest.mark.parametrize(
    ("value", "login"),
    [
        ("http://{place}", None),
        ("{place}", None),
        ("  http://{place} ", None),
        ("HTTP://{place}/", None),
        ("http://user:p%40ss@{place}", "user:p@ss"),
        ("http://user:p@ss@{place}", "user:p@ss"),
        ("http://user:50%off@{place}/x", "user:50%off"),
        ("http://user:a/b#c?d@{place}", "user:a/b#c?d"),
        ("user:pass@{place}", "user:pass"),
        ("user@{place}", "user:"),
    ],
)
@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
def test_calls_go_through_the_proxy(
    proxy: Server, monkeypatch: pytest.MonkeyPatch, name: str, value: str, login: str | None
) -> None:
    monkeypatch.setenv(name, value.format(place=f"127.0.0.1:{proxy.port}"))
    monkeypatch.setenv("NO_PROXY", "fe80::/10, [::1] ,elsewhere.example")
    with client("https://api.example") as http, pytest.raises(UnavailableError):
        http.get("workspace", decode=bytes)
    request, _, headers = proxy.requests[0].partition("\n")
    assert request == "CONNECT api.example:443 HTTP/1.1"
    sent = [line for line in headers.splitlines() if line.lower().startswith("proxy-auth")]
    coded = login and base64.b64encode(login.encode()).decode()
    assert [line.split()[-1] for line in sent] == ([coded] if coded else [])


def test_the_first_variable_that_is_not_empty_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    for number, name in enumerate(reversed(network.VARIABLES)):
        monkeypatch.setenv(name, f"http://proxy-{number}:1")
        proxy = found()
        assert proxy
        assert proxy.url.host == f"proxy-{number}"
    monkeypatch.setenv("https_proxy", " ")
    proxy = found()
    assert proxy
    assert proxy.url.host == "proxy-2"
    assert found("http://localhost:1") is None


@pytest.mark.parametrize(
    ("listed", "host", "is_exempt"),
    [
        ("*", "api.example", True),
        ("other, *", "api.example", True),
        ("api.example", "api.example", True),
        ("API.Example", "api.example", True),
        ("example", "api.example", True),
        (".example", "api.example", True),
        ("*.example", "api.example", True),
        ("api.example.", "api.example", True),
        ("api.example:8443", "api.example", True),
        ("api.example:443", "api.example", False),
        ("other  api.example", "api.example", True),
        ("pi.example", "api.example", False),
        ("x.api.example", "api.example", False),
        (",,", "api.example", False),
        (".", "api.example", False),
        ("fe80::/10", "api.example", False),
        ("[::1]", "api.example", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.1.2.3:8443", "10.1.2.3", True),
        ("10.1.2.3/33", "10.1.2.3", False),
        ("10.0.0.0/8", "10.example", False),
        ("[::1]", "[::1]", True),
        ("::1", "[::1]", True),
        ("[::1]:8443", "[::1]", True),
        ("fe80::/10", "[fe80::7]", True),
        ("fe80::/10", "[::1]", False),
        ("10.0.0.0/8", "[::1]", False),
        ("::zz:/:", "[::1]", False),
    ],
)
def test_hosts_past_the_proxy(
    monkeypatch: pytest.MonkeyPatch, listed: str, host: str, is_exempt: bool
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, listed)
        assert (found(f"https://{host}:8443") is None) == is_exempt
        monkeypatch.delenv(name)


SECRET = "pa55word"
WRONG = [
    ("socks5://user:{}@127.0.0.1:1080", "names a SOCKS proxy, which takes one more package: "),
    ("SOCKS5h://127.0.0.1:1080", "pip install socksio, or name an http:// proxy"),
    ("socks4://user:{}@127.0.0.1:1080", "begins with http://, https:// or socks5://"),
    ("ftp://user:{}@proxy.example", "begins with http://, https:// or socks5://"),
    ("http://user:{}@proxy.example:port", "is not a proxy's address"),
    ("http://user:{}@proxy.example:99999", "is not a proxy's address"),
    ("http://user:{}@", "is not a proxy's address"),
    ("http://user:{}@proxy example:3128", "is not a proxy's address"),
    ("http://user:{}@[::1:3128", "is not a proxy's address"),
    ("http://", "is not a proxy's address"),
]


@pytest.mark.parametrize(("value", "message"), WRONG)
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "all_proxy"])
def test_what_is_no_proxy_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setenv(name, value.format(SECRET))
    with pytest.raises(ConfigError) as caught:
        client("https://api.example")
    said = str(caught.value)
    assert said.startswith(name)
    assert message in said
    assert SECRET not in said
    assert "\n" not in said


@pytest.mark.parametrize("database", ["duckdb"], indirect=True)
def test_check_and_sync_say_what_is_wrong(make_harness: MakeHarness) -> None:
    harness = make_harness(workflows=1)
    config = harness.config(harness.world.workspaces[0], base_url="https://localhost:1")
    environment = harness.environment([config])
    environment |= {"ALL_PROXY": f"socks4://user:{SECRET}@127.0.0.1:1080"}
    for command in (["check"], ["sync"]):
        done = processes.run(command, environment=environment, folder=harness.folder)
        said = done.stdout + done.stderr
        assert done.code == 2, said
        assert "ALL_PROXY: a proxy's address begins with http://" in said
        assert SECRET not in said
        assert "Traceback" not in said
