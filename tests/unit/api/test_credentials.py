"""Session cookies, tokens and passwords are cut out of JSON and texts; all else stays as it is."""

from __future__ import annotations

import json
import re
from typing import Any

import duckdb
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captaindata_source.api.credentials import (
    CANDIDATE,
    REMOVED,
    is_secret,
    strip_json,
    strip_record,
    strip_text,
)
from tests.support.databases import Postgres

MARK = "AQEDmarked-7f3a91"
# fmt: off
SECRET = [
    "li_at", "liAt", "LI-AT", "LI_AT", "lI_aT", "li.at", "li_a", "liA", "JSESSIONID", "jsessionid",
    "csrf", "csrf-token", "csrfToken", "X-CSRF-Token", "XSRF-TOKEN", "authorization",
    "Authorization", "proxy-authorization", "secret", "secrets", "client_secret", "clientSecret",
    "CLIENTSECRET", "api_key", "apiKey", "APIKey", "APIKEY", "api-key", "X-Api-Key", "X_API_KEY",
    "bearer", "token", "tokens", "accessToken", "access_token", "ACCESS-TOKEN", "refreshToken",
    "id_token", "cookie", "cookies", "Cookie", "sessionCookie", "set-cookie", "bcookie",
    "linkedin_cookies", "cookie_string", "cookieHeader", "cookieValue", "cookie1", "password",
    "passwords", "userPassword", "PASSWORD", "passwd", "passphrase", "pwd", "auth", "auth_data",
    "authHeader", "oauth2", "session", "sessions", "session_id", "sessionId", "linkedinSession",
    "PHPSESSID", "credentials", "credential", "identity_login_links", "login_link", "private_key",
    "secretKey", "token_2", "liAtValue", "jwt", "otp", "token_v2", "apiKeyV2", "smtp_pass", "creds",
    "passwordConfirmation", "privateKeyPem", "ssh_key", "authorization_code",
]
HARMLESS = [
    "token_count", "tokenCount", "tokens_used", "tokenizer", "token_type", "secretary",
    "secretariat", "cookie_policy_url", "cookieConsent", "password_required", "passwordPolicy",
    "author", "authors", "authenticated", "auth_type", "authorization_url", "page_token",
    "nextPageToken", "continuationToken", "cursorToken", "bypass", "passport",
    "session_count", "sessionLength", "obsession", "possession", "lia", "Lia",
    "liar", "flat_at", "liaison", "keyword", "monkey", "key", "keys", "name", "value", "limit",
    "linkedin_url", "csrf_enabled", "bearer_name", "api_keys_url", "passenger", "compass", "user",
    "status", "max_results", "label", "has_cookie_banner",
]
# fmt: on


@pytest.mark.parametrize("key", SECRET)
def test_secret_keys(key: str) -> None:
    assert is_secret(key)
    assert strip_json(json.dumps({"a": [{key: {"b": MARK}}]}).encode()) == b'{"a": [{}]}'
    assert strip_record({key: MARK, "a": 1}) == {"a": 1}


@pytest.mark.parametrize("key", HARMLESS)
def test_harmless_keys(key: str) -> None:
    assert not is_secret(key)
    text = json.dumps({"a": [{key: "b"}]}).encode()
    assert strip_json(text) is text
    assert strip_record({key: "b"}) == {key: "b"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a":1,"li_at":"x"}', '{"a":1}'),
        ('{ "li_at" : {"n":[1]} , "a" : 1.10 }', '{ "a" : 1.10 }'),
        ('{"\\u006ci_at":"x","a":1e400}', '{"a":1e400}'),
        ('{"token":1,"token":2}', "{}"),
        ('{"cookies":true,"session":false,"maxTokens":4096}', None),
        ('{"a":["token","cookie","li_at"]}', None),
        ('{"auth_type":"cookie","author":"=:"}', None),
        ('{"name":"li_at","value":"x"}', '{"name":"li_at"}'),
        ('[{"value":["x"],"key":"X-Api-Key","n":1}]', '[{"key":"X-Api-Key","n":1}]'),
        ('{"name":"label","value":"x"}', None),
        ('{"parameter":"li_at","defaultValue":"x"}', '{"parameter":"li_at"}'),
        ('{"sessions":3,"api_keys":2,"name":"session 4"}', None),
        (
            '{"value":1,"name":"pwd","val":{"token":1},"value":2,"jwt":3,"a":4}',
            '{"name":"pwd","a":4}',
        ),
        ('{"name":"lidc","value":"x","httpOnly":true}', '{"name":"lidc","httpOnly":true}'),
        ('{"a":"{\\"li_at\\": \\"x\\", \\"n\\": 1.10}"}', '{"a":"{\\"n\\": 1.10}"}'),
        ('{"a":"[\\"{\\\\\\"pwd\\\\\\":1}\\"]"}', '{"a":"[\\"{}\\"]"}'),
        ('"li_at=x; lang=fr"', '"li_at=[removed]; lang=fr"'),
        ("{'li_at': 'x', 'a': 1", "{'li_at': '[removed]', 'a': 1"),
        ('{"li_at": "x", "a', '{"li_at": "[removed]", "a'),
        ("null", None),
        ("", None),
    ],
)
def test_json(text: str, expected: str | None) -> None:
    found = strip_json(text.encode())
    assert found.decode() == (text if expected is None else expected)
    assert strip_json(found) == found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'li_at=AQED-x; JSESSIONID="ajax:1"; lang=fr',
            'li_at=[removed]; JSESSIONID="[removed]"; lang=fr',
        ),
        ("Cookie: a=b; c=d\nHost: x", "Cookie: [removed]\nHost: x"),
        ("Authorization: Bearer abc.def\nHost: x", "Authorization: [removed]\nHost: x"),
        ("sent with bearer abc-def-123 to x", "sent with bearer [removed] to x"),
        (
            "https://x.test/?a=1&access_token=x9&b=2",
            "https://x.test/?a=1&access_token=[removed]&b=2",
        ),
        ("postgres://me:pw@host/d", "postgres://me:[removed]@host/d"),
        ("user: bob\npassword: hunter2\n", "user: bob\npassword: [removed]\n"),
        (f"Session {MARK}{'x' * 30} expired", "Session [removed] expired"),
        (
            "curl -H 'Cookie: li_at=x; JSESSIONID=\"ajax:1\"; c=d' a",
            "curl -H 'Cookie: [removed]' a",
        ),
        ("login --password=x1 --user=me", "login --password=[removed] --user=me"),
        ("token=Bearer abc.def1;a=1", "token=[removed];a=1"),
        ("{token: 'abc1', a: 'b'}", "{token: '[removed]', a: 'b'}"),
        ('{"token" => "x", "a" => 1}', '{"token" => "[removed]", "a" => 1}'),
        ("a.b/?to=c.d%2F%3Ftoken%3Dx1%26e%3Df", "a.b/?to=c.d%2F%3Ftoken%3D[removed]%26e%3Df"),
        ("https://a.b/?token_count=5&session_duration=3&q=token%20count%3D5", None),
        ("Invalid token: please reconnect", None),
        ("Password: wrong, try again", None),
        ("bearer authentication failed", None),
        ("Cookie: accept it first", None),
        ("token_count=5&keyword=a", None),
        ("Reconnect https://www.linkedin.com/in/zo\u00e9 (me@example.com)", None),
    ],
)
def test_texts(text: str, expected: str | None) -> None:
    found = strip_text(text)
    assert found == (text if expected is None else expected)
    assert strip_text(found) == found


def test_a_record_keeps_its_types_and_uids() -> None:
    raw = msgspec.Raw(b'{"b": 1}')
    record = {"uid": "token=x1", "n": 1, "raw": raw, "t": None, "cookies": True, "list": [{"a": 1}]}
    assert strip_record(record) == record
    assert strip_record(record)["raw"] is raw
    assert strip_record({"d": {"pwd": 1, "a": 2}, "cookie": None}) == {"d": {"a": 2}}


@pytest.mark.parametrize("depth", [20_000])
def test_no_depth_is_too_deep(depth: int) -> None:
    text = f'{"[" * depth}{{"li_at":{"[" * depth}{"]" * depth},"a":1}}{"]" * depth}'
    assert strip_json(text.encode()).decode() == f'{"[" * depth}{{"a":1}}{"]" * depth}'


# fmt: off
PARTS = [
    "\\\\", "\\n", "eyJ-", '"', "token ", "{'pwd", "://", "token1", "Cookie: a", "= ", "a.token=",
    "%3F", "a%3D", 'Cookie: a="',
]
# fmt: on


@pytest.mark.parametrize("part", PARTS)
def test_a_long_text_takes_no_longer_than_its_length(part: str) -> None:
    text = f"token={part * 20_000}"
    assert "[removed]" in strip_text(text)
    key = f"token{'1' * 10_000}x"
    assert b"[removed]" in strip_json(json.dumps({"a": text, key: 1}).encode())


# -- any JSON --------------------------------------------------------------------------------------

Pair = tuple[Any, Any]
"""A value with what is secret, and the same without."""
SCALARS: st.SearchStrategy[Pair] = st.sampled_from(
    [None, True, 0, -1.5, "", "a", "\u00e9\U0001f600", 'q"\\', "a: b", "x=1", "[", "{}", "li_at"]
).map(lambda value: (value, value))
TEXTS: st.SearchStrategy[Pair] = st.sampled_from(
    [
        (f"lang=fr; li_at={MARK}", f"lang=fr; li_at={REMOVED}"),
        (f"Authorization: Bearer {MARK}", f"Authorization: {REMOVED}"),
        (f"https://x.test/?token={MARK}&a=1", f"https://x.test/?token={REMOVED}&a=1"),
    ]
)


@st.composite
def objects(draw: st.DrawFn, inner: st.SearchStrategy[Pair]) -> Pair:
    dirty: dict[str, Any] = {}
    clean: dict[str, Any] = {}
    for kind in draw(st.lists(st.sampled_from("hhs"), max_size=4)):
        value = draw(inner)
        if kind == "h":
            key = draw(st.sampled_from([*HARMLESS[:-2], "\u00e9", "", "a b"]))
            if key in ("name", "value", "key", "label"):
                continue
            dirty[key], clean[key] = value
        else:
            secret = {"deep": [value[0], MARK]}
            dirty[draw(st.sampled_from(SECRET))] = draw(st.sampled_from([MARK, secret, 123]))
    if draw(st.booleans()):
        dirty |= {"name": "JSESSIONID", "value": [MARK]}
        clean |= {"name": "JSESSIONID"}
    counts = {k for k, v in dirty.items() if _is_count(k, v)}
    for count in counts:
        del dirty[count]
        clean.pop(count, None)
    return dirty, clean


def _is_count(key: str, value: object) -> bool:
    counted = ("tokens", "sessions", "cookies", "keys", "credentials")
    return key.lower().endswith(counted) and isinstance(value, int)


def arrays(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    return st.lists(inner, max_size=3).map(
        lambda all_: ([a for a, _ in all_], [b for _, b in all_])
    )


def texts_of(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    containers = objects(inner) | arrays(inner)
    return containers.map(lambda pair: (json.dumps(pair[0]), json.dumps(pair[1])))


DOCUMENTS = st.recursive(
    SCALARS | TEXTS,
    lambda inner: objects(inner) | arrays(inner) | texts_of(inner),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(document=DOCUMENTS)
def test_of_any_json_the_secrets_go_and_all_else_stays_to_the_byte(document: Pair) -> None:
    dirty, clean = (json.dumps(each, ensure_ascii=False).encode() for each in document)
    found = strip_json(dirty)
    assert MARK.encode() not in found
    assert json.loads(found) == document[1]
    if b'"{' not in dirty and b'"[' not in dirty:
        assert found == clean
    assert strip_json(found) == found
    if found != dirty:
        assert re.search(CANDIDATE, dirty.decode(), re.IGNORECASE), "a database finds it too"


def test_databases_find_what_python_does(postgres: Postgres) -> None:
    values = [json.dumps({key: "x"}) for key in (*SECRET, *HARMLESS)]
    values += ['{"\\u006ci_at": 1}', '"li_at=x"', '"sent by bearer abc-def-1"', '"a://b:c@d"']
    with duckdb.connect() as connection:
        sql = "select regexp_matches(v, ?, 'i') from (select unnest(?) as v)"
        found = [row[0] for row in connection.execute(sql, [CANDIDATE, values]).fetchall()]
    rows = postgres.execute(
        "select v ~* %s as found from unnest(%s) with ordinality as t(v, n) order by n",
        (CANDIDATE, values),
    )
    assert found == [row["found"] for row in rows]
    changed = [strip_json(value.encode()) != value.encode() for value in values]
    assert all(is_found for is_found, is_changed in zip(found, changed, strict=True) if is_changed)
    assert sum(changed) == len(SECRET) + 4
    assert sum(found) < len(SECRET) + 4 + len(HARMLESS) / 2, "harmless rows are mostly left alone"
