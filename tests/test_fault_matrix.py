"""Each row of the fault matrix, over real HTTP: calls, rows, `sync_issues` and what follows.

The rows of a database share a few syncs: each row's fault is aimed at a job, a workflow or a
workspace of its own, so that every row is also held to leave the others alone. Rows that a sync
survives with exit code 0 are synced apart from those that it ends with 1.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from captaindata_source.sandbox import Fault, Sandbox, Workspace, World
from captaindata_source.sandbox.dialect import Dialect
from tests.conftest import DATABASES
from tests.fault_matrix import (
    LISTING_ROWS,
    RESULT_ROWS,
    ROWS,
    SEVERAL,
    WORKSPACE_ROWS,
    MatrixRow,
    Target,
)
from tests.support.databases import Database, DuckDb, Postgres, Row
from tests.support.harness import Harness, Synced
from tests.support.oracle import Oracle, assert_equal
from tests.support.readme_matrix import matrix_table

TIME_FACTOR = "100"
MIN_ROWS = 4
ROLES = ("calm", "aside", *(row.name for row in WORKSPACE_ROWS))
CALM = {row.name for row in WORKSPACE_ROWS if row.exit == 0}


@dataclass
class Story:
    """What the syncs of one database did."""

    harness: Harness
    oracle: Oracle
    workspaces: dict[str, Workspace]
    targets: dict[str, Target] = field(default_factory=dict)
    faulty: dict[str, Synced] = field(default_factory=dict)
    """By the row's name: the sync that met its fault."""
    issues: dict[str, list[Row]] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)
    """By job: what `job_results` held after the sync that met its fault."""
    ledger: set[str] = field(default_factory=set)
    jobs: dict[str, Row] = field(default_factory=dict)
    healed: Synced | None = None

    def workspace_of(self, row: MatrixRow) -> Workspace:
        if row.name in self.workspaces:
            return self.workspaces[row.name]
        return self.workspaces["aside" if row.exit else "calm"]

    def calls(self, row: MatrixRow) -> int:
        target = self.targets[row.name]
        paths = target.path.split("|")
        workspace = self.workspace_of(row)
        return sum(
            request.workspace_uid == workspace.uid
            and any(request.path.endswith(path.rstrip("$")) for path in paths)
            for request in self.faulty[row.name].requests
        )

    def issues_of(self, row: MatrixRow) -> list[Row]:
        target = self.targets[row.name]
        workspace = self.workspace_of(row)
        if row.name in self.workspaces:
            return [i for i in self.issues[row.name] if i["workspace_uid"] == workspace.uid]
        column = "job_uid" if row.kind == "results" else "workflow_uid"
        return [issue for issue in self.issues[row.name] if issue[column] == target.uid]


def aim(story: Story, name: str, rows: list[MatrixRow]) -> list[Fault]:
    """Gives each row a job or workflow of its own in a workspace; the rules of all."""
    world, base_url = story.harness.world, story.harness.sandbox.base_url
    workspace = story.workspaces[name]
    flows = [
        (flow["uid"], world.listed_jobs(workspace, flow["uid"]))
        for flow in world.workflows(workspace)
    ]
    flows.sort(key=lambda flow: len(flow[1]))
    free = iter([flow for flow in flows if flow[1]])
    faults: list[Fault] = []
    for row in rows:
        if row.kind not in ("jobs", "details"):
            continue
        uid, listed = next(free)
        path = f"/workflows/{uid}/{row.kind}"
        if row.calls == 3:
            path += f"|/jobs/{listed[0]['uid']}$"
        story.targets[row.name] = Target(path=path, uid=uid, base_url=base_url, rows=listed)
        assert row.faults
        match = path.split("|", maxsplit=1)[0]
        aimed = Target(path=match, uid=uid, base_url=base_url, rows=listed)
        faults += row.faults(aimed)
    free_jobs = iter(
        job
        for _, listed in free
        for job in listed
        if job["status"] == "finished" and (job["row_count"] or 0) >= MIN_ROWS
    )
    for row in rows:
        if row.kind != "results":
            continue
        job = next(free_jobs)
        found = world.results(workspace, job["uid"])
        target = Target(
            path=f"/jobs/{job['uid']}/results", uid=job["uid"], base_url=base_url, rows=found
        )
        story.targets[row.name] = target
        if row.sent is not None:
            faults.append(target.page([row.sent, *target.texts[1:]]))
            data = json.loads(row.loaded or row.sent)
            story.oracle.results[workspace.uid, job["uid"]] = [data, *found[1:]]
        else:
            assert row.faults
            faults += row.faults(target)
    return faults


def aim_at_workspaces(story: Story) -> list[Fault]:
    """The rules of the rows that have a workspace of their own."""
    world, base_url = story.harness.world, story.harness.sandbox.base_url
    faults: list[Fault] = []
    for row in WORKSPACE_ROWS:
        workspace = story.workspaces[row.name]
        target = Target(path="", uid=workspace.uid, base_url=base_url)
        rules = list(row.faults(target)) if row.faults else []
        path = rules[0].match if rules else "/"
        if row.kind == "count":
            job = next(
                job
                for flow in world.workflows(workspace)
                for job in world.listed_jobs(workspace, flow["uid"])
                if job["status"] == "finished" and (job["row_count"] or 0) >= MIN_ROWS
            )
            path = f"/jobs/{job['uid']}/results"
            rows = world.results(workspace, job["uid"])[:-1]
            story.oracle.results[workspace.uid, job["uid"]] = rows
            rules = [Fault(match=path, kind="replace", body=json.dumps({"results": rows}))]
        if row.kind == "clock":
            path = f"/workflows/{world.workflows(workspace)[0]['uid']}/details"
        story.targets[row.name] = Target(path=path, uid=workspace.uid, base_url=base_url)
        faults += [] if row.kind == "second" else rules
    return faults


def sync(story: Story, names: list[str], rows: list[MatrixRow], *, expect: int) -> Synced:
    """One sync of some workspaces; what it did is kept for each of the rows."""
    harness = story.harness
    configs = []
    for name in names:
        options: dict[str, Any] = {}
        kinds = {row.name: row.kind for row in WORKSPACE_ROWS}
        if kinds.get(name) == "workspace":
            options["max_parallel_requests"] = 1
        if kinds.get(name) == "unreachable" and expect:
            options["base_url"] = f"http://127.0.0.1:{closed_port()}/v3"
        workspace = story.workspaces[name]
        configs.append({**harness.config(workspace), "name": name, **options})
    before = {row["uid"] for row in harness.rows("sync_issues")} if story.faulty else set[str]()
    synced = harness.sync(configs=configs, expect=expect)
    found = [row for row in harness.rows("sync_issues") if row["uid"] not in before]
    for row in rows:
        story.faulty[row.name] = synced
        story.issues[row.name] = found
    return synced


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def tell(database: Database, folder: Path) -> Iterator[Story]:
    """Lives through all rows."""
    everything = database.name == "duckdb"
    dialect = Dialect(results_page_size=1000, jobs_page_size=100)
    roles = ROLES if everything else ROLES[:2]
    world = World(
        3, workspaces=len(roles), workflows=24, days=20, jobs_per_day=0.12, mean_results=14,
        dialect=dialect,
    )  # fmt: skip
    with Sandbox(world) as sandbox:
        harness = Harness(sandbox, database, folder)
        harness.extra["TEST_TIME_FACTOR"] = TIME_FACTOR
        story = Story(harness, Oracle(world), dict(zip(roles, world.workspaces, strict=True)))
        story.oracle.look()
        shared = [*RESULT_ROWS, *LISTING_ROWS]
        calm = [row for row in shared if not row.exit]
        aside = [row for row in shared if row.exit]
        own = list(WORKSPACE_ROWS) if everything else []
        faults = aim(story, "calm", calm) + aim(story, "aside", aside)
        sandbox.faults.add(*faults, *(aim_at_workspaces(story) if everything else []))
        second = [row for row in own if row.kind in ("second", "clock")]
        names = [row.name for row in own]
        sync(story, ["calm", *(n for n in names if n in CALM)], [*calm, *own], expect=0)
        failing = [*aside, *(row for row in own if row.exit)]
        sync(story, ["aside", *(n for n in names if n not in CALM)], failing, expect=1)
        for row in harness.database.execute(
            "select job_uid, position, cast(data as text) as data "
            "from job_results order by job_uid, position"
        ):
            story.texts.setdefault(row["job_uid"], []).append(row["data"])
        story.ledger = {row["job_uid"] for row in harness.rows("job_results_ledger")}
        story.jobs = {row["uid"]: row for row in harness.rows("jobs")}
        sandbox.faults.clear()
        if second:
            flow = story.targets[second[1].name].path.split("/")[2]
            database.execute(
                "update workflows set details_fetched_at = details_fetched_at + interval '1 year' "
                "where uid = %s",
                [flow],
            )
            for one in second:
                target = Target(path="", uid=story.workspaces[one.name].uid, base_url="")
                sandbox.faults.add(*(one.faults(target) if one.faults else ()))
            sync(story, [row.name for row in second], second, expect=0)
            sandbox.faults.clear()
        story.healed = sync(story, list(roles), [], expect=0)
        database.execute("delete from jobs where name = 'made up'")
        yield story


@pytest.fixture(scope="module")
def duckdb_story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("duckdb")
    yield from tell(DuckDb(folder), folder)


@pytest.fixture(scope="module")
def postgres_story(
    postgres_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    database = Postgres(postgres_folder)
    yield from tell(database, tmp_path_factory.mktemp("postgres"))
    database.drop()


@pytest.fixture
def story(request: pytest.FixtureRequest) -> Story:
    """The syncs of a database, made once."""
    story: Story = request.getfixturevalue(f"{request.param}_story")
    return story


def on(databases: Sequence[str], rows: Sequence[MatrixRow]) -> pytest.MarkDecorator:
    """The rows on each of the databases; those of one database stay in one process."""
    return pytest.mark.parametrize(
        ("story", "row"),
        [
            pytest.param(
                name, row, id=f"{name}-{row.name}", marks=pytest.mark.xdist_group(f"matrix-{name}")
            )
            for name in databases
            for row in rows
        ],
        indirect=["story"],
    )


def each() -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "story",
        [pytest.param(name, marks=pytest.mark.xdist_group(f"matrix-{name}")) for name in DATABASES],
        indirect=True,
    )


def assert_as_stated(story: Story, row: MatrixRow) -> None:
    """Calls and issues."""
    assert story.calls(row) == row.calls
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


def set_aside(story: Story, row: MatrixRow) -> list[dict[str, Any]]:
    """What the summary says of the row's object."""
    column = "job_uid" if row.kind == "results" else "workflow_uid"
    (report,) = [
        report
        for report in story.faulty[row.name].summary["workspaces"]
        if report["workspace_uid"] == story.workspace_of(row).uid
    ]
    return [entry for entry in report["set_aside"] if entry[column] == story.targets[row.name].uid]


@on(DATABASES, RESULT_ROWS)
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
        assert texts[0] == (row.loaded or row.sent).decode()


@on(DATABASES, LISTING_ROWS)
def test_lists(story: Story, row: MatrixRow) -> None:
    assert_as_stated(story, row)
    target = story.targets[row.name]
    entries = set_aside(story, row)
    wanted = [kind for kind, action, _ in row.issues if action == "set_aside"]
    assert [entry["kind"] for entry in entries] == wanted
    listed = {job["uid"] for job in target.rows}
    is_loaded = row.calls > 1 or row.kind == "details"
    assert listed & story.jobs.keys() == (listed if is_loaded else set())


@on(("duckdb",), WORKSPACE_ROWS)
def test_workspaces(story: Story, row: MatrixRow) -> None:
    assert_as_stated(story, row)
    report = story.faulty[row.name].workspaces[row.name]
    fails = any(action == "failed" for _, action, _ in row.issues)
    assert report["outcome"] == ("failed" if fails else "partly_loaded" if row.exit else "loaded")


@each()
def test_jobs_that_are_odd_are_loaded_as_the_matrix_says(story: Story) -> None:
    made_up = {job["uid"]: job for job in story.jobs.values() if job["name"] == "made up"}
    by_row = {
        row.name: made_up.get(f"job-of-{story.targets[row.name].uid}") for row in LISTING_ROWS
    }
    number = str(int(story.targets["job with a number as uid"].uid[:8], 16))
    assert made_up[number]["status"] == "stopped"
    assert by_row["unknown status"]
    assert by_row["unknown status"]["status"] == "teleporting"
    assert by_row["missing timestamps"]
    assert by_row["missing timestamps"]["finish_time"] is None
    nonsense = by_row["nonsense timestamps"]
    assert nonsense
    assert (nonsense["start_time"], nonsense["finish_time"]) == (None, None)
    assert nonsense["api_start_time"] == "yesterday"
    assert nonsense["api_finish_time"] == "+12345-01-01T00:00:00Z"
    offsets = by_row["times without and with offsets"]
    assert offsets
    assert offsets["start_time"] == datetime(2026, 1, 1, 10, tzinfo=UTC)
    assert offsets["finish_time"] == datetime(2026, 1, 1, 11, 30, tzinfo=UTC)
    future = by_row["a time in the far future"]
    assert future
    assert future["finish_time"] == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@each()
def test_the_next_sync_is_exact_and_asks_for_nothing_again(story: Story) -> None:
    assert_equal(story.harness, story.oracle)
    healed = story.healed
    assert healed
    assert not story.ledger & {path.split("/")[3] for path in healed.paths("/results")}
    assert all(report["outcome"] == "loaded" for report in healed.workspaces.values())


@each()
def test_issues_hold_no_payload_and_no_key(story: Story) -> None:
    issues = str(story.harness.rows("sync_issues"))
    assert "elsewhere.invalid" in issues, "a host is named"
    for workspace in story.harness.world.workspaces:
        assert workspace.api_key not in issues
    for words in ("drop table", "yesterday", "teleporting", "x" * 50):
        assert words not in issues


def test_readme_prints_the_matrix() -> None:
    readme = Path("README.md").read_text(encoding="utf-8")
    assert matrix_table() in readme, "python -m tests.support.readme_matrix"
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)
