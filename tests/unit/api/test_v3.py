"""API v3: paths, paging styles, and that values come through as they were sent."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from captaindata_source.api import Coverage, Probe, Record
from captaindata_source.api.mending import mend
from captaindata_source.api.v3 import V3Api
from captaindata_source.errors import AuthError, ContractError, ForeignHostError, PaginationError
from captaindata_source.http import HttpClient, RetryPolicy, Secret
from tests.support.http_script import BASE_URL, FakeTime, RecordingThrottle, calm
from tests.support.records import plain

Answer = bytes | int | Callable[[httpx.Request], httpx.Response]


class Server:
    """Answers by path and query below the base URL; what it does not know is 404."""

    def __init__(self, answers: dict[str, Answer]) -> None:
        self._answers = answers
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        link = str(request.url).removeprefix(f"{BASE_URL}/")
        self.asked.append(link)
        answer = self._answers.get(link, 404)
        if isinstance(answer, int):
            return httpx.Response(answer)
        return httpx.Response(200, content=answer) if isinstance(answer, bytes) else answer(request)


def api_of(server: Server) -> V3Api:
    return V3Api(
        HttpClient(
            base_url=BASE_URL,
            headers={},
            key_header="authorization",
            key=Secret("x-api-key k"),
            throttle=RecordingThrottle(),
            retry=RetryPolicy(deadline=5),
            transport=httpx.MockTransport(server),
            clock=FakeTime().clock,
        )
    )


def serve(answers: dict[str, Answer]) -> tuple[V3Api, Server]:
    server = Server(answers)
    return api_of(server), server


# -- records --------------------------------------------------------------------------------------


def test_workspace() -> None:
    api, server = serve({"workspace": b'{"name": "Acme", "tasks_left": 5, "x": [1 ,2]}'})
    assert plain(api.workspace()) == {"name": "Acme", "tasks_left": 5, "x": b"[1 ,2]"}
    assert server.asked == ["workspace"]
    assert api.calls == 1


NESTED = (
    '{ "b":1.0,"a" : [1e400, 12345678901234567890123, "\\u00e9\u00e9\\/ \\ud83d\\ude00", -0.0] }'
)


def test_nested_values_stay_to_the_byte() -> None:
    body = f'{{"uid": "w", "steps": {NESTED}, "none": null, "list": [ ]}}'.encode()
    api, _ = serve({"workflows": b"[" + body + b"]"})
    assert [plain(record) for record in api.workflows()] == [
        {"uid": "w", "steps": NESTED.encode(), "none": None, "list": b"[ ]"}
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"12345678901234567890123", 12345678901234567890123),
        (b"9223372036854775808", 2**63),
        (b"-9223372036854775809", -(2**63) - 1),
        (b"1e400", "1e400"),
        (b"-1e400", "-1e400"),
        (b"9" * 5000, "9" * 5000),
        (b"1.5", 1.5),
        (b"1e3", 1000.0),
        (b"true", True),
        (b"null", None),
        (b'"\\u00e9\\n"', "\u00e9\n"),
        (b'"\\u0000"', "\ufffd"),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'"cut \\ud83d"', "cut \ufffd"),
        (b'"bad \xff"', "bad \ufffd"),
    ],
)
def test_scalars(text: bytes, value: object) -> None:
    api, server = serve({"jobs/7": b'{"uid":"7","x":' + text + b"}"})
    job = api.job("7")
    assert job == {"uid": "7", "x": value}
    assert type(job["x"]) is type(value)
    assert server.asked == ["jobs/7"]


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
"""All but U+0000, which is mended."""
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
)


@calm
@given(st.dictionaries(TEXTS, json_values), st.booleans())
def test_any_record_comes_through_equal(record: dict[str, Any], ascii_only: bool) -> None:
    api, _ = serve({"workspace": json.dumps(record, ensure_ascii=ascii_only).encode()})
    got = {
        name: json.loads(bytes(value)) if isinstance(value, msgspec.Raw) else value
        for name, value in api.workspace().items()
    }
    assert got == record


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"7"])
def test_a_workspace_that_is_no_object(body: bytes) -> None:
    api, server = serve({"workspace": body})
    with pytest.raises(ContractError, match=r"^The answer has another shape than expected: "):
        api.workspace()
    assert len(server.asked) == 1


# -- workflows ------------------------------------------------------------------------------------


def test_workflow_details_stay_to_the_byte() -> None:
    api, server = serve({"workflows/w%2F1/details": f" {NESTED}\n".encode()})
    details = api.workflow_details("w/1")
    assert details is not None
    assert bytes(details).strip() == NESTED.encode()
    assert api.workflow_details("gone") is None
    assert server.asked == ["workflows/w%2F1/details", "workflows/gone/details"]


def test_workflows_without_a_uid_are_set_aside(caplog: pytest.LogCaptureFixture) -> None:
    body = b'[{"name": "x"}, {"uid": 12}, {"uid": {}}, {"uid": "flow:w"}]'
    api, _ = serve({"workflows": body})
    assert api.workflows() == [{"uid": "12"}]
    assert caplog.messages == [
        *["A workflow without a uid was set aside"] * 2,
        "A workflow whose uid begins with flow:, as those of flows are stored, was set aside",
    ]


# -- members --------------------------------------------------------------------------------------


def test_members_of_all_pages() -> None:
    api, server = serve(
        {
            "users?page=0": b'{"users": [{"uid": "a", "accounts": [ {}]}, {"uid": 2}], "pages": 2}',
            "users?page=1": b'{"users": [{"uid": "c"}, {"email": "x"}], "paging": {"next": null}}',
            "users?page=2": b'{"users": [], "paging": {}}',
        }
    )
    assert [bytes(member) for member in api.members()] == [
        b'{"uid": "a", "accounts": [ {}]}',
        b'{"uid": 2}',
        b'{"uid": "c"}',
        b'{"email": "x"}',
    ]
    assert server.asked == ["users?page=0", "users?page=1", "users?page=2"]


def test_members_that_are_odd_do_not_stop_the_others() -> None:
    api, _ = serve({"users?page=0": b'{"users": [7, {"uid": [1]}, {"uid": "a"}, {"uid": "\xff"}]}'})
    assert len(api.members()) == 4


def test_members_when_the_page_is_ignored() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b'{"users": [{"uid": "a"}]}')

    api, server = serve({f"users?page={page}": answer for page in range(10)})
    assert [bytes(member) for member in api.members()] == [b'{"uid": "a"}']
    assert server.asked == ["users?page=0", "users?page=1"]


# -- jobs -----------------------------------------------------------------------------------------


def jobs_of(api: V3Api) -> list[Record]:
    """The jobs of a workflow, read to the end of its list."""
    [listing] = api.job_listings([{"uid": "w"}], Coverage(), is_last=lambda *_: False)
    return [job for page in listing.pages for job in page.jobs]


def test_jobs_of_all_pages() -> None:
    api, server = serve(
        {
            "workflows/w/jobs?page=0": b'[{"uid": 5, "accounts": [ ]}, {"uid": "b"}]',
            "workflows/w/jobs?page=1": b'[{"uid": "5", "accounts": [ ]}, {"uid": "c"}]',
            "workflows/w/jobs?page=2": b"[]",
        }
    )
    assert [plain(job) for job in jobs_of(api)] == [
        {"uid": "5", "accounts": b"[ ]"},
        {"uid": "b"},
        {"uid": "c"},
    ]
    assert server.asked == [f"workflows/w/jobs?page={page}" for page in range(3)]


def test_a_job_that_is_listed_in_two_versions_comes_in_both() -> None:
    api, server = serve(
        {
            "workflows/w/jobs?page=0": b'[{"uid": 5, "status": "running"}, {"uid": "b"}]',
            "workflows/w/jobs?page=1": b'[{"uid": "5", "status": "finished"}]',
        }
    )
    assert [plain(job) for job in jobs_of(api)] == [
        {"uid": "5", "status": "running"},
        {"uid": "b"},
        {"uid": "5", "status": "finished"},
    ]
    assert len(server.asked) == 2, "a page without a uid that is new is the last"


def test_jobs_without_a_uid_are_set_aside(caplog: pytest.LogCaptureFixture) -> None:
    bad = b'{"name": "secret"}, {"uid": null}, {"uid": ""}, {"uid": [1]}'
    api, _ = serve({"workflows/w/jobs?page=0": b'[{"uid": "a"}, ' + bad + b"]"})
    assert jobs_of(api) == [{"uid": "a"}]
    assert caplog.messages == ["A job without a uid was set aside"] * 4
    assert caplog.records[0].levelno == logging.WARNING


def test_jobs_with_uids_as_flows_are_stored_are_set_aside() -> None:
    bad = b'{"uid": "flow:a"}, {"uid": "b", "workflow_uid": "flow:w"}, {"uid": "Flow:c"}'
    api, _ = serve({"workflows/w/jobs?page=0": b'[{"uid": "a"}, ' + bad + b"]"})
    assert jobs_of(api) == [{"uid": "a"}, {"uid": "Flow:c"}]
    assert [issue.kind for issue in api.issues.take()] == ["reserved_uid"] * 2


def test_a_workflow_that_is_gone_has_no_jobs(caplog: pytest.LogCaptureFixture) -> None:
    api, server = serve({})
    assert jobs_of(api) == []
    assert caplog.messages == ["Workflow w is gone since it was listed"]
    assert server.asked == ["workflows/w/jobs?page=0"]


def test_jobs_that_may_not_be_seen_are_an_error() -> None:
    api, _ = serve({"workflows/w/jobs?page=0": 403})
    with pytest.raises(AuthError, match=r"HTTP 403\]$"):
        jobs_of(api)


def test_a_job_that_is_gone() -> None:
    api, server = serve({})
    assert api.job("x?y") is None
    assert server.asked == ["jobs/x%3Fy"]


# -- results --------------------------------------------------------------------------------------


def page(rows: str, paging: object = ...) -> bytes:
    tail = "" if paging is ... else f', "paging": {json.dumps(paging)}'
    return f'{{"results": [{rows}]{tail}}}'.encode()


@pytest.mark.parametrize(
    ("following", "asked"),
    [
        (f"{BASE_URL}/jobs/7/results?page=2", "jobs/7/results?page=2"),
        ("http://api.example/v3/jobs/7/results?page=2", "jobs/7/results?page=2"),
        ("/v3/jobs/7/results?page=2", "jobs/7/results?page=2"),
        ("/jobs/7/results?page=2", "jobs/7/results?page=2"),
        ("jobs/7/results?page=2", "jobs/7/results?page=2"),
        ("?page=2", "jobs/7/results?page=2"),
        ("eyJhIjoxfQ==", "jobs/7/results?cursor=eyJhIjoxfQ%3D%3D"),
        ("a b&c=d", "jobs/7/results?cursor=a+b%26c%3Dd"),
        (2, "jobs/7/results?cursor=2"),
    ],
)
@pytest.mark.parametrize(
    "end",
    [
        ...,
        None,
        {},
        {"next": None},
        {"next": ""},
        {"next": None, "have_next_page": False},
        {"next": "more", "have_next_page": False},
    ],
)
@pytest.mark.parametrize("announced", [{}, {"have_next_page": True}])
def test_results_in_each_style_of_paging(
    following: object, asked: str, end: object, announced: dict[str, bool]
) -> None:
    api, server = serve(
        {
            "jobs/7/results": page("1", {"previous": None, "next": following, **announced}),
            asked: page('{"a": 2}', end),
        }
    )
    assert list(api.result_pages("7")) == [[b"1"], [b'{"a": 2}']]
    assert server.asked == ["jobs/7/results", asked]


@pytest.mark.parametrize("paging", [{"have_next_page": True}, {"next": "", "have_next_page": True}])
def test_a_next_page_without_a_link_is_an_error(paging: object) -> None:
    api, server = serve({"jobs/7/results": page("1", paging)})
    with pytest.raises(PaginationError) as caught:
        list(api.result_pages("7"))
    assert str(caught.value) == (
        "More pages are announced, but no link to them [GET jobs/7/results]"
    )
    assert len(server.asked) == 1


@pytest.mark.parametrize("following", ["c", "?cursor=c", f"{BASE_URL}/jobs/7/results?cursor=c"])
def test_results_that_loop_are_an_error_that_names_the_job(following: str) -> None:
    same = page("1", {"next": following, "have_next_page": True})
    api, server = serve({"jobs/7/results": same, "jobs/7/results?cursor=c": same})
    with pytest.raises(PaginationError, match=r"^The pages of the results of job 7 loop: "):
        list(api.result_pages("7"))
    assert server.asked == ["jobs/7/results", "jobs/7/results?cursor=c"]


def test_results_whose_next_page_is_elsewhere_are_an_error() -> None:
    api, server = serve({"jobs/7/results": page("1", {"next": "https://evil.example/x"})})
    with pytest.raises(ForeignHostError, match=r"another host \(evil\.example\)"):
        list(api.result_pages("7"))
    assert server.asked == ["jobs/7/results"]


@pytest.mark.parametrize(
    "body", [b"[]", b'{"results": null}', b'{"paging": {}}', b'{"results": {}}']
)
def test_results_of_another_shape_are_an_error(body: bytes) -> None:
    api, server = serve({"jobs/7/results": body})
    with pytest.raises(ContractError, match=r"^The answer has another shape than expected"):
        list(api.result_pages("7"))
    assert len(server.asked) == 1


def test_results_stay_to_the_byte() -> None:
    rows = [NESTED, "1e400", '"x"', "null", "[ ]", '{"a":1,"a":2}', "1.0"]
    api, _ = serve({"jobs/7/results": page(" , ".join(rows))})
    assert list(api.result_pages("7")) == [[row.encode() for row in rows]]


@calm
@given(st.lists(json_values), st.booleans(), st.sampled_from([None, 1]))
def test_any_results_come_through_to_the_byte(
    rows: list[Any], ascii_only: bool, indent: int | None
) -> None:
    texts = [json.dumps(row, ensure_ascii=ascii_only, indent=indent).encode() for row in rows]
    api, _ = serve({"jobs/7/results": b'{"results": [' + b",".join(texts) + b"]}"})
    assert list(api.result_pages("7")) == [texts]


@pytest.mark.parametrize(
    ("sent", "mended"),
    [
        (rb'"\ud83d"', rb'"\ufffd"'),
        (rb'"\uDE00 x"', rb'"\ufffd x"'),
        (rb'"\ud83d\ud83d\ude00"', rb'"\ufffd\ud83d\ude00"'),
        (rb'"\ude00\ud83d"', rb'"\ufffd\ufffd"'),
        (rb'"\\ud83d \ud83d"', rb'"\\ud83d \ufffd"'),
        (rb'"\\\ud83d\\"', rb'"\\\ufffd\\"'),
    ],
)
def test_half_a_surrogate_pair_does_not_cost_the_page(sent: bytes, mended: bytes) -> None:
    api, server = serve({"jobs/7/results": page(f'{{"a":1}}, {sent.decode()}')})
    assert list(api.result_pages("7")) == [[b'{"a":1}', mended]]
    assert len(server.asked) == 1, "it is no body that was cut short"
    assert [(issue.kind, issue.action) for issue in api.issues.take()] == [
        ("half_surrogate", "mended")
    ]


@calm
@given(st.text(st.characters(exclude_categories=[])))
def test_mending_changes_halves_only(text: str) -> None:
    sent = json.dumps(text).encode()
    mended, kinds = mend(sent)
    wanted = re.sub("[\ud800-\udfff\0]", "\ufffd", text_as_sent := json.loads(sent))
    assert json.loads(mended) == wanted
    assert bool(kinds) == (wanted != text_as_sent)


# -- check ----------------------------------------------------------------------------------------


def run(probes: Any) -> list[str]:
    names = []
    for probe in probes:
        assert isinstance(probe, Probe)
        names.append(probe.name)
        probe.call()
    return names


def test_probes_try_each_endpoint_once() -> None:
    api, server = serve(
        {
            "workspace": b"{}",
            "users?page=0": b'{"users": [{"uid": "u"}]}',
            "workflows": b'[{"uid": "w"}, {"uid": "v"}]',
            "workflows/w/details": b"{}",
            "workflows/w/jobs?page=0": b'[{"uid": "a", "status": "running"}, '
            b'{"uid": "b", "status": "completed"}]',
            "jobs/a": b"{}",
            "jobs/b/results": page("1", {"next": "x"}),
        }
    )
    assert run(api.probes()) == [
        "workspace",
        "users",
        "workflows",
        "workflow details",
        "jobs",
        "job",
        "job results",
    ]
    assert server.asked == [
        "workspace",
        "users?page=0",
        "workflows",
        "workflows/w/details",
        "workflows/w/jobs?page=0",
        "jobs/a",
        "jobs/b/results",
    ]


def test_probes_of_an_empty_workspace() -> None:
    api, server = serve({"workspace": b"{}", "users?page=0": b'{"users": []}', "workflows": b"[]"})
    assert run(api.probes()) == ["workspace", "users", "workflows"]
    assert len(server.asked) == 3
