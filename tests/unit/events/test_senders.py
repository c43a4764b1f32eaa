"""Who may send events."""

from __future__ import annotations

import base64

import pytest

from captaindata_source.events.senders import is_local, may_send
from captaindata_source.http import Secret

SECRET = Secret("a-long-secret-0123")
HERE, THERE = "127.0.0.1", "203.0.113.7"


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "may"),
    [
        ("Bearer a-long-secret-0123", True),
        ("bearer  a-long-secret-0123 ", True),
        (basic("anybody:a-long-secret-0123"), True),
        (basic(":a-long-secret-0123"), True),
        ("Bearer a-long-secret-0124", False),
        ("Bearer", False),
        ("a-long-secret-0123", False),
        (basic("a-long-secret-0123:wrong"), False),
        ("Basic %%%", False),
        ("Basic " + base64.b64encode(b"\xff\xfe").decode(), False),
        ("Bearer é", False),
        ("", False),
    ],
)
def test_a_secret(authorization: str, may: bool) -> None:
    headers = {"authorization": authorization} if authorization else {}

    assert may_send(SECRET, headers, HERE) is may
    assert may_send(SECRET, headers, THERE) is may


def test_without_a_secret_this_machine_alone_may_send() -> None:
    assert may_send(None, {}, HERE)
    assert may_send(None, {}, "::1")
    assert not may_send(None, {}, THERE)
    assert not may_send(None, {}, None)
    assert not may_send(None, {"x-forwarded-for": THERE}, HERE)  # a proxy on this machine
    assert not may_send(None, {"forwarded": f"for={THERE}"}, HERE)


@pytest.mark.parametrize(
    ("host", "local"),
    [("localhost", True), ("127.0.0.5", True), ("::1", True), ("0.0.0.0", False), ("x", False)],
)
def test_local_addresses(host: str, local: bool) -> None:
    assert is_local(host) is local
