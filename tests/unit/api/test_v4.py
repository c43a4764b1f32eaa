"""API v4: what a run becomes, paging of all kinds, people, and a key of another workspace."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from captaindata_source.api import Coverage, Record
from captaindata_source.api.v4 import V4Api, explain, route_of
from captaindata_source.errors import (
    CallRefusedError,
    ContractError,
    ForeignHostError,
    PaginationError,
    WrongWorkspaceError,
)
from captaindata_source.http import HttpClient, RetryPolicy, Secret
from tests.support.http_script import BASE_URL, FakeTime, RecordingThrottle
from tests.support.records import plain

Json = dict[str, Any]
NEXT = "X-Pagination-Next"
RUN = {
    "id": 7,
    "uid": "r",
    "action_id": 9,
    "action_name": "extract",
    "retry_count": 1,
    "user_uid": "u",
    "workspace_uid": "w",
    "execution_mode": "ASYNC",
    "last_error": None,
    "parameters": {"n": 1},
    "callback": {"url": "https://hook.example/secret"},
    "status": "SUCCEEDED",
    "output_count": 3,
    "scheduled_run_uid": None,
    "postponed_until": None,
    "started_at": "s",
    "finished_at": "f",
    "created_at": "c",
    "updated_at": "2026-01-01T00:00:00Z",
}


class Server:
    """Answers by path, or by path and query, below the base URL; what it does not know is 404."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        link = str(request.url).removeprefix(f"{BASE_URL}/")
        self.asked.append(link)
        answer = self._answers.get(link, self._answers.get(urlsplit(link).path))
        if callable(answer):
            answer = answer(request)
        if answer is None:
            return httpx.Response(404)
        if isinstance(answer, httpx.Response):
            return answer
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return httpx.Response(200, content=content)


def serve(answers: Json, *, workspace_uid: str | None = None) -> tuple[V4Api, Server]:
    server = Server(**answers)
    client = HttpClient(
        base_url=BASE_URL,
        headers={},
        key_header="x-api-key",
        key=Secret("k"),
        throttle=RecordingThrottle(),
        retry=RetryPolicy(deadline=5),
        transport=httpx.MockTransport(server),
        clock=FakeTime().clock,
        explain=explain,
    )
    return V4Api(client, workspace_uid=workspace_uid), server


def offset_of(request: httpx.Request) -> int:
    return int(parse_qs(urlsplit(str(request.url)).query).get("offset", ["0"])[0])


def page_of(request: httpx.Request) -> int:
    return int(parse_qs(urlsplit(str(request.url)).query).get("page", ["1"])[0])


# -- runs -----------------------------------------------------------------------------------------


def test_a_run_as_a_job() -> None:
    api, server = serve({"runs/a%2Fb": RUN})
    assert plain(api.job("a/b")) == {
        "id": 7,
        "uid": "r",
        "action_id": 9,
        "workflow_uid": "extract",
        "workflow_name": "extract",
        "retry_count": 1,
        "user_uid": "u",
        "execution_mode": "ASYNC",
        "last_error": None,
        "error_message": None,
        "configuration": b'{"n": 1}',
        "status": "SUCCEEDED",
        "row_count": 3,
        "scheduled_run_uid": None,
        "scheduled_time": "c",
        "postponed_until": None,
        "start_time": "s",
        "finish_time": "f",
        "created_at": "c",
        "updated_at": "2026-01-01T00:00:00Z",
        "is_partial": False,
        "has_results": True,
    }
    assert server.asked == ["runs/a%2Fb"]
    assert api.job("gone") is None


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"status": "PARTIAL_SUCCEEDED"}, {"is_partial": True}),
        ({"execution_mode": "LIVE"}, {"has_results": False}),
        ({"execution_mode": "NEW"}, {"has_results": True}),
        ({"postponed_until": "p"}, {"scheduled_time": "p", "postponed_until": "p"}),
        ({"last_error": {"label": "L", "message": "m"}}, {"error_message": "m"}),
        ({"last_error": {"label": "L", "message": None}}, {"error_message": "L"}),
        ({"last_error": {"message": 7}}, {"error_message": None}),
        ({"name": "Mine", "flow_run_id": 5}, {"name": "Mine", "flow_run_id": 5}),
        ({"scheduled_run_name": "Daily"}, {"scheduled_run_name": "Daily"}),
        ({"parameters": {"sync_mode": "incremental"}}, {"sync_mode": "incremental"}),
        ({"parameters": {"sync_mode": 5}}, {}),
        ({"parameters": ["sync_mode"]}, {}),
        ({"last_info": "nothing found"}, {"last_info": b'"nothing found"'}),
        ({"last_info": {"label": "L"}}, {"last_info": b'{"label": "L"}'}),
        ({"last_info": None}, {"last_info": None}),
        ({"last_error": "text"}, {"error_message": "text", "last_error": None}),
        ({"new_field": [1]}, {"new_field": b"[1]"}),
        ({"callback": "https://hook.example/secret"}, {}),
    ],
)
def test_what_a_run_may_say(given: Json, wanted: Json) -> None:
    api, _ = serve({"runs/r": {**RUN, **given}})
    found = plain(api.job("r"))
    assert found is not None
    assert {name: found[name] for name in wanted} == wanted
    assert "secret" not in str(found)


@pytest.mark.parametrize("missing", ["action_name", "execution_mode", "status", "last_error"])
def test_a_run_that_lacks_a_field_is_a_job_still(missing: str) -> None:
    api, _ = serve({"runs/r": {name: value for name, value in RUN.items() if name != missing}})
    assert (api.job("r") or {})["uid"] == "r"


def test_runs_are_listed_by_last_change_and_those_without_a_uid_are_set_aside() -> None:
    flows = [{**RUN, "uid": "flow:r"}, {**RUN, "uid": "s", "action_name": "flow:x"}]
    api, server = serve({"runs": [RUN, {"status": "RUNNING"}, *flows, {**RUN, "uid": 5}]})
    (listing,) = api.job_listings([], Coverage(), is_last=lambda *_: False)
    page = next(listing.pages)
    assert [job["uid"] for job in page.jobs] == ["r", "5"]
    assert server.asked == ["runs?limit=100&offset=0&sort=-updated_at"]
    assert [(issue.kind, issue.detail) for issue in api.issues.take()] == [
        ("missing_uid", "A run without a uid"),
        ("reserved_uid", "A run whose uid begins with flow:, as those of flows are stored"),
        ("reserved_uid", "A run whose action_name begins with flow:, as those of flows are stored"),
    ]


# -- outputs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "asked"),
    [
        (f"{BASE_URL}/runs/7/outputs?cursor=c&limit=500", "runs/7/outputs?cursor=c&limit=500"),
        ("http://api.example/v3/runs/7/outputs?cursor=c", "runs/7/outputs?cursor=c"),
        ("/v3/runs/7/outputs?limit=500&cursor=c", "runs/7/outputs?limit=500&cursor=c"),
        ("?cursor=c", "runs/7/outputs?cursor=c"),
        ("eyJhIjoxfQ==", "runs/7/outputs?cursor=eyJhIjoxfQ%3D%3D&limit=500"),
    ],
)
@pytest.mark.parametrize("end", [{}, {NEXT: "null"}, {NEXT: ""}, {NEXT: " None "}])
def test_outputs_in_each_style_of_paging(link: str, asked: str, end: dict[str, str]) -> None:
    first = httpx.Response(200, content=b'[ {"a" : 1.0}, 2 ]', headers={NEXT: link})
    last = httpx.Response(200, content=b"[null]", headers=end)
    api, server = serve({"runs/7/outputs?limit=500": first, asked: last})
    assert list(api.result_pages("7")) == [[b'{"a" : 1.0}', b"2"], [b"null"]]
    assert server.asked == ["runs/7/outputs?limit=500", asked]


@pytest.mark.parametrize(
    ("link", "error"),
    [
        ("c", PaginationError),
        (f"{BASE_URL}/runs/7/outputs?cursor=c", PaginationError),
        ("https://evil.example/v4/runs/7/outputs?cursor=c", ForeignHostError),
    ],
)
def test_outputs_that_loop_or_lead_elsewhere_are_an_error(
    link: str, error: type[Exception]
) -> None:
    same = httpx.Response(200, content=b"[1]", headers={NEXT: link})
    api, server = serve({"runs/7/outputs": lambda _: same})
    with pytest.raises(error):
        list(api.result_pages("7"))
    assert len(server.asked) <= 2


@pytest.mark.parametrize("body", [b"{}", b'{"results": []}', b"null"])
def test_outputs_of_another_shape_are_an_error(body: bytes) -> None:
    api, _ = serve({"runs/7/outputs": body})
    with pytest.raises(ContractError):
        list(api.result_pages("7"))


def test_what_is_json_only_nearly_is_mended() -> None:
    api, _ = serve(
        {
            "runs/7/outputs": b'[{"a": "\\ud83d \xff\\u0000"}, NaN]',
            "runs/7": b'{"uid": "7", "last_error": {"message": "\\ud83d"}, "output_count": NaN}',
        }
    )
    assert list(api.result_pages("7")) == [[b'{"a": "\\ufffd \xef\xbf\xbd\\ufffd"}', b'"NaN"']]
    job = api.job("7")
    assert job is not None
    assert (job["error_message"], job["row_count"]) == ("\ufffd", "NaN")
    assert {issue.action for issue in api.issues.take()} == {"mended"}


@pytest.mark.parametrize("is_old", [True, False])
def test_an_older_server_refuses_large_pages_once(is_old: bool) -> None:
    def outputs(request: httpx.Request) -> httpx.Response:
        limit = int(parse_qs(urlsplit(str(request.url)).query)["limit"][0])
        return httpx.Response(400 if is_old and limit > 100 else 200, content=b"[1]")

    api, server = serve({f"runs/{uid}/outputs": outputs for uid in "abc"})
    for uid in "abc":
        assert list(api.result_pages(uid)) == [[b"1"]]
    limits = ["500", "100", "100", "100"] if is_old else ["500", "500", "500"]
    assert [link.split("limit=")[1] for link in server.asked] == limits


def test_a_refusal_of_a_run_is_not_taken_for_one_of_large_pages() -> None:
    refused = httpx.Response(400)
    api, server = serve(
        {"runs/a/outputs": refused, "runs/b/outputs": [2], "runs/c/outputs": refused}
    )
    with pytest.raises(CallRefusedError):
        list(api.result_pages("a"))
    assert list(api.result_pages("b")) == [[b"2"]]
    with pytest.raises(CallRefusedError):
        list(api.result_pages("c"))
    limits = [link.split("limit=")[1] for link in server.asked]
    assert limits == ["500", "100", "500", "500"], "the limit is proven by then"


def test_a_refusal_of_the_input_is_not_one_of_large_pages() -> None:
    body = b'{"error_label": "LIVE", "error_scope": "input"}'
    api, server = serve({"runs/a/outputs": httpx.Response(400, content=body)})
    with pytest.raises(CallRefusedError):
        list(api.result_pages("a"))
    assert len(server.asked) == 1


def test_threads_that_ask_at_once_are_refused_once() -> None:
    def outputs(request: httpx.Request) -> httpx.Response:
        is_large = "limit=500" in str(request.url)
        return httpx.Response(400 if is_large else 200, content=b"[1]")

    api, server = serve({f"runs/{uid}/outputs": outputs for uid in range(8)})
    with ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(lambda uid: list(api.result_pages(str(uid))), range(8)))
    assert pages == [[[b"1"]]] * 8
    assert sum("limit=500" in link for link in server.asked) == 1


# -- the workspace and its people -----------------------------------------------------------------


@pytest.mark.parametrize("path", ["workspaces", "runs", "runs/r"])
def test_a_key_of_another_workspace_is_refused(path: str) -> None:
    answers = {"workspaces": {"uid": "w"}, "runs": [RUN], "runs/r": RUN}
    calls: dict[str, Callable[[V4Api], object]] = {
        "workspaces": lambda api: api.workspace(),
        "runs": lambda api: next(
            api.job_listings([], Coverage(), is_last=lambda *_: False)[0].pages
        ),
        "runs/r": lambda api: api.job("r"),
    }
    for uid in ("w", None):
        calls[path](serve(answers, workspace_uid=uid)[0])
    with pytest.raises(
        WrongWorkspaceError, match="The key belongs to workspace w, project_uid"
    ) as e:
        calls[path](serve(answers, workspace_uid="mine")[0])
    assert e.value.is_fatal
    nameless = {"workspaces": {}, "runs": [{**RUN, "workspace_uid": None}], "runs/r": {"uid": "r"}}
    calls[path](serve(nameless, workspace_uid="mine")[0])


def test_earlier_names_of_a_workspace() -> None:
    api, _ = serve({"workspaces": {"uid": "w", "users_included": 5, "identities_synced": 2}})
    found = api.workspace()
    assert (found["identities_included"], found["identities_synced"]) == (5, 2)
    assert not [name for name in found if name.startswith("users_")]


@pytest.mark.parametrize("is_wrapped", [True, False])
@pytest.mark.parametrize("after", [[], None, "same"])
def test_members_in_both_shapes_without_what_is_not_documented(
    is_wrapped: bool, after: Any
) -> None:
    users = [
        {"uid": 1, "email": "a@b", "role": "admin", "cookies": [{"value": "secret"}]},
        {"uid": "2", "roles": ["ops", "user"], "auth_data": "secret", "workspace_uid": "w"},
        {"uid": "3", "roles": [7], "full_name": "Ann"},
        {"email": "nobody"},
    ]
    more = users if after == "same" else after
    wrap: Callable[[Any], Any] = (lambda u: {"users": u, "x": 1}) if is_wrapped else (lambda u: u)
    api, server = serve(
        {"users?page=1": wrap(users), "users?page=2": None if more is None else wrap(more)}
    )
    assert [json.loads(bytes(member)) for member in api.members()] == [
        {"uid": "1", "email": "a@b", "role": "admin"},
        {"uid": "2", "roles": ["ops", "user"], "role": "ops"},
        {"uid": "3", "roles": [7], "full_name": "Ann", "role": None},
    ]
    assert server.asked == ["users?page=1", "users?page=2"]
    extra = api.extras["workspace_members"]()
    assert len([*extra[0]()]) == 3
    assert len(server.asked) == 2, "they are read once"


@pytest.mark.parametrize("is_ignored", [True, False])
def test_identities_and_their_integrations(is_ignored: bool) -> None:
    links = [{"link": "https://app.example/secret"}]
    listed: list[Json] = [
        {"uid": "a", "integrations": [{"name": "linkedin", "auth_data": "secret", "uid": 4}]},
        {"uid": "b", "integrations": ["gmail", "gmail", ""], "identity_login_links": links},
        {"uid": "c", "integrations": [{"permalink": "p/q", "name": "P"}, {"status": "VALID"}]},
        {"uid": "d", "integrations": {"odd": "secret"}},
        {"uid": "e", "integrations": None},
        *({"uid": f"more-{number}"} for number in range(100)),
    ]

    def identities(request: httpx.Request) -> list[Json]:
        return (
            listed if is_ignored else listed[100 * page_of(request) - 100 : 100 * page_of(request)]
        )

    def integration(request: httpx.Request) -> Json:
        return {"uid": "i", "name": "n", "error": {"message": "expired"}, "cookies": "secret"}

    paths = ["a/integrations/linkedin", "b/integrations/gmail", "c/integrations/p%2Fq"]
    answers = {f"identities/{path}": integration for path in paths[:2]}
    api, server = serve({"identities": identities, **answers})
    (read,) = api.extras["identities"]()
    found = {record["uid"]: plain(record) for record in read()}
    assert len(found) == 105
    assert {uid: (found[uid] or {})["integrations"] for uid in "abcde"} == {
        "a": b'[{"uid":4,"name":"linkedin"}]',
        "b": b'["gmail","gmail",""]',
        "c": b'[{"name":"P","permalink":"p/q"},{"status":"VALID"}]',
        "d": None,
        "e": None,
    }
    first = "identities?retrieve_accounts=true&page=1"
    assert [link for link in server.asked if "page=1" in link] == [first]
    assert len(server.asked) == (2 if is_ignored else 3)
    assert all("identity_login_links" not in (record or {}) for record in found.values())
    parts = api.extras["integrations"]()
    records: list[Record] = [record for part in parts for record in part()]
    assert server.asked[-3:] == [f"identities/{path}" for path in paths]
    assert [(r["identity_uid"], r["integration_permalink"], r["error"]) for r in records] == [
        ("a", "linkedin", "expired"),
        ("b", "gmail", "expired"),
    ]


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("refused", ["page", "retrieve_accounts", "page limit offset"])
def test_identities_of_servers_that_refuse_a_parameter(refused: str, status: int) -> None:
    listed = [{"uid": f"i{number}"} for number in range(7)]

    def identities(request: httpx.Request) -> Any:
        asked = parse_qs(urlsplit(str(request.url)).query)
        if set(asked) & set(refused.split()):
            return httpx.Response(status)
        first = 100 * (page_of(request) - 1) + offset_of(request)
        return listed[first : first + 100]

    api, server = serve({"identities": identities})
    (read,) = api.extras["identities"]()
    assert [record["uid"] for record in read()] == [each["uid"] for each in listed]
    assert len(server.asked) <= 6


def test_identities_of_a_server_that_ignores_page_and_gives_ten() -> None:
    listed = [{"uid": f"i{number}"} for number in range(34)]

    def identities(request: httpx.Request) -> Any:
        limit = int(parse_qs(urlsplit(str(request.url)).query).get("limit", ["10"])[0])
        return listed[offset_of(request) : offset_of(request) + limit]

    (read,) = serve({"identities": identities})[0].extras["identities"]()
    assert len(list(read())) == 34


@pytest.mark.parametrize("status", [404, 403])
def test_accounts_count_where_the_call_per_integration_is_missing(status: int) -> None:
    accounts = [{"type": "LinkedIn", "status": "INVALID", "cookie": "secret"}, {"type": "gmail"}]
    listed = [
        {"uid": "a", "integrations": ["linkedin"], "accounts": accounts},
        {"uid": "b", "integrations": [], "accounts": "odd"},
    ]
    missing = lambda _: httpx.Response(status)  # noqa: E731
    paths = ("linkedin", "gmail")
    answers = {f"identities/a/integrations/{name}": missing for name in paths}
    api, _ = serve({"identities": lambda r: listed if page_of(r) == 1 else [], **answers})
    records = [record for part in api.extras["integrations"]() for record in part()]
    assert records == [
        {
            **{"identity_uid": "a", "integration_permalink": "linkedin", "name": "linkedin"},
            **{"status": "INVALID", "error": None},
        },
        {
            **{"identity_uid": "a", "integration_permalink": "gmail", "name": "gmail"},
            **{"status": None, "error": None},
        },
    ]


# -- what is known of a call ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "route"),
    [("runs", "runs"), ("runs/7/outputs", "runs"), ("v4/runs", "runs"), ("identities", "other")],
)
def test_routes(path: str, route: str) -> None:
    assert route_of(path) == route


def test_the_endpoints_that_check_tries() -> None:
    live = {**RUN, "uid": "live", "execution_mode": "LIVE"}
    api, server = serve(
        {
            "workspaces": {},
            "users?page=1": [],
            "runs": [live, RUN],
            "runs/live": live,
            "runs/r/outputs?limit=1": [],
            "identities": [],
        }
    )
    names = []
    for probe in api.probes():
        names.append(probe.name)
        probe.call()
    assert names == ["workspaces", "users", "runs", "run", "run outputs", "identities"]
    assert "runs/live/outputs" not in str(server.asked)
