"""The plan by itself: what is queued and kept, over a fake API and a memory made by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from captaindata_source.api import Coverage, JobListing, JobPage, Parts, Probe, Record, Span
from captaindata_source.errors import NotFoundError
from captaindata_source.extract.guard import Guard
from captaindata_source.extract.plan import Context, SyncPlan
from captaindata_source.extract.queue import Limits, Package
from captaindata_source.extract.rows import row_hash
from captaindata_source.http import Secret
from captaindata_source.issues import IssueLog
from captaindata_source.settings.workspace import Settings
from captaindata_source.tables import JOBS, TABLES, Row, Table
from captaindata_source.warehouse.loaded_rows import StoredCount
from captaindata_source.warehouse.memory import KnownJob, KnownWorkflow, Memory
from tests.support.reading import run_steps

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class FakeApi:
    """A list of runs in pages that are given, and runs one by one."""

    version = "v4"
    success_statuses = frozenset({"SUCCEEDED"})
    resting_statuses: frozenset[str] = frozenset()
    final_statuses = frozenset({"SUCCEEDED", "FAILED"})
    lists_workflows = False
    forgets_jobs = False
    archives_days: int | None = None
    rereads_days = 90
    version_fields: Sequence[str] = ("updated_at", "retry_count")
    count_fields: Sequence[str] = ("row_count",)
    quota_unit = "credits"
    calls = 0
    parallel = 1.0
    calls_per_minute: float | None = None
    results_per_page = 500
    extras: Mapping[str, Callable[[], Parts]] = {}

    def __init__(self, pages: Sequence[JobPage] = (), singles: Mapping[str, Record] = {}) -> None:
        self._pages = pages
        self._singles = singles
        self.asked: list[str] = []

    def workspace(self) -> Record:
        return {"credits_left": 3, "current_month_start": "2026-03-01T00:00:00Z"}

    def members(self) -> list[msgspec.Raw]:
        return [msgspec.Raw(b'{"uid":"m","cookies":[{"name":"li_at"}],"accounts":[]}')]

    def workflows(self) -> list[Record]:
        return []

    def workflow_details(self, uid: str) -> msgspec.Raw | None:
        raise NotFoundError("no details", path=uid)

    def job_listings(
        self, workflows: Sequence[Record], covered: Coverage, *, is_last: object
    ) -> list[JobListing]:
        assert not workflows
        self.covered = covered
        return [JobListing("The list", iter(self._pages), can_wait=True)]

    def flow_listing(self, covered: Coverage) -> JobListing | None:
        return None

    def jobs_of(self, workflow_uid: str) -> Iterator[JobPage]:
        raise NotImplementedError(workflow_uid)

    def jobs_in(self, status: str) -> Iterator[JobPage] | None:
        self.asked.append(status)
        jobs = [job for job in self._singles.values() if job["status"] == status]
        return iter([JobPage(jobs)])

    def job(self, uid: str) -> Record | None:
        self.asked.append(uid)
        return self._singles.get(uid)

    def jobs_named(self, uids: Sequence[str]) -> Sequence[Record]:
        return ()

    def results_path(self, job_uid: str) -> str:
        return job_uid

    def result_pages(self, job_uid: str) -> Iterator[Sequence[bytes]]:
        raise NotFoundError("no results", path=job_uid)

    def input_pages(self, job_uid: str) -> Iterator[Sequence[Record]]:
        raise NotFoundError("no inputs", path=job_uid)

    def probes(self) -> Iterator[Probe]:
        return iter(())

    def close(self) -> None: ...


def run(uid: str, status: str = "SUCCEEDED", **more: Any) -> Record:
    return {"uid": uid, "workflow_uid": "action", "status": status, "row_count": 1, **more}


def known(record: Record, **more: Any) -> KnownJob:
    values = {"results_version": "old", "row_hash": row_hash(record), "is_deleted": False, **more}
    names = ("workflow_uid", "status", "row_count")
    return KnownJob(
        **{name: record[name] for name in names}, finish_time=None, total_row_count=None, **values
    )


def plan_of(
    api: FakeApi, memory: Memory, *, rows: Sequence[Row] = (), now: datetime = NOW
) -> SyncPlan:
    def read_rows(_table: Table, uids: Sequence[str] | None) -> Iterator[Row]:
        return iter([row for row in rows if uids is None or row["uid"] in uids])

    issues = IssueLog()
    settings = Settings(api_key=Secret("k"), project_uid="w", api_version="v4")
    return SyncPlan(
        Context(
            api=api,
            settings=settings,
            memory=memory,
            read_rows=read_rows,
            count_results=lambda uids: dict.fromkeys(uids, StoredCount(1, None)),
            wanted={table.name for table in TABLES},
            issues=issues,
            guard=Guard(issues),
            now=now,
        )
    )


def list_round(
    plan: SyncPlan, package: Package | None = None, *, max_jobs: float = math.inf
) -> None:
    """The listing of one load package, to its end."""
    plan.listing.begin_round(package, max_jobs=max_jobs)
    run_steps(plan.listing.stages)


def queued(plan: SyncPlan) -> list[str]:
    found = []
    while job := plan.queue.pop():
        found.append(job.uid)
    return found


def test_a_job_that_is_queued_before_the_list_comes_to_it_is_queued_once() -> None:
    pages = [JobPage([run("new")]), JobPage([run("old", row_count=7)])]
    memory = Memory(jobs={"old": known(run("old"))})
    plan = plan_of(FakeApi(pages), memory)
    list_round(plan, max_jobs=1)
    assert plan.listing.is_left
    assert sorted(queued(plan)) == ["new", "old"]
    list_round(plan)
    assert not plan.listing.is_left
    assert queued(plan) == []
    assert plan.is_done
    assert [row["uid"] for row in plan.jobs.rows] == ["new", "old"]


def test_jobs_that_may_change_wait_for_the_end_of_the_list_and_are_read_once() -> None:
    running = {f"r{number}": run(f"r{number}", "RUNNING") for number in range(12)}
    singles = {**running, "b": run("b", "BLOCKED", row_count=2)}
    memory = Memory(jobs={uid: known(job) for uid, job in singles.items()})
    api = FakeApi([JobPage([run("new")]), JobPage([run("newer")])], singles)
    plan = plan_of(api, memory)
    list_round(plan, max_jobs=1)
    assert api.asked == []
    list_round(plan)
    assert api.asked == ["RUNNING", "b"], "many of a status together, few one by one"
    assert plan.jobs.seen == {"new", "newer", *singles}


def test_no_call_is_begun_once_the_limit_of_calls_is_reached() -> None:
    limits = Limits(max_requests=1)
    memory = Memory(jobs={uid: known(run(uid, "RUNNING")) for uid in ("a", "b")})
    api = FakeApi([JobPage([run("new")])], {})
    plan = plan_of(api, memory)
    limits.count(lambda: 5)
    list_round(plan, Package(plan.queue, limits=limits))
    list_round(plan, Package(plan.queue, limits=limits))
    assert api.asked == []


def test_a_success_follows_its_job_although_no_list_has_it() -> None:
    job = run("a")
    memory = Memory(
        jobs={"a": known(job, results_version=None), "b": known(run("b"), results_version=None)},
        successful_jobs={"a": "of another state", "b": row_hash(run("b"))},
    )
    rows = [{"uid": uid, "status": "SUCCEEDED", "row_hash": row_hash(run(uid))} for uid in "ab"]
    plan = plan_of(FakeApi(), memory, rows=rows)
    list_round(plan)
    assert [(row["uid"], row["row_hash"]) for row in plan.jobs.successful_rows] == [
        ("a", row_hash(job))
    ]


def test_workflows_that_jobs_name_only_grow() -> None:
    first, last = NOW - timedelta(days=100), NOW - timedelta(days=2)
    memory = Memory(
        workflows={
            "action": KnownWorkflow("h", None, is_deleted=False, created_at=first, updated_at=last)
        }
    )
    page = JobPage([run("a", created_at="2026-02-20T00:00:00Z", has_results=False)])
    plan = plan_of(FakeApi([page]), memory)
    list_round(plan)
    assert plan.named_workflows is not None
    [row] = plan.named_workflows.rows
    assert (row["uid"], row["created_at"], row["updated_at"]) == ("action", first, last)


def test_a_checkpoint_claims_nothing_of_a_time_to_come() -> None:
    future = NOW + timedelta(days=400)
    page = JobPage([run("a")], span=Span(NOW - timedelta(days=1), future))
    api = FakeApi([page, JobPage((), span=Span(None, future))])
    plan = plan_of(api, Memory(covered=Coverage([Span(None, future)])))
    list_round(plan)
    assert list(api.covered) == [Span(None, NOW - timedelta(days=3))], "of a first, deep look"
    [checkpoint] = plan.listing.checkpoints()
    assert checkpoint["covered"] == f'[[null, "{NOW.isoformat()}"]]'
    assert checkpoint["jobs"] == 1
    assert plan.listing.checkpoints() == [], "it is written once"


def test_what_is_expected_does_not_depend_on_rows_that_are_taken_already() -> None:
    pages = [JobPage([run("new"), run("old", row_count=7)])]
    plan = plan_of(FakeApi(pages), Memory(jobs={"old": known(run("old"))}))
    list_round(plan)
    plan.jobs.rows.clear()
    found = plan.expect()
    assert (found.new_jobs, found.changed_jobs, found.result_jobs) == (1, 1, 2)


def test_secrets_of_people_are_cut_out() -> None:
    page = JobPage(
        [
            run(
                "a",
                cookies="c",
                accounts=msgspec.Raw(b'[{"uid":"x","cookies":[1]}]'),
                last_error=msgspec.Raw(b'{"message":"m","params":{"auth_data":{"a":1}}}'),
            )
        ]
    )
    plan = plan_of(FakeApi([page]), Memory())
    list_round(plan)
    [row] = plan.jobs.rows
    assert row["accounts"] == '[{"uid":"x"}]'
    assert row["last_error"] == '{"message":"m","params":{}}'
    assert "cookies" not in row
    workspace, reading = plan.workspace.rows()
    assert workspace is not None
    assert workspace["members"] == '[{"uid":"m","accounts":[]}]'
    assert reading is not None
    assert (reading["unit"], reading["quota_left"], reading["quota_max"]) == ("credits", 3.0, None)


def test_a_job_without_results_is_no_job_to_fetch() -> None:
    plan = plan_of(FakeApi([JobPage([run("live", has_results=False), run("async")])]), Memory())
    list_round(plan)
    assert queued(plan) == ["async"]
    versions = {row["uid"]: row["results_version"] for row in plan.jobs.rows}
    assert versions["live"] is None
    assert versions["async"]
    assert set(versions) == {"live", "async"}
    assert JOBS.columns["has_results"] == "bool"


def test_what_is_expected_counts_pages_and_tells_the_newest_apart() -> None:
    jobs = [
        run("large", row_count=1_001, finish_time="2026-03-01T00:00:00Z"),
        run("small", finish_time="2026-03-01T00:00:00Z"),
        run("old", finish_time="2026-01-01T00:00:00Z"),
        run("uncounted", row_count=None, finish_time="2026-01-01T00:00:00Z"),
        run("failed", status="FAILED"),
    ]
    listed = [{"has_results": True, **job} for job in jobs]
    api = FakeApi([JobPage(listed)])
    memory = Memory(jobs={"old": known(jobs[2], row_hash="other")})
    plan = plan_of(api, memory, now=datetime(2026, 3, 3, tzinfo=UTC))
    list_round(plan)
    found = plan.expect()
    assert (found.new_jobs, found.changed_jobs) == (4, 1)
    assert (found.result_jobs, found.result_calls) == (4, 3 + 1 + 1 + 1)
    assert (found.newest_jobs, found.newest_calls) == (2, 3 + 1)
    assert len(plan.queue) == 4, "it only looks"
    assert api.asked == []
