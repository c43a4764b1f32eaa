"""Links and redirects: followed on the configured host, refused elsewhere before a key is sent."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from captaindata_source.errors import ConfigError, ContractError, ForeignHostError
from captaindata_source.http import AdaptiveThrottle
from captaindata_source.http.client import MAX_REDIRECTS, check_base_url
from tests.support.http_script import BASE_URL, KEY, FakeTime, Script, get, make_client, reply


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("workspace", "https://api.example/v3/workspace"),
        ("/workspace", "https://api.example/v3/workspace"),
        ("/v3/jobs/1/results?page=2", "https://api.example/v3/jobs/1/results?page=2"),
        ("jobs/1/results?cursor=a%2Bb", "https://api.example/v3/jobs/1/results?cursor=a%2Bb"),
        ("/jobs/1?cursor=a+b", "https://api.example/v3/jobs/1?cursor=a+b"),
        ("?page=2", "https://api.example/v3?page=2"),
        ("jobs/a%2Fb", "https://api.example/v3/jobs/a%2Fb"),
        ("jobs/caf\u00e9", "https://api.example/v3/jobs/caf%C3%A9"),
        (
            "jobs?next=https://evil.example/x",
            "https://api.example/v3/jobs?next=https://evil.example/x",
        ),
        ("https://api.example/v3/users?page=1", "https://api.example/v3/users?page=1"),
        ("https://API.example/v3/users", "https://api.example/v3/users"),
        ("https://api.example:443/v3/users", "https://api.example/v3/users"),
        ("http://api.example/v3/users?page=1", "https://api.example/v3/users?page=1"),
        ("http://api.example:80/v3/users", "https://api.example/v3/users"),
        ("https://user:pw@api.example/v3/users", "https://api.example/v3/users"),
        ("HTTPS://api.example/v3/users", "https://api.example/v3/users"),
        ("HTTP://API.EXAMPLE/v3/users", "https://api.example/v3/users"),
        ("Http://api.example:443/v3/users", "https://api.example/v3/users"),
        ("//api.example/v3/users?a=1", "https://api.example/v3/users?a=1"),
        ("//api.example:443/v3/users", "https://api.example/v3/users"),
        ("https://api.example./v3/users", "https://api.example/v3/users"),
        ("https://api.example.:443/v3/users", "https://api.example/v3/users"),
        ("https://api.example/v3/users?c=a b", "https://api.example/v3/users?c=a%20b"),
    ],
)
def test_links_are_resolved_on_our_host(link: str, url: str) -> None:
    script = Script(reply())
    get(script, link)
    assert script.urls == [url]
    assert script.requests[0].headers["authorization"] == f"x-api-key {KEY}"


def test_links_are_resolved_below_a_base_url_without_path() -> None:
    script = Script(reply())
    with make_client(script, base_url="http://localhost:8123") as http:
        for link in (
            "jobs/1",
            "/jobs/2",
            "http://localhost:8123/jobs/3",
            "http://localhost/jobs/4",
        ):
            http.get(link, decode=bytes)
    assert script.urls == [f"http://localhost:8123/jobs/{number}" for number in (1, 2, 3, 4)]


FOREIGN = [
    "https://evil.example/v3/users",
    "http://evil.example/v3/users",
    "https://api.example.evil.example/v3/users",
    "https://api.example@evil.example/v3/users",
    "https://api.example:8443/v3/users",
    "http://api.example:8080/v3/users",
    "//evil.example/v3/users",
    "HTTPS://evil.example/v3/users",
    "https://api.example../v3/users",
    "//api.example:8443/v3/users",
    "//api.example@evil.example/v3/users",
    "https://api.example:80/v3/users",
    "ftp://api.example/v3/users",
]


@pytest.mark.parametrize("link", FOREIGN)
def test_links_to_another_host_or_port_are_refused_unsent(link: str) -> None:
    script, time = Script(reply()), FakeTime()
    with make_client(script, time=time) as http, pytest.raises(ForeignHostError) as caught:
        http.get(link, decode=bytes)
    assert str(caught.value).startswith("A link leads to another host")
    assert str(caught.value).endswith("it was not followed [GET /v3]")
    assert script.requests == []
    assert http.calls == 0
    assert time.sleeps == []


def test_the_error_names_the_foreign_host() -> None:
    with pytest.raises(ForeignHostError) as caught:
        get(Script(reply()), "https://evil.example/v3/users?token=1")
    assert str(caught.value) == (
        "A link leads to another host (evil.example); it was not followed [GET /v3]"
    )


@pytest.mark.parametrize("location", FOREIGN)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_to_another_host_are_refused_unsent(location: str, status: int) -> None:
    script, time = Script(reply(status, location=location)), FakeTime()
    with pytest.raises(ForeignHostError) as caught:
        get(script, time=time)
    assert str(caught.value).startswith("A link leads to another host")
    assert str(caught.value).endswith("it was not followed [GET /v3/workspace]")
    assert script.urls == [f"{BASE_URL}/workspace"]
    assert time.sleeps == []


def test_a_redirect_that_only_looks_foreign_stays_on_our_host() -> None:
    script = Script(reply(302, location="\\\\evil.example"), reply())
    get(script)
    assert script.requests[1].url.host == "api.example"


@pytest.mark.parametrize("link", ["https://api.example/\n", "jobs/\x00", "?a=\x07"])
def test_links_that_are_no_urls_are_refused_unsent(link: str) -> None:
    script = Script(reply())
    with pytest.raises(ContractError) as caught:
        get(script, link)
    assert str(caught.value) == "A link is not a URL; it was not followed [GET /v3]"
    assert script.requests == []


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("https://api.example/v3/there", "https://api.example/v3/there"),
        ("http://api.example/v3/there", "https://api.example/v3/there"),
        ("/v3/there?x=1", "https://api.example/v3/there?x=1"),
        ("/login", "https://api.example/login"),
        ("there", "https://api.example/v3/jobs/there"),
        ("?page=1", "https://api.example/v3/jobs/7?page=1"),
        ("//api.example/v3/there", "https://api.example/v3/there"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_on_our_host_are_followed(status: int, location: str, url: str) -> None:
    script = Script(reply(status, location=location), reply())
    assert get(script, "jobs/7").data == {"ok": True}
    assert script.urls == [f"{BASE_URL}/jobs/7", url]


def test_a_redirect_loop_ends() -> None:
    script, time = Script(reply(302, location="/v3/workspace")), FakeTime()
    with make_client(script, time=time) as http:
        with pytest.raises(ContractError) as caught:
            http.get("workspace", decode=bytes)
        assert http.calls == len(script.requests) == MAX_REDIRECTS + 1
    assert str(caught.value) == "More than 5 redirects [GET /v3/workspace]"
    assert time.sleeps == []


@pytest.mark.parametrize(
    "base_url",
    [
        "https://api.captaindata.co/v3",
        "https://api.captaindata.co:8443/v3/",
        "http://localhost:8000",
        "http://127.0.0.1:8000/v3",
        "http://[::1]:8000/v3",
    ],
)
def test_base_urls_that_are_taken(base_url: str) -> None:
    assert check_base_url(base_url) == httpx.URL(base_url)


@pytest.mark.parametrize(
    "base_url",
    [
        "http://api.captaindata.co/v3",
        "http://localhost.evil.example/v3",
        "http://10.0.0.1/v3",
        "ftp://localhost/v3",
        "api.captaindata.co/v3",
        "https://",
        "",
    ],
)
def test_base_urls_over_which_a_key_would_travel_in_clear(base_url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_base_url(base_url)
    assert str(caught.value) == (
        f"base_url {base_url!r} must start with https:// (plain http is taken for localhost only), "
        "so that the key never travels in clear"
    )


@pytest.mark.parametrize("base_url", ["https://a b\n/", 7, None])
def test_base_urls_that_are_none(base_url: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        check_base_url(base_url)
    assert str(caught.value) == f"base_url {base_url!r} is not a URL"


@pytest.mark.parametrize("more", ["?key=s3cret", "#s3cret", "user:s3cret@"])
def test_base_urls_with_more_than_a_path(more: str) -> None:
    base_url = f"https://{more}api.example" if "@" in more else f"https://api.example/{more}"
    with pytest.raises(ConfigError) as caught:
        check_base_url(base_url)
    assert str(caught.value) == "base_url takes scheme, host and path only"


def test_the_client_checks_its_base_url() -> None:
    with pytest.raises(ConfigError, match=r"must start with https://"):
        make_client(Script(reply()), base_url="http://api.example/v3")


def test_a_refused_link_does_not_hold_up_the_throttle() -> None:
    throttle = AdaptiveThrottle(max_parallel=1, clock=FakeTime().clock)
    script = Script(reply(302, location="https://evil.example"), reply())
    with make_client(script, throttle=throttle) as http:
        for _ in range(3):
            with pytest.raises(ForeignHostError):
                http.get("https://evil.example/", decode=bytes)
        with pytest.raises(ForeignHostError):
            http.get("workspace", decode=bytes)
        assert http.get("workspace", decode=bytes).data == b'{"ok": true}'
    assert len(script.requests) == 2
