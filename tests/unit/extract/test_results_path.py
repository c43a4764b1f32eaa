"""The results' path: whatever JSON the API sends arrives equal."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from captaindata_source.api import Api
from captaindata_source.api.v3 import V3Api
from captaindata_source.api.v4 import V4Api
from captaindata_source.errors import ContractError
from captaindata_source.extract.guard import Guard
from captaindata_source.extract.queue import Package, ResultJob, ResultQueue
from captaindata_source.extract.results import files
from captaindata_source.extract.results import reader as result_reader
from captaindata_source.extract.results.files import ResultFiles
from captaindata_source.extract.results.reader import ResultReader
from captaindata_source.http import AdaptiveThrottle, HttpClient, Secret
from captaindata_source.issues import Issue, IssueLog
from tests.conftest import MakeHarness
from tests.support.faults import Fault
from tests.support.harness import Harness
from tests.support.marks import INTEGRATION, POSTGRES_LATER
from tests.support.reading import FilesInFolder

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(10**45), max_value=10**45)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)
RECORDS = st.dictionaries(TEXT, VALUES, max_size=6)
Pages = list[list[dict[str, Any]]]
FINISHED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LOADED = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


def serve(pages: dict[str, Pages], *, ascii_only: bool) -> V3Api:
    """An API whose jobs have those pages of results."""

    def handle(request: httpx.Request) -> httpx.Response:
        job = request.url.path.split("/")[3]
        page = int(request.url.params.get("cursor", 0))
        more = page + 1 < len(pages[job])
        body = {
            "results": pages[job][page],
            "paging": {"next": str(page + 1) if more else None, "have_next_page": more},
        }
        text = json.dumps(body, ensure_ascii=ascii_only)
        return httpx.Response(200, content=text.encode())

    return api_of(handle)


def api_of(handle: Callable[[httpx.Request], httpx.Response]) -> V3Api:
    return V3Api(client_of(handle))


def client_of(handle: Callable[[httpx.Request], httpx.Response]) -> HttpClient:
    return HttpClient(
        base_url="https://api.example.com/v3",
        headers={},
        key_header="authorization",
        key=Secret("k"),
        throttle=AdaptiveThrottle(max_parallel=4),
        transport=httpx.MockTransport(handle),
    )


class Read(NamedTuple):
    """What came of reading jobs."""

    rows: list[dict[str, Any]]
    ledger: list[dict[str, Any]]
    issues: list[Issue]


def read_jobs(
    api: Api, jobs: list[str], folder: Path, *, count: int | None = None, is_listed: bool = True
) -> Read:
    queue = ResultQueue()
    issues = IssueLog()
    for uid in jobs:
        queue.add(
            ResultJob(
                uid=uid,
                workflow_uid="w",
                version="v",
                finish_time=FINISHED,
                row_counts=frozenset(() if count is None else (count,)),
                is_listed=is_listed,
            )
        )
    found = FilesInFolder(folder, workspace_uid="ws", load_id="load", loaded_at=LOADED)
    reader = ResultReader(
        api=api,
        package=Package(queue),
        workspace_uid="ws",
        files=found.files,
        marks_empty=lambda _: True,
        issues=issues,
        guard=Guard(issues),
    )
    return Read(*found.read(reader), issues.take())


@settings(max_examples=50, deadline=None)
@given(
    pages=st.lists(st.lists(RECORDS, max_size=5), min_size=1, max_size=4),
    ascii_only=st.booleans(),
)
def test_any_json_arrives_equal_in_order_and_with_distinct_uids(
    tmp_path_factory: pytest.TempPathFactory,
    pages: list[list[dict[str, Any]]],
    ascii_only: bool,
) -> None:
    folder = tmp_path_factory.getbasetemp()
    sent = [record for page in pages for record in page]
    api = serve({"j": pages}, ascii_only=ascii_only)
    rows, ledger, _ = read_jobs(api, ["j"], folder, count=len(sent))
    assert ledger[0]["result_rows"] == len(sent)
    if not sent:
        assert [(row["job_uid"], row["_deleted"], row["data"]) for row in rows] == [
            ("j", True, None)
        ]
        return
    rows.sort(key=lambda row: row["position"])
    assert [json.loads(row["data"]) for row in rows] == sent
    assert [row["position"] for row in rows] == list(range(len(sent)))
    assert len({row["result_uid"] for row in rows}) == len(sent)
    assert {row["created_at"] for row in rows if "extracted_at" not in row["data"]} <= {FINISHED}


def test_uids_stay_when_rows_shift_and_equal_rows_stay_two(tmp_path: Path) -> None:
    a, b, c = ({"name": name} for name in "abc")
    before, *_ = read_jobs(serve({"j": [[a, b], [b]]}, ascii_only=True), ["j"], tmp_path)
    after, *_ = read_jobs(serve({"j": [[c, b, a], [b]]}, ascii_only=True), ["j"], tmp_path)
    uids = {row["result_uid"] for row in before}
    assert len(uids) == 3
    assert uids < {row["result_uid"] for row in after}


def test_created_at_is_the_rows_own_where_it_has_one(tmp_path: Path) -> None:
    sent: list[dict[str, Any]] = [
        {"extracted_at": "2026-01-01T00:00:00Z"},
        {"extracted_at": "2026-01-01T00:00:00"},
        {"extracted_at": {"nonsense": 1}},
        {"extracted_at": None},
        {"nested": {"extracted_at": "2026-01-01T00:00:00Z"}},
    ]
    rows, *_ = read_jobs(serve({"j": [sent]}, ascii_only=True), ["j"], tmp_path)
    rows.sort(key=lambda row: row["position"])
    first = datetime(2026, 1, 1, tzinfo=UTC)
    assert [row["created_at"] for row in rows] == [first, first, FINISHED, FINISHED, FINISHED]


def test_a_job_of_any_size_streams_through_several_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result_reader, "JOB_IN_MEMORY_BYTES", 2_000)
    monkeypatch.setattr(files, "ROW_GROUP_BYTES", 1_000)
    monkeypatch.setattr(files, "FILE_BYTES", 3_000)
    big: Pages = [
        [{"n": page * 10 + row, "text": "x" * 90} for row in range(10)] for page in range(40)
    ]
    jobs: dict[str, Pages] = {"big": big, "small": [[{"n": 1}]], "none": [[]]}
    made: list[Path] = []
    original = ResultFiles.new

    def new_file(self: ResultFiles) -> Any:
        file = original(self)
        made.append(file.path)
        return file

    monkeypatch.setattr(ResultFiles, "new", new_file)
    rows, ledger, _ = read_jobs(serve(jobs, ascii_only=True), list(jobs), tmp_path)
    assert len(made) > 5
    numbers = sorted(json.loads(row["data"])["n"] for row in rows if row["job_uid"] == "big")
    assert numbers == list(range(400))
    assert {row["job_uid"]: row["result_rows"] for row in ledger} == {
        "big": 400,
        "small": 1,
        "none": 0,
    }


def test_a_job_that_fails_halfway_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result_reader, "JOB_IN_MEMORY_BYTES", 50)
    pages: dict[str, Pages] = {
        "bad": [[{"n": 1, "text": "x" * 90}], [{"n": 2}]],
        "good": [[{"n": 3}]],
    }
    api = serve(pages, ascii_only=True)
    original = api.result_pages

    def result_pages(job_uid: str) -> Any:
        for number, page in enumerate(original(job_uid)):
            if job_uid == "bad" and number == 1:
                raise ContractError("broken", path="p")
            yield page

    monkeypatch.setattr(api, "result_pages", result_pages)
    rows, ledger, _ = read_jobs(api, ["bad", "good"], tmp_path)
    assert [row["job_uid"] for row in rows] == ["good"]
    assert [row["job_uid"] for row in ledger] == ["good"]
    assert list(tmp_path.glob("*.parquet")) == []


def test_results_that_are_not_utf_8_are_mended(tmp_path: Path) -> None:
    body = b'{"results": [{"a": "\xff"}, {}], "paging": {}}'
    api = api_of(lambda _: httpx.Response(200, content=body))
    rows, ledger, _ = read_jobs(api, ["j"], tmp_path)
    assert [row["data"] for row in rows] == ['{"a": "\ufffd"}', "{}"]
    assert [row["result_rows"] for row in ledger] == [2]


def readings(*read: list[list[dict[str, Any]]]) -> Any:
    """An API that gives other pages at each reading, the last ones for ever."""
    api: Any = serve({}, ascii_only=True)
    left = list(read)

    def result_pages(_job_uid: str) -> Any:
        pages = left.pop(0) if len(left) > 1 else left[0]
        return ([json.dumps(row).encode() for row in page] for page in pages)

    api.result_pages = result_pages
    return api


A, B, C, D = ({"n": number} for number in range(4))


@pytest.mark.parametrize(
    ("read", "count", "loaded", "issues"),
    [
        pytest.param([[[A, B], [A, B]], [[A, B], [C, D]]], 4, [A, B, C, D],
                     ["pages_shifted"], id="a page twice, and the count agrees by chance"),
        pytest.param([[[A, B], [A, B]]], 4, [A, B, A, B], ["page_repeated"],
                     id="pages that are equal indeed"),
        pytest.param([[[A, B], [A, B]]], None, [A, B, A, B], ["page_repeated"],
                     id="the same without a count"),
        pytest.param([[[A, B], [A, B]]], 2, None, ["page_repeated"],
                     id="a page that is always sent twice"),
        pytest.param([[[A]], [[A, B, C, D]]], 4, [A, B, C, D], ["pages_shifted"],
                     id="short once"),
        pytest.param([[[A, B]]], 4, [A, B], ["row_count_differs"], id="a count of something else"),
        pytest.param([[[A, B, C]], [[C, B], [A]]], 4, [C, B, A], ["row_count_differs"],
                     id="the same in another order"),
        pytest.param([[[A]], [[B]]], 4, None, ["pages_shifted"], id="never the same"),
        pytest.param([[[A, B]] * 30], None, None, ["endless_pages"], id="a cursor that is ignored"),
    ],
)  # fmt: skip
def test_results_that_are_doubtful_are_read_once_more(
    tmp_path: Path,
    read: list[list[list[dict[str, Any]]]],
    count: int | None,
    loaded: list[dict[str, Any]] | None,
    issues: list[str],
) -> None:
    rows, ledger, met = read_jobs(readings(*read), ["j"], tmp_path, count=count)
    assert [json.loads(row["data"]) for row in rows] == (loaded or [])
    assert len(ledger) == (loaded is not None)
    assert [issue.kind for issue in met] == issues
    assert list(tmp_path.glob("*.parquet")) == []


def test_a_count_that_means_something_else_costs_no_other_job_its_second_reading(
    tmp_path: Path,
) -> None:
    api: Any = serve({}, ascii_only=True)
    asked: list[str] = []

    def result_pages(uid: str) -> Any:
        asked.append(uid)
        is_short = uid == "odd" or asked.count("short") == 1
        return iter([[b'{"n":1}'] if is_short else [b'{"n":1}', b'{"n":2}']])

    api.result_pages = result_pages
    rows, *_ = read_jobs(api, ["odd", "short"], tmp_path, count=2)
    assert asked == ["odd", "odd", "short", "short"]
    assert [row["job_uid"] for row in rows] == ["odd", "short", "short"]


@pytest.fixture
def harness(make_harness: MakeHarness) -> Harness:
    """The results of one job matter, the others do not."""
    return make_harness(workflows=1, jobs_per_day=0.0)


@INTEGRATION
@POSTGRES_LATER
@settings(
    max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(records=st.lists(RECORDS, min_size=20, max_size=60))
def test_any_json_arrives_equal_in_the_database(
    harness: Harness, records: list[dict[str, Any]]
) -> None:
    logging.getLogger("hypothesis").setLevel(logging.ERROR)
    workspace = harness.world.workspaces[0]
    uid = next(
        job["uid"]
        for flow in harness.world.workflows(workspace)
        for job in harness.world.listed_jobs(workspace, flow["uid"])
        if job["status"] in ("finished", "completed")
    )
    body = json.dumps({"results": records}, ensure_ascii=False)
    harness.sandbox.faults.clear()
    harness.sandbox.faults.add(Fault(match=f"/jobs/{uid}/results", kind="replace", body=body))
    config = harness.config(workspace)
    harness.sync("--full-refresh", "--table", "job_results", configs=[config])
    rows = harness.database.execute(
        "select position, cast(data as text) as data, result_uid from job_results "
        f"where job_uid = '{uid}' order by position"
    )
    assert [json.loads(row["data"]) for row in rows] == records
    assert len({row["result_uid"] for row in rows}) == len(records)


@pytest.mark.parametrize(
    ("version", "is_listed", "job_status", "is_gone"),
    [
        (V3Api, False, 200, True),
        (V3Api, True, 404, False),
        (V4Api, False, 404, True),
        (V4Api, False, 200, False),
        (V4Api, False, 403, False),
        (V4Api, True, 404, False),
    ],
)
def test_results_that_are_not_found_are_gone_only_with_their_job(
    tmp_path: Path,
    version: type[V3Api] | type[V4Api],
    is_listed: bool,
    job_status: int,
    is_gone: bool,
) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(("/results", "/outputs")):
            return httpx.Response(404)
        return httpx.Response(job_status, json={"uid": "j"})

    api = version(client_of(handle))
    _, ledger, issues = read_jobs(api, ["j"], tmp_path, is_listed=is_listed)
    assert [row["job_uid"] for row in ledger] == (["j"] if is_gone else [])
    [issue] = issues
    assert (issue.kind, issue.action) == ("not_found", "kept" if is_gone else "set_aside")
