"""What the API says of a failed call: what it decides, what of it is shown, and what is not."""

from __future__ import annotations

import json
import logging
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from captaindata_source.errors import (
    ApiError,
    AuthError,
    CallRefusedError,
    ContractError,
    NotFoundError,
    Problem,
    UnavailableError,
)
from captaindata_source.http import HttpClient, RetryPolicy
from captaindata_source.http.failures import MAX_EXPLAINED_BYTES
from tests.support.errors_said import said
from tests.support.http_script import (
    KEY,
    FakeTime,
    RecordingThrottle,
    Script,
    calm,
    get,
    make_client,
    reply,
)

PRIVATE = "what-the-customer-typed"


class _Body(msgspec.Struct):
    tag: str | None = None
    where: str | None = None
    ref: str | None = None
    text: str | None = None
    params: Any = None


def explain(body: bytes) -> Problem | None:
    """The small API of these tests; the client knows none of its names."""
    parsed = msgspec.json.decode(body, type=_Body)
    return Problem(parsed.tag, parsed.where, parsed.ref, parsed.text, parsed.params)


def body_of(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def failed(script: Script, link: str = "runs", **options: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        get(script, link, **{"explain": explain, **options})
    return caught.value


REFUSED = "The API refused the call"
NO_KEY = (
    "The API does not accept the key: copy it again from Captain Data, and check that its owner "
    "may read this workspace"
)
NO_CONFIG = "The workspace is not set up as the API wants it: check its settings in Captain Data"
GONE = "Captain Data does not know this object, or no longer"
NO_CREDITS = "The API asks for payment: check the plan and the credits of the workspace"
NO_ACCOUNT = "An integration of the run, such as LinkedIn, failed: look at its account"
STATUSES = [400, 401, 402, 403, 404, 405, 408, 422, 424, 500, 501, 502, 503, 504]


@pytest.mark.parametrize("scope", ["auth", "config", "input", "param", "integ"])
@pytest.mark.parametrize("status", STATUSES)
def test_a_scope_decides_what_a_failure_costs(status: int, scope: str) -> None:
    by_status = {
        401: (AuthError, REFUSED, "unauthorized"),
        403: (AuthError, REFUSED, "forbidden"),
        402: (CallRefusedError, NO_CREDITS, "payment_required"),
        404: (NotFoundError, GONE, "not_found"),
        422: (CallRefusedError, REFUSED, "run_aborted"),
        424: (CallRefusedError, NO_ACCOUNT, "integration_failed"),
    }
    by_scope = {
        "auth": (AuthError, NO_KEY, "unauthorized"),
        "config": (CallRefusedError, NO_CONFIG, "misconfigured"),
    }
    of_call = by_status.get(status, (CallRefusedError, REFUSED, "refused"))
    kind, message, name = by_scope.get(scope, of_call)
    script, time = Script(reply(status, body_of(tag="LABEL", where=scope, ref="ERR-1"))), FakeTime()
    error = failed(script, "runs/7?x=1", time=time)
    assert type(error) is kind
    assert str(error) == (
        f"{message} [GET /v3/runs/7, HTTP {status}; LABEL, scope {scope}, reference ERR-1]"
    )
    assert (error.kind, error.is_fatal) == (name, scope in ("auth", "config"))
    assert (len(script.requests), time.sleeps) == (1, [])


@pytest.mark.parametrize("status", STATUSES)
def test_what_the_server_blames_on_itself_is_tried_again(status: int) -> None:
    body = body_of(tag="DOWN", where="server", ref="ERR-1")
    script, time = Script(reply(status, body), reply()), FakeTime()
    assert get(script, time=time, explain=explain).data == {"ok": True}
    assert (len(script.requests), time.sleeps) == (2, [0.5])
    error = failed(Script(reply(status, body)), retry=RetryPolicy(deadline=1, jitter=lambda: 1.0))
    assert type(error) is UnavailableError
    assert str(error) == (
        f"The API answered {status}, also after retries. Check base_url and the network, or try "
        f"later [GET /v3/runs, HTTP {status}; DOWN, scope server, reference ERR-1]"
    )
    assert (error.kind, error.is_fatal) == ("server_error", False)


@pytest.mark.parametrize("scope", ["auth", "config", "input", "param", "integ", "server", "?"])
def test_a_429_is_a_rate_limit_whatever_is_blamed(scope: str) -> None:
    limit = reply(429, body_of(tag="SLOW", where=scope), retry_after="20")
    throttle = RecordingThrottle()
    script = Script(limit, reply())
    assert get(script, explain=explain, throttle=throttle).data == {"ok": True}
    assert throttle.pauses == [20.0]
    error = failed(Script(limit), retry=RetryPolicy(deadline=1))
    assert type(error) is UnavailableError
    assert (error.kind, error.is_fatal) == ("rate_limited", False)
    assert str(error).endswith(f"plan allows [GET /v3/runs, HTTP 429; SLOW, scope {scope}]")


@pytest.mark.parametrize("scope", [None, "", "billing", "authority", "\u0430uth"])
@pytest.mark.parametrize(
    ("status", "kind", "name", "is_fatal"),
    [
        (400, CallRefusedError, "refused", False),
        (402, CallRefusedError, "payment_required", False),
        (422, CallRefusedError, "run_aborted", False),
        (424, CallRefusedError, "integration_failed", False),
        (401, AuthError, "unauthorized", True),
        (403, AuthError, "forbidden", False),
        (404, NotFoundError, "not_found", False),
        (501, ContractError, "unexpected_answer", False),
        (503, UnavailableError, "server_error", False),
    ],
)
def test_without_a_known_scope_the_status_decides(
    status: int, kind: type[ApiError], name: str, is_fatal: bool, scope: str | None
) -> None:
    error = failed(Script(reply(status, body_of(tag="L", where=scope))))
    assert type(error) is kind
    assert (error.kind, error.is_fatal) == (name, is_fatal)
    assert f"HTTP {status}; L" in str(error)


@pytest.mark.parametrize("scope", ["AUTH", " auth ", "Auth\n"])
def test_scopes_are_known_in_any_case(scope: str) -> None:
    error = failed(Script(reply(400, body_of(where=scope))))
    assert type(error) is AuthError
    assert error.is_fatal


def test_answers_with_data_and_redirects_are_not_explained() -> None:
    asked: list[bytes] = []

    def note(body: bytes) -> None:
        asked.append(body)

    get(Script(reply(302, location="/v3/x"), reply(503, b"down"), reply()), explain=note)
    assert asked == [b"down"]


# -- what is shown ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"tag": "L"}, "; L"),
        ({"where": "input"}, "; scope input"),
        ({"ref": "ERR-1"}, "; reference ERR-1"),
        ({"tag": "L", "ref": "ERR-1"}, "; L, reference ERR-1"),
        ({"text": PRIVATE, "params": {"a": PRIVATE}}, ""),
        ({"tag": "", "where": " ", "ref": "\n"}, ""),
        ({"tag": "\x1b[31mred\r\n\x00\u202eevil\u00e9"}, "; [31mredevil"),
        ({"tag": "x" * 5000, "ref": "y" * 101}, f"; {'x' * 100}, reference {'y' * 100}"),
    ],
)
def test_what_an_error_prints_of_a_problem(fields: dict[str, Any], shown: str) -> None:
    assert str(failed(Script(reply(400, body_of(**fields))))) == (
        f"The API refused the call [GET /v3/runs, HTTP 400{shown}]"
    )


def test_message_and_params_are_attributes_only() -> None:
    fields = {"tag": "L", "where": "input", "text": PRIVATE, "params": {"url": [PRIVATE]}}
    error = failed(Script(reply(422, body_of(**fields))))
    assert error.problem is not None
    assert (error.problem.message, error.problem.params) == (PRIVATE, {"url": [PRIVATE]})
    assert repr(error.problem) == "Problem(label='L', scope='input', reference=None)"
    assert PRIVATE not in said(error)


@pytest.mark.parametrize(
    "echo",
    [
        KEY,
        f"x-api-key {KEY}",
        f"bad key {KEY}!",
        "x" * 95 + KEY,
        KEY[:3] + "\n\u200b" + KEY[3:],
        KEY.upper(),
        f"{KEY}{KEY}",
    ],
)
@pytest.mark.parametrize("status", [400, 503])
def test_a_key_that_the_server_echoes_is_not_shown(
    echo: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    body = body_of(tag=echo, where=echo, ref=echo, text=KEY, params={KEY: KEY})
    told: list[str] = []
    error = failed(
        Script(reply(status, body)), on_retry=lambda failure: told.append(f"{failure} {failure!r}")
    )
    assert error.problem is not None
    for text in (said(error), repr(error.problem), str(error.problem), caplog.text, *told):
        assert KEY.lower() not in text.lower()
        assert KEY[:5].lower() not in text.lower()
    assert "***" in str(error) or echo.startswith("xx")


def test_an_error_shows_no_more_of_a_problem_that_is_not_cleaned() -> None:
    error = CallRefusedError("No", path="/x", status=400, problem=Problem(label="a\nb" * 100))
    assert str(error) == f"No [GET /x, HTTP 400; {('ab' * 100)[:100]}]"
    assert error.problem == Problem(label=("ab" * 100)[:100])


def test_an_empty_key_hides_nothing() -> None:
    assert Problem(label="LABEL").printable(secrets=["", "\n"]) == Problem(label="LABEL")


# -- bodies that say nothing --------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>down</html>",
        b'{"tag": "L"',
        b'{"tag": "\xff"}',
        b"[" * 50_000,
        b'{"params": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        b'{"tag": 7}',
        b'{"where": ["auth"]}',
        b'{"where": {"a": 1}}',
        b"[]",
        b"null",
        b'"auth"',
        b'{"tag": "\\ud800"}',
        b'{"where": "auth", "text": "' + b"x" * MAX_EXPLAINED_BYTES + b'"}',
    ],
    ids=lambda body: body[:12],
)
@pytest.mark.parametrize(("status", "kind"), [(400, CallRefusedError), (401, AuthError)])
def test_bodies_that_are_no_problem(body: bytes, status: int, kind: type[ApiError]) -> None:
    error = failed(Script(reply(status, body)))
    assert type(error) is kind
    assert str(error).endswith(f"[GET /v3/runs, HTTP {status}]")
    assert (error.problem, error.is_fatal) == (None, status == 401)
    assert error.__context__ is None


def test_a_body_up_to_the_cap_is_explained() -> None:
    empty = len(body_of(where="auth", text=""))
    body = body_of(where="auth", text="x" * (MAX_EXPLAINED_BYTES - empty))
    assert len(body) == MAX_EXPLAINED_BYTES
    assert failed(Script(reply(400, body))).is_fatal


@calm
@given(
    st.dictionaries(
        st.sampled_from(["tag", "where", "ref", "text", "params"]),
        st.none() | st.text() | st.integers() | st.lists(st.text(), max_size=2),
    )
    | st.binary()
)
def test_any_body_is_survived(body: Any) -> None:
    raw = body if isinstance(body, bytes) else body_of(**body)
    retry = RetryPolicy(deadline=1, jitter=lambda: 1.0)
    shown = str(failed(Script(reply(400, raw)), retry=retry))
    assert shown.isascii()
    assert shown.isprintable()
    assert len(shown) < 600


@pytest.mark.parametrize(
    "error", [ValueError("no"), RecursionError(), msgspec.ValidationError("no")]
)
def test_what_a_reader_raises_about_a_body_counts_as_nothing(error: Exception) -> None:
    def refuse(_: bytes) -> Problem | None:
        raise error

    assert failed(Script(reply(400)), explain=refuse).problem is None


def test_a_bug_in_the_reader_is_not_hidden() -> None:
    def buggy(_: bytes) -> Problem | None:
        raise KeyError("bug")

    http: HttpClient = make_client(Script(reply(400)), explain=buggy)
    with http, pytest.raises(KeyError):
        http.get("runs", decode=bytes)
