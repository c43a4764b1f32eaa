"""Each row of the fault matrix, over real HTTP: calls, rows, `sync_issues` and what follows."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeGuard

import fasteners
import httpx
import pytest

from captaindata_source.api.v4 import KEY_HEADER, V4Api
from captaindata_source.extract import opening
from captaindata_source.http import Clock, HttpClient, Secret, connections
from captaindata_source.issues import IssueLog, Kind
from captaindata_source.sandbox import World
from captaindata_source.sandbox.dialect import Dialect
from captaindata_source.settings.workspace import Settings
from tests.support.databases import DuckDb, Postgres
from tests.support.fault_matrix import (
    DRIP,
    LISTING_ROWS,
    RESULT_ROWS,
    ROWS,
    SEVERAL,
    WORKSPACE_ROWS,
    MatrixRow,
    Version,
    only,
)
from tests.support.faults import Fault
from tests.support.faulty_sandbox import FaultySandbox
from tests.support.http_script import RecordingThrottle
from tests.support.matrix_story import Story, brief, tell, tell_of_workspaces
from tests.support.matrix_story_v4 import ALONE, SHARING, tell_of_v4
from tests.support.readme_matrix import matrix_table

pytestmark = pytest.mark.integration

DATABASES = ("postgres",)
"""Of v3's rows about jobs and workflows; on DuckDB are those of v4, of which most are the same."""
WORKSPACES = "workspaces"
"""The story of v3's rows that no database can matter to."""
V4 = "v4"
"""The story of all rows of v4: databases do not know the versions of the API."""


STORIES = (V4, WORKSPACES, *DATABASES)


def has_parameters(item: pytest.Item) -> TypeGuard[pytest.Function]:
    return isinstance(item, pytest.Function) and hasattr(item, "callspec")


@pytest.fixture(scope="session")
def stories(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Callable[[str], Story]:
    """The syncs of each database, made once for all processes of the tests."""
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    known: dict[str, Story] = {}
    asked = {
        item.callspec.params.get("story") for item in request.session.items if has_parameters(item)
    }
    wanted = [name for name in STORIES if name in asked]

    def make(name: str) -> Story:
        folder = tmp_path_factory.mktemp(name)
        if name == WORKSPACES:
            return tell_of_workspaces(DuckDb(folder), folder)
        if name == V4:
            return tell_of_v4(DuckDb(folder), folder)
        if name == "duckdb":
            return tell(DuckDb(folder), folder)
        database = Postgres(request.getfixturevalue("postgres_folder"))
        try:
            return tell(database, folder)
        finally:
            database.drop()

    def make_unless_made(name: str, *, is_patient: bool) -> None:
        path = shared / f"{name}.story"
        lock = fasteners.InterProcessLock(shared / f"{name}.lock")
        if path.exists():
            return
        if not lock.acquire(blocking=is_patient):
            lock.lockfile.close()
            return
        try:
            if path.exists():
                return
            try:
                made: Story | str = make(name)
            except AssertionError as error:
                made = str(error)
            unfinished = path.with_suffix(".part")
            unfinished.write_bytes(pickle.dumps(made))
            unfinished.rename(path)
        finally:
            lock.release()

    def story_of(name: str) -> Story:
        if name not in known:
            path = shared / f"{name}.story"
            for each in (name, *wanted):  # another one, rather than wait
                if not path.exists():
                    make_unless_made(each, is_patient=False)
            make_unless_made(name, is_patient=True)
            found = pickle.loads(path.read_bytes())
            assert isinstance(found, Story), found
            known[name] = found
        return known[name]

    return story_of


@pytest.fixture
def story(stories: Callable[[str], Story], request: pytest.FixtureRequest) -> Story:
    """The syncs of one database."""
    return stories(request.param)


def on(
    stories: Sequence[str], rows: Sequence[MatrixRow], v4_rows: Sequence[MatrixRow]
) -> pytest.MarkDecorator:
    """The rows of v3 in each of the stories, and rows in that of v4."""
    told = [(name, row) for name in stories for row in only("v3", rows)]
    told += [(V4, row) for row in v4_rows]
    return pytest.mark.parametrize(
        ("story", "row"),
        [pytest.param(name, row, id=f"{name}-{row.name}") for name, row in told],
        indirect=["story"],
    )


TO_CORRECT = {"unauthorized", "forbidden", "misconfigured", "foreign_workspace"}
on_each = pytest.mark.parametrize("story", DATABASES, indirect=True)
on_each_and_v4 = pytest.mark.parametrize("story", [*DATABASES, V4], indirect=True)
on_all = pytest.mark.parametrize("story", [*DATABASES, WORKSPACES, V4], indirect=True)


def assert_as_stated(story: Story, row: MatrixRow) -> None:
    """Calls, issues, and what the sync says of the workspace."""
    assert story.calls(row) == row.calls_in(story.version)
    found = [(i["kind"], i["action"], i["occurrences"]) for i in story.issues_of(row)]
    wanted = list(row.issues)
    for kind, action, occurrences in row.issues:
        if occurrences == SEVERAL:
            number = next(n for k, a, n in found if (k, a) == (kind, action))
            assert number > 1
            wanted[wanted.index((kind, action, occurrences))] = (kind, action, number)
    assert sorted(found) == sorted(wanted)
    summary = story.faulty[row.name].workspaces
    assert {issue["sync_uid"] for issue in story.issues_of(row)} <= {
        each["sync_uid"] for each in summary.values()
    }
    said = summary[story.configured_name_of(row)]
    assert said["outcome"] == ("failed" if row.fails else "partly_loaded" if row.exit else "loaded")
    failure = next((kind for kind, action, _ in row.issues if action == "failed"), None)
    assert (said["failure"], said["needs_correction"]) == (failure, failure in TO_CORRECT)


def set_aside(story: Story, row: MatrixRow) -> list[dict[str, Any]]:
    """What the summary says of the row's object."""
    column = "job_uid" if row.kind == "results" else "workflow_uid"
    (report,) = [
        report
        for report in story.faulty[row.name].summary["workspaces"]
        if report["workspace_uid"] == story.workspace_of(row).uid
    ]
    return [entry for entry in report["set_aside"] if entry[column] == story.targets[row.name].uid]


@on(DATABASES, RESULT_ROWS, [row for row in SHARING if row.kind == "results"])
def test_results(story: Story, row: MatrixRow) -> None:
    assert_as_stated(story, row)
    target = story.targets[row.name]
    if row.exit:
        assert [entry["kind"] for entry in set_aside(story, row)] == [row.issues[0][0]]
        assert target.uid not in story.ledger
        assert target.uid not in story.texts
        return
    assert set_aside(story, row) == []
    assert target.uid in story.ledger
    texts = story.texts[target.uid]
    assert len(texts) == len(target.rows)
    if row.sent is not None:
        assert texts[0] == brief((row.loaded or row.sent).decode())


@on(DATABASES, LISTING_ROWS, [row for row in SHARING if row.kind != "results"])
def test_lists(story: Story, row: MatrixRow) -> None:
    assert_as_stated(story, row)
    target = story.targets[row.name]
    entries = set_aside(story, row)
    wanted = [kind for kind, action, _ in row.issues if action == "set_aside"]
    assert [entry["kind"] for entry in entries] == wanted
    listed = {job["uid"] for job in target.rows}
    is_loaded = row.calls > 1 or row.kind == "details"
    assert listed & story.jobs.keys() == (listed if is_loaded else set())


@on((WORKSPACES,), WORKSPACE_ROWS, ALONE)
def test_workspaces(story: Story, row: MatrixRow) -> None:
    assert_as_stated(story, row)


@on_each_and_v4
def test_jobs_that_are_odd_are_loaded_as_the_matrix_says(story: Story) -> None:
    made_up = {job["uid"]: job for job in story.jobs.values() if job["name"] == "made up"}
    by_row = {
        row.name: made_up.get(f"job-of-{story.targets[row.name].uid}")
        for row in only(story.version, LISTING_ROWS)
    }
    number = str(int(story.targets["job with a number as uid"].uid[:8], 16))
    assert made_up[number]["status"].lower() == "stopped"
    assert by_row["job with an unknown status"]
    assert by_row["job with an unknown status"]["status"] == "teleporting"
    assert by_row["job without timestamps"]
    assert by_row["job without timestamps"]["finish_time"] is None
    nonsense = by_row["job with unreadable timestamps"]
    assert nonsense
    assert (nonsense["start_time"], nonsense["finish_time"]) == (None, None)
    assert nonsense["api_start_time"] == "yesterday"
    assert nonsense["api_finish_time"] == "+12345-01-01T00:00:00Z"
    offsets = by_row["job with times with and without an offset"]
    assert offsets
    assert offsets["start_time"] == datetime(2026, 1, 1, 10, tzinfo=UTC)
    assert offsets["finish_time"] == datetime(2026, 1, 1, 11, 30, tzinfo=UTC)
    future = by_row["job with a time in the year 9999"]
    assert future
    assert future["finish_time"] == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@on_all
def test_the_next_sync_is_exact_and_asks_again_for_what_differed_from_its_count(
    story: Story,
) -> None:
    assert story.mismatch == ""
    healed = story.healed
    assert healed
    asked = [*healed.paths("/results"), *healed.paths("/outputs")]
    again = {path.split("/")[3] for path in asked}
    assert (story.ledger | story.late) & again == story.late
    assert all(report["outcome"] == "loaded" for report in healed.workspaces.values())


@pytest.mark.parametrize("story", [V4], indirect=True)
def test_outputs_of_a_live_run_are_not_asked_for(story: Story) -> None:
    uid = f"job-of-{story.targets['a `LIVE` run'].uid}"
    assert story.jobs[uid]["execution_mode"] == "LIVE"
    assert uid not in story.ledger
    synced = [*story.faulty.values(), story.healed]
    assert not [path for each in synced if each for path in each.paths(f"/{uid}/outputs")]


def test_in_v4_a_next_link_to_plain_http_is_followed_over_https() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        link = {"X-Pagination-Next": f"http://api.example{request.url.path}?cursor=c"}
        is_last = "cursor" in request.url.params
        return httpx.Response(200, headers={} if is_last else link, content=b'[{"a":1}]')

    with HttpClient(
        base_url="https://api.example/v4",
        headers={},
        key_header=KEY_HEADER,
        key=Secret("k"),
        throttle=RecordingThrottle(),
        transport=httpx.MockTransport(answer),
    ) as http:
        assert len(list(V4Api(http).result_pages("r"))) == 2
    path = "https://api.example/v4/runs/r/outputs"
    assert asked == [f"{path}?limit=500", f"{path}?cursor=c"]


@pytest.mark.parametrize("version", DRIP.versions)
def test_a_drip_ends_at_the_deadline_of_an_answer(
    version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deadline passes with the first piece, however slow the machine."""
    passed = [0.0]
    passing = [connections.RESPONSE_DEADLINE_SECONDS + 1]

    def check() -> None:
        passed[0] += passing.pop() if passing else 0.0

    def clock(**_: object) -> Clock:
        return Clock(monotonic=lambda: passed[0], sleep=lambda _: None, check=check)

    monkeypatch.setattr(opening, "Clock", clock)
    dialect = Dialect(results_page_size=1000, jobs_page_size=100)
    world = World(
        7, workspaces=1, workflows=4, days=30, jobs_per_day=0.3, mean_results=8, dialect=dialect
    )
    [workspace] = world.workspaces
    job = next(
        job
        for flow in world.workflows(workspace)
        for job in world.listed_jobs(workspace, flow["uid"])
        if job["status"] == "finished" and job["row_count"]
    )
    issues = IssueLog()
    with FaultySandbox(world) as sandbox:
        sandbox.faults.add(
            Fault(match="/results$|/outputs$", kind="drip", seconds=0.01, size=1, times=1)
        )
        settings = Settings(
            api_key=Secret(workspace.api_key),
            project_uid=workspace.uid,
            api_version=version,
            base_url=sandbox.base_url_of(version),
        )
        api = opening.connect(settings, issues=issues)
        pages = [*api.result_pages(job["uid"])]
        api.close()
        asked = [r.path for r in sandbox.log.entries if job["uid"] in r.path]
    assert sum(map(len, pages)) == len(world.results(workspace, job["uid"]))
    assert len(asked) == DRIP.calls_in(version) + len(pages) - 1
    assert [(i.kind, i.action, i.occurrences) for i in issues.take()] == [*DRIP.issues]


@on_all
def test_no_sync_says_the_key(story: Story) -> None:
    keys = {workspace.api_key for workspace in story.workspaces.values()}
    assert story.healed
    for synced in [*story.faulty.values(), story.healed]:
        said = f"{synced.summary}{synced.stderr}"
        assert [key for key in keys if key in said] == []


@on_each_and_v4
def test_issues_hold_no_payload_and_no_key(story: Story) -> None:
    assert "elsewhere.invalid" in story.all_issues, "a host is named"
    for workspace in story.workspaces.values():
        assert workspace.api_key not in story.all_issues
    for words in ("drop table", "yesterday", "teleporting", "x" * 50):
        assert words not in story.all_issues


def test_readme_prints_the_matrix() -> None:
    readme = Path("tests/README.md").read_text(encoding="utf-8")
    assert matrix_table() in readme, "python -m tests.support.readme_matrix"
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)


def test_the_tables_readme_lists_all_kinds_of_issues() -> None:
    text = Path("sql/tables.md").read_text(encoding="utf-8")
    section = text[text.index("## sync_issues") : text.index("## job_results_ledger")]
    in_matrix = {kind for row in ROWS for kind, _, _ in row.issues}
    assert in_matrix <= {*Kind}
    assert {kind for kind in Kind if f"`{kind}`" not in section} == set()
