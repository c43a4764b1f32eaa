"""The HTTP client: what is sent, what is tried again, what ends at once, how long it waits."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import httpx
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
    UnavailableError,
)
from captaindata_source.extract.opening import connect
from captaindata_source.http import (
    AdaptiveThrottle,
    RequestBudget,
    RetryPolicy,
    Secret,
    connections,
)
from captaindata_source.settings.workspace import Settings
from tests.support.http_script import (
    BASE_URL,
    KEY,
    START,
    FakeTime,
    RecordingThrottle,
    Script,
    calm,
    failure,
    get,
    make_client,
    reply,
)


class Chunks(httpx.SyncByteStream):
    """A body that arrives in pieces; before each one `between` is called."""

    def __init__(self, *chunks: bytes, between: Callable[[], None]) -> None:
        self._chunks = chunks
        self._between = between

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self._between()
            yield chunk


def test_sends_the_documented_headers_with_every_request() -> None:
    script = Script(reply(503), reply(307, location="/v3/moved"), reply())
    with make_client(script) as http:
        assert http.get("workspace", decode=msgspec.json.decode).data == {"ok": True}
        assert http.calls == 3
    assert [request.method for request in script.requests] == ["GET"] * 3
    assert script.urls == [f"{BASE_URL}/workspace"] * 2 + [f"{BASE_URL}/moved"]
    for request in script.requests:
        assert request.headers["authorization"] == f"x-api-key {KEY}"
        assert request.headers["x-project-id"] == "project-1"
        assert request.headers["accept"] == "application/json"


def test_the_source_sends_the_same_headers() -> None:
    script = Script(reply(body=b'{"name": "Acme"}'))
    settings = Settings(api_key=Secret(KEY), project_uid="project-1")
    api = connect(settings, transport=httpx.MockTransport(script))
    assert api.workspace() == {"name": "Acme"}
    assert api.calls == 1
    api.close()
    [request] = script.requests
    assert str(request.url) == "https://api.captaindata.co/v3/workspace"
    assert request.headers["authorization"] == f"x-api-key {KEY}"
    assert request.headers["x-project-id"] == "project-1"


def test_params_join_those_of_the_link() -> None:
    script = Script(reply())
    with make_client(script) as http:
        http.get("jobs?limit=5", decode=msgspec.json.decode, params={"page": 2, "q": "a b&c"})
    assert dict(script.requests[0].url.params) == {"limit": "5", "page": "2", "q": "a b&c"}


def test_the_reply_carries_the_headers() -> None:
    assert get(Script(reply(X_Pagination_Next="n"))).headers["x-pagination-next"] == "n"


def test_every_request_asks_the_throttle_and_tells_it_what_came() -> None:
    throttle = RecordingThrottle()
    get(
        Script(failure(httpx.ConnectError("no")), reply(x_ratelimit_remaining="7")),
        throttle=throttle,
    )
    assert throttle.acquired == 2
    assert throttle.released[0] is None
    assert throttle.released[1] is not None
    assert throttle.released[1]["x-ratelimit-remaining"] == "7"


def test_the_throttle_is_told_the_route_class_of_each_request() -> None:
    throttle = RecordingThrottle()
    script = Script(reply(302, location="/v3/there"), reply(429), reply())
    get(
        script,
        "runs/7?x=1",
        throttle=throttle,
        route_of=lambda path: "runs" if path.startswith("/v3/runs/") else "other",
    )
    assert script.urls[0] == f"{BASE_URL}/runs/7?x=1"
    assert throttle.routes == ["runs"] * 2 + ["other"] * 3 + ["runs"] * 2


def test_without_route_classes_all_calls_are_of_one() -> None:
    throttle = RecordingThrottle()
    get(Script(reply(429), reply()), throttle=throttle)
    assert throttle.routes == [""] * 5


def test_threads_share_a_client_and_calls_are_counted() -> None:
    script = Script(reply())
    with make_client(script) as http, ThreadPoolExecutor(4) as pool:
        links = [f"jobs/{number}" for number in range(40)]
        list(pool.map(lambda link: http.get(link, decode=msgspec.json.decode), links))
        assert http.calls == len(script.requests) == 40
    assert sorted(script.urls) == sorted(f"{BASE_URL}/{link}" for link in links)


def test_a_closed_client_opens_again() -> None:
    script = Script(reply())
    http = make_client(script)
    http.get("workspace", decode=msgspec.json.decode)
    http.close()
    http.get("workspace", decode=msgspec.json.decode)
    http.close()
    assert len(script.requests) == 2


# -- what is tried again ------------------------------------------------------------------------


PASSING = [408, 425, 429, 500, 502, 503, 504, 507, 509]
PASSING_AT_A_CDN = [520, 521, 522, 523, 524, 525, 527, 529, 530, 598, 599]


@pytest.mark.parametrize("status", [*PASSING, *PASSING_AT_A_CDN])
def test_listed_statuses_are_tried_again(status: int) -> None:
    script, time = Script(reply(status, b"<html>"), reply()), FakeTime()
    assert get(script, time=time).data == {"ok": True}
    assert script.urls == [f"{BASE_URL}/workspace"] * 2
    assert time.sleeps == [0.5]


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.ReadError("reset"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("peer closed connection"),
    ],
)
def test_connection_errors_are_tried_again(error: Exception) -> None:
    script, time = Script(failure(error), failure(error), reply()), FakeTime()
    assert get(script, time=time).data == {"ok": True}
    assert len(script.requests) == 3
    assert time.sleeps == [0.5, 1.0]


def test_a_connection_that_breaks_in_the_body_is_tried_again() -> None:
    def broken(_: httpx.Request) -> httpx.Response:
        def reset() -> None:
            raise httpx.ReadError("reset")

        return httpx.Response(200, stream=Chunks(b"[1]", between=reset))

    script = Script(broken, reply())
    assert get(script).data == {"ok": True}
    assert len(script.requests) == 2


def test_a_body_that_does_not_unzip_is_tried_again() -> None:
    """The server cut it, or something on the way did."""
    script = Script(
        lambda _: httpx.Response(
            200,
            headers={"content-encoding": "gzip"},
            stream=Chunks(b"no gzip", between=lambda: None),
        ),
        lambda _: httpx.Response(
            200,
            headers={"content-encoding": "gzip"},
            stream=Chunks(gzip.compress(b'{"ok": 1}'), between=lambda: None),
        ),
    )
    assert get(script).data == {"ok": 1}
    assert len(script.requests) == 2


DOCUMENT = json.dumps(
    {"results": [{"a": -1.5e-3, "b": "é\U0001f600\\"}, {"c": [True, False, None, {}]}]},
    ensure_ascii=False,
).encode()


@pytest.mark.parametrize("whole", [DOCUMENT, b" [" + DOCUMENT + b", -1.5e+3]"])
def test_json_cut_anywhere_is_tried_again(whole: bytes) -> None:
    first = len(whole) - len(whole.lstrip()) + 1
    for length in range(first, len(whole)):
        script = Script(reply(body=whole[:length]), reply(body=whole))
        assert get(script).data == json.loads(whole), whole[:length]
        assert len(script.requests) == 2, whole[:length]


def test_json_that_always_breaks_off_ends_as_unavailable() -> None:
    with pytest.raises(UnavailableError) as caught:
        get(Script(reply(body=b'[{"a": 1')), retry=RetryPolicy(deadline=1, jitter=lambda: 1.0))
    assert str(caught.value) == (
        "The answer breaks off, also after retries. Check base_url and the network, or try later "
        "[GET /v3/workspace]"
    )


# -- what ends at once --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind", "remedy"),
    [
        (401, AuthError, "The API key is not accepted: copy it again from My Account > General"),
        (
            403,
            AuthError,
            "The key may not see this: check that project_uid is the workspace the key belongs to",
        ),
        (404, NotFoundError, "Captain Data does not know this object, or no longer"),
        (400, CallRefusedError, "The API refused the call"),
        (405, CallRefusedError, "The API refused the call"),
        (418, CallRefusedError, "The API refused the call"),
        (422, CallRefusedError, "The API refused the call"),
        (501, ContractError, "The API failed"),
        (505, ContractError, "The API failed"),
        (511, ContractError, "The API failed"),
        (526, ContractError, "The API failed"),
        (304, ContractError, "The API answered without data"),
        (204, ContractError, "The API answered without data"),
    ],
)
def test_other_statuses_end_with_one_call(status: int, kind: type[ApiError], remedy: str) -> None:
    script, time = (
        Script(reply(status, b"" if status in (204, 304) else b'{"secret": 1}')),
        FakeTime(),
    )
    with pytest.raises(ApiError) as caught:
        get(script, "jobs/7?x=1", time=time)
    assert type(caught.value) is kind
    assert str(caught.value) == f"{remedy} [GET /v3/jobs/7, HTTP {status}]"
    assert (caught.value.status, caught.value.path) == (status, "/v3/jobs/7")
    assert len(script.requests) == 1
    assert time.sleeps == []


@pytest.mark.parametrize(
    ("body", "headers", "message"),
    [
        (
            b"<!doctype html><p>Sign in",
            {"content-type": "text/html; charset=utf-8"},
            "The answer is not JSON (text/html, 25 bytes): is base_url right?",
        ),
        (b"", {}, "The answer is not JSON (no content type, 0 bytes): is base_url right?"),
        (
            b'{"a" 1}',
            {"content-type": "application/json"},
            "The answer is not JSON (application/json, 7 bytes): is base_url right?",
        ),
        (b'"cut', {}, "The answer is not JSON (no content type, 4 bytes): is base_url right?"),
        (b'{"a": "\xff"}', {}, "The answer is not UTF-8"),
        (b"[" * 100_000, {}, "The answer is nested too deep"),
    ],
)
def test_what_is_not_json_ends_with_one_call(
    body: bytes, headers: dict[str, str], message: str
) -> None:
    script = Script(lambda _: httpx.Response(200, content=body, headers=headers))
    with pytest.raises(ContractError) as caught:
        get(script)
    assert str(caught.value) == f"{message} [GET /v3/workspace]"
    assert len(script.requests) == 1


def test_json_of_another_shape_ends_with_one_call() -> None:
    script = Script(reply(body=b'{"a": "private"}'))
    with make_client(script) as http, pytest.raises(ContractError) as caught:
        http.get("workflows", decode=msgspec.json.Decoder(list[msgspec.Raw]).decode)
    assert str(caught.value) == (
        "The answer has another shape than expected: Expected `array`, got `object` "
        "[GET /v3/workflows]"
    )
    assert len(script.requests) == 1


# -- waiting ------------------------------------------------------------------------------------


def test_retries_end_at_the_deadline_and_name_a_remedy() -> None:
    script, time = Script(reply(503)), FakeTime()
    with pytest.raises(UnavailableError) as caught:
        get(script, time=time)
    assert str(caught.value) == (
        "The API answered 503, also after retries. Check base_url and the network, or try later "
        "[GET /v3/workspace, HTTP 503]"
    )
    assert caught.value.status == 503
    assert time.sleeps == [0.5, 1, 2, 4, 8, 16, 32, *[60] * 13]
    assert time.elapsed <= 900
    assert len(script.requests) == len(time.sleeps) + 1


def test_a_rate_limit_that_never_clears_names_the_option() -> None:
    with pytest.raises(UnavailableError) as caught:
        get(Script(reply(429)))
    assert str(caught.value) == (
        "The API answered 429, also after retries. The rate limit did not clear: set "
        "requests_per_minute to what your plan allows [GET /v3/workspace, HTTP 429]"
    )


def test_a_host_that_is_never_reached() -> None:
    cause = httpx.ConnectError("refused")
    with pytest.raises(UnavailableError) as caught:
        get(Script(failure(cause)))
    assert str(caught.value) == (
        "The connection to api.example failed (ConnectError), also after retries. "
        "Check base_url and the network, or try later [GET /v3/workspace]"
    )
    assert caught.value.status is None
    assert caught.value.__cause__ is cause


def test_time_spent_in_the_call_counts_against_the_deadline() -> None:
    time = FakeTime()

    def slow(_: httpx.Request) -> httpx.Response:
        time.elapsed += 400
        return httpx.Response(503)

    script = Script(slow)
    with pytest.raises(UnavailableError):
        get(script, time=time)
    assert len(script.requests) == 3
    assert time.sleeps == [0.5, 1.0]


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    "retry_after", ["120", format_datetime(datetime.fromtimestamp(START + 120, UTC), usegmt=True)]
)
def test_retry_after_is_honoured_in_both_forms(status: int, retry_after: str) -> None:
    script, time = Script(reply(status, retry_after=retry_after), reply()), FakeTime()
    assert get(script, time=time, retry=RetryPolicy(jitter=lambda: 0.0)).data == {"ok": True}
    assert time.sleeps == [120.0]
    assert len(script.requests) == 2


def test_a_retry_after_that_makes_no_sense_is_ignored() -> None:
    script, time = Script(reply(503, retry_after="soon"), reply()), FakeTime()
    get(script, time=time)
    assert time.sleeps == [0.5]


@pytest.mark.parametrize("status", [429, 503])
def test_a_retry_after_beyond_the_deadline_gives_up_at_once(status: int) -> None:
    script, time, throttle = (
        Script(reply(status, retry_after="901")),
        FakeTime(),
        RecordingThrottle(),
    )
    with pytest.raises(UnavailableError):
        get(script, time=time, throttle=throttle)
    assert len(script.requests) == 1
    assert time.sleeps == []
    assert throttle.pauses == [], "nobody else waits for that long either"


def test_a_429_pauses_the_throttle_for_everyone() -> None:
    throttle = RecordingThrottle()
    get(Script(reply(429, retry_after="30"), reply(429), reply(503), reply()), throttle=throttle)
    assert throttle.pauses == [30.0, 0.5]


@pytest.mark.parametrize("kind", [AdaptiveThrottle, RequestBudget])
@pytest.mark.parametrize("retry_after", ["30", None])
def test_a_429_is_waited_for_once(
    kind: type[AdaptiveThrottle] | type[RequestBudget], retry_after: str | None
) -> None:
    """By the retry; the pause of the throttle, which is for others, is over by then."""
    time = FakeTime()
    throttle = (
        AdaptiveThrottle(max_parallel=8, clock=time.clock)
        if kind is AdaptiveThrottle
        else RequestBudget(per_minute=100, clock=time.clock)
    )
    refused = reply(429) if retry_after is None else reply(429, retry_after=retry_after)
    script = Script(refused, reply())
    get(script, time=time, throttle=throttle, retry=RetryPolicy(jitter=lambda: 0.5))
    assert time.elapsed == (30.5 if retry_after else 0.5)


def test_a_slow_drip_is_cut_and_tried_again() -> None:
    time = FakeTime()

    def minute() -> None:
        time.elapsed += 60

    def drip(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Chunks(*[b" "] * 100, between=minute))

    script = Script(drip, reply())
    assert get(script, time=time).data == {"ok": True}
    assert len(script.requests) == 2
    assert time.elapsed == pytest.approx(6 * 60 + 0.5)


def test_an_endless_drip_ends_as_unavailable() -> None:
    time = FakeTime()

    def minute() -> None:
        time.elapsed += 60

    script = Script(lambda _: httpx.Response(200, stream=Chunks(*[b" "] * 100, between=minute)))
    with pytest.raises(UnavailableError, match=r"^The answer took over 300 s, also after retries"):
        get(script, time=time)
    assert len(script.requests) == 3


def test_a_body_that_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_BODY_BYTES", 1000)
    taken = []
    chunks = Chunks(*[b" " * 100] * 50, between=lambda: taken.append(1))
    script = Script(lambda _: httpx.Response(200, stream=chunks))
    with pytest.raises(ContractError) as caught:
        get(script)
    assert str(caught.value) == "The answer is larger than 1000 bytes [GET /v3/workspace]"
    assert len(taken) == 11
    assert len(script.requests) == 1


@calm
@given(st.recursive(st.none() | st.integers() | st.text(), st.lists))
def test_any_error_body_is_survived(body: Any) -> None:
    script = Script(reply(400, json.dumps(body).encode()))
    with pytest.raises(CallRefusedError):
        get(script)
    assert len(script.requests) == 1
