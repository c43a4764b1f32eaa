"""The syncs that meet the faults of the matrix, all rows of a database in a few of them: API v3.

Each row's fault is aimed at a job, a workflow or a workspace of its own, so that every row is also
held to leave the others alone. Rows that a sync survives with exit code 0 are synced apart from
those that it ends with 1.
"""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from captaindata_source.sandbox import Workspace, World
from captaindata_source.sandbox.dialect import Dialect
from tests.support.databases import Database, Row
from tests.support.fault_matrix import (
    LISTING_ROWS,
    RESULT_ROWS,
    WORKSPACE_ROWS,
    MatrixRow,
    Target,
    Version,
    only,
)
from tests.support.faults import Fault
from tests.support.faulty_sandbox import FaultySandbox
from tests.support.harness import Harness, Synced
from tests.support.oracle import Oracle, assert_equal
from tests.support.processes import SHORT_WAITS

__all__ = ["Story", "brief", "keep_texts", "sync", "tell", "tell_of_workspaces"]

TIME_FACTOR = "60"
MIN_ROWS = 4
LONG = 20_000
OF_WORKSPACES = only("v3", WORKSPACE_ROWS)
CALM = {row.name for row in OF_WORKSPACES if row.exit == 0}


@dataclass
class Story:
    """What the syncs of one database did; plain data, for several processes."""

    workspaces: dict[str, Workspace]
    version: Version = "v3"
    targets: dict[str, Target] = field(default_factory=dict)
    faulty: dict[str, Synced] = field(default_factory=dict)
    """By the row's name: the sync that met its fault."""
    issues: dict[str, list[Row]] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)
    """By job: what `job_results` held after the sync that met its fault."""
    ledger: set[str] = field(default_factory=set)
    late: set[str] = field(default_factory=set)
    """Jobs whose results were fewer than their count while there were faults."""
    jobs: dict[str, Row] = field(default_factory=dict)
    all_issues: str = ""
    healed: Synced | None = None
    """The last sync, which met no fault."""
    mismatch: str = ""
    """In what the warehouse then differed from the sandbox."""

    def configured_name_of(self, row: MatrixRow) -> str:
        if row.name in self.workspaces:
            return row.name
        return "aside" if row.exit else "calm"

    def workspace_of(self, row: MatrixRow) -> Workspace:
        return self.workspaces[self.configured_name_of(row)]

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
        return [
            issue
            for issue in self.issues[row.name]
            if issue["workspace_uid"] == workspace.uid
            and target.uid in (issue["job_uid"], issue["workflow_uid"])
        ]


@dataclass
class Teller:
    """Makes the syncs."""

    harness: Harness
    oracle: Oracle
    story: Story


def aim(teller: Teller, name: str, rows: list[MatrixRow]) -> list[Fault]:
    """Gives each row a job or workflow of its own in a workspace; the rules of all."""
    story, world = teller.story, teller.harness.world
    base_url = teller.harness.sandbox.base_url
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
        target = Target(path=path, uid=uid, base_url=base_url, rows=listed)
        if row.added is not None:
            if row.calls == 3:
                path += f"|/jobs/{listed[0]['uid']}$"
            page = f"[{','.join([row.added(target), *target.texts])}]"
            faults.append(target.fault("replace", body=page, times=1))
        else:
            assert row.faults
            faults += row.faults(target)
        story.targets[row.name] = Target(path=path, uid=uid, base_url=base_url, rows=listed)
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
            faults.append(target.page([row.sent, *target.texts[1:]], charset=row.charset))
            data = json.loads(row.loaded or row.sent)
            teller.oracle.results[workspace.uid, job["uid"]] = [data, *found[1:]]
        else:
            assert row.faults
            faults += row.faults(target)
    return faults


def aim_at_workspaces(teller: Teller) -> list[Fault]:
    """The rules of the rows that have a workspace of their own."""
    story, world = teller.story, teller.harness.world
    base_url = teller.harness.sandbox.base_url
    faults: list[Fault] = []
    for row in OF_WORKSPACES:
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
            teller.story.late.add(job["uid"])
            rules = [Fault(match=path, kind="replace", body=json.dumps({"results": rows}))]
        if row.kind == "clock":
            path = f"/workflows/{world.workflows(workspace)[0]['uid']}/details"
        story.targets[row.name] = Target(path=path, uid=workspace.uid, base_url=base_url)
        faults += [] if row.kind == "second" else rules
    return faults


def sync(
    harness: Harness,
    story: Story,
    names: Sequence[str],
    rows: Sequence[MatrixRow],
    *arguments: str,
    expect: int,
) -> Synced:
    """One sync of some workspaces; what it did is kept for each of the rows."""
    base_url = harness.sandbox.base_url_of(story.version)
    configs = []
    for name in names:
        options: dict[str, Any] = {"api_version": story.version, "base_url": base_url}
        kinds = {row.name: row.kind for row in WORKSPACE_ROWS}
        if kinds.get(name) == "workspace":
            options["max_parallel_requests"] = 1
        if kinds.get(name) == "unreachable" and expect:
            options["base_url"] = f"http://127.0.0.1:{closed_port()}/{story.version}"
        workspace = story.workspaces[name]
        configs.append({**harness.config(workspace), "name": name, **options})
    before = {row["uid"] for row in harness.rows("sync_issues")} if story.faulty else set[str]()
    synced = harness.sync(*arguments, configs=configs, expect=expect)
    found = [row for row in harness.rows("sync_issues") if row["uid"] not in before]
    for row in rows:
        story.faulty[row.name] = synced
        story.issues[row.name] = found
    return synced


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def tell(database: Database, folder: Path) -> Story:
    """Lives through the rows that are about a job or a workflow."""
    rows = only("v3", [*RESULT_ROWS, *LISTING_ROWS])
    by_exit = {"calm": [r for r in rows if not r.exit], "aside": [r for r in rows if r.exit]}
    with telling(
        database, folder, [*by_exit], workflows=24, jobs_per_day=0.14, mean_results=14
    ) as teller:
        story = teller.story
        for name, its_rows in by_exit.items():
            teller.harness.sandbox.faults.add(*aim(teller, name, its_rows))
        for code, (name, its_rows) in enumerate(by_exit.items()):
            sync(teller.harness, story, [name], its_rows, expect=code)
        keep_texts(story, database)
    return story


def keep_texts(story: Story, database: Database) -> None:
    """Keeps what `job_results` holds now."""
    for row in database.execute(
        "select job_uid, position, cast(data as text) as data "
        "from job_results order by job_uid, position"
    ):
        story.texts.setdefault(row["job_uid"], []).append(brief(row["data"]))


def tell_of_workspaces(database: Database, folder: Path) -> Story:
    """Lives through the rows that have a workspace of their own."""
    rows = OF_WORKSPACES
    names = [row.name for row in rows]
    with telling(database, folder, names, workflows=3, jobs_per_day=0.02, mean_results=8) as teller:
        story, faults = teller.story, teller.harness.sandbox.faults
        faults.add(*aim_at_workspaces(teller))
        sync(teller.harness, story, [name for name in names if name in CALM], rows, expect=0)
        failing = [row for row in rows if row.exit]
        sync(teller.harness, story, [row.name for row in failing], failing, expect=1)
        faults.clear()
        second = [row for row in rows if row.kind in ("second", "clock")]
        flow = story.targets[second[1].name].path.split("/")[2]
        database.execute(
            "update workflows set details_fetched_at = details_fetched_at + interval '1 year' "
            "where uid = %s",
            [flow],
        )
        for row in second:
            target = Target(path="", uid=story.workspaces[row.name].uid, base_url="")
            faults.add(*(row.faults(target) if row.faults else ()))
        sync(teller.harness, story, [row.name for row in second], second, expect=0)
    return teller.story


@contextmanager
def telling(
    database: Database, folder: Path, names: Sequence[str], **world: Any
) -> Iterator[Teller]:
    """A sandbox with a workspace for each name; after its faults a last sync meets none."""
    dialect = Dialect(results_page_size=1000, jobs_page_size=100)
    made = World(3, workspaces=len(names), days=20, dialect=dialect, **world)
    with FaultySandbox(made) as sandbox:
        harness = Harness(sandbox, database, folder)
        harness.extra[SHORT_WAITS] = TIME_FACTOR
        story = Story(dict(zip(names, made.workspaces, strict=True)))
        teller = Teller(harness, Oracle(made), story)
        teller.oracle.look()
        yield teller
        sandbox.faults.clear()
        story.ledger = {row["job_uid"] for row in harness.rows("job_results_ledger")}
        story.jobs = {row["uid"]: row for row in harness.rows("jobs")}
        story.healed = sync(teller.harness, story, names, [], expect=0)
        story.all_issues = str(harness.rows("sync_issues"))
        database.execute("delete from jobs where name = 'made up'")
        try:
            assert_equal(harness, teller.oracle)
        except AssertionError as error:
            story.mismatch = str(error) or "differs"


def brief(text: str) -> str:
    """A text, or the hash of a long one."""
    return text if len(text) < LONG else hashlib.sha256(text.encode()).hexdigest()
