"""Syncs of one workspace without a warehouse: the plan and the readers of results, with a memory
that is what a warehouse would remember."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from captaindata_source.api import Coverage, JobListing, JobPage, Probe, Record
from captaindata_source.extract.guard import Guard
from captaindata_source.extract.plan import Context, SyncPlan
from captaindata_source.extract.queue import Package
from captaindata_source.extract.results.reader import ResultReader
from captaindata_source.http import Secret
from captaindata_source.issues import Issue, IssueLog
from captaindata_source.settings.workspace import Settings
from captaindata_source.tables import TABLES, Row, Table
from captaindata_source.warehouse.loaded_rows import StoredCount
from captaindata_source.warehouse.memory import KnownJob, Memory
from tests.support.reading import FilesInFolder, answer_of, run_steps

__all__ = ["START", "SmallApi", "SmallSyncs", "Synced"]

START = datetime(2026, 3, 1, tzinfo=UTC)


class SmallApi:
    """Lists of jobs by workflow, in v4 one of all, and results; what it says is set by tests."""

    success_statuses = frozenset({"finished", "SUCCEEDED"})
    final_statuses = frozenset({"finished", "SUCCEEDED", "FAILED"})
    count_fields: Sequence[str] = ("row_count", "total_row_count")
    resting_statuses: Sequence[str] = ()
    quota_unit = "tasks"
    calls = 0
    parallel = 1.0
    calls_per_minute: float | None = None
    results_per_page = 1_000
    extras: Mapping[str, Any] = {}

    def __init__(self, version: str) -> None:
        self.version = version
        self.lists_workflows = self.forgets_jobs = version == "v3"
        self.archives_days = None if version == "v3" else 90
        self.rereads_days = 60 if version == "v3" else 90
        self.version_fields: Sequence[str] = (
            () if version == "v3" else ("updated_at", "retry_count")
        )
        self.lists: dict[str, list[Record]] = {}
        """By workflow, in the order in which they are read."""
        self.unlisted: dict[str, Record] = {}
        self.results: dict[str, list[bytes]] = {}
        self.asked: list[str] = []
        """Jobs whose results were asked for."""

    def workspace(self) -> Record:
        return {}

    def members(self) -> list[msgspec.Raw]:
        return []

    def workflows(self) -> list[Record]:
        return [{"uid": uid} for uid in self.lists] if self.lists_workflows else []

    def workflow_details(self, uid: str) -> msgspec.Raw | None:
        raise NotImplementedError(uid)

    def job_listings(
        self, workflows: Sequence[Record], covered: Coverage, *, is_last: object
    ) -> list[JobListing]:
        del workflows, covered
        return [
            JobListing(uid, iter([JobPage(jobs)]), uid if self.lists_workflows else None)
            for uid, jobs in self.lists.items()
        ]

    def flow_listing(self, covered: Coverage) -> JobListing | None:
        return None

    def jobs_of(self, workflow_uid: str) -> Iterator[JobPage]:
        yield JobPage(self.lists[workflow_uid])

    def jobs_in(self, status: str) -> Iterator[JobPage] | None:
        del status
        return None

    def job(self, uid: str) -> Record | None:
        return self.unlisted.get(uid)

    def jobs_named(self, uids: Sequence[str]) -> Sequence[Record]:
        return ()

    def results_path(self, job_uid: str) -> str:
        return job_uid

    def result_pages(self, job_uid: str) -> Iterator[Sequence[bytes]]:
        self.asked.append(job_uid)
        return iter([self.results.get(job_uid, [])])

    def input_pages(self, job_uid: str) -> Iterator[Sequence[Record]]:
        raise NotImplementedError(job_uid)

    def probes(self) -> Iterator[Probe]:
        return iter(())

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Synced:
    """What one sync did.

    Args:
        asked: Jobs whose results were asked for, each as often.
        jobs: Rows of `jobs`; of two of a job the later one.
        results: Rows of `job_results`, marks included.
        issues: Those that it met.
    """

    asked: list[str]
    jobs: dict[str, Row]
    results: list[Row]
    issues: list[Issue]

    def kinds(self) -> list[str]:
        return [issue.kind for issue in self.issues]


@dataclass
class SmallSyncs:
    """Syncs, one after the other.

    Args:
        folder: For files of results.
        version: Of the API.
    """

    folder: Path
    version: str = "v3"
    now: datetime = START
    api: SmallApi = field(init=False)
    memory: Memory = field(default_factory=Memory)
    stored: dict[str, list[Row]] = field(default_factory=dict)
    """Results by job, as a warehouse would hold them."""

    def __post_init__(self) -> None:
        self.api = SmallApi(self.version)

    def sync(self, after: timedelta = timedelta(hours=1), *, fetches: bool = True) -> Synced:
        """Syncs once.

        Args:
            after: How long after the one before.
            fetches: Whether results are fetched; else the sync is cut after its jobs.
        """
        self.now += after
        self.api.asked.clear()
        plan = self._plan()
        plan.listing.begin_round()
        run_steps(plan.listing.stages)
        jobs: dict[str, Row] = {}
        for row in sorted(plan.jobs.rows, key=lambda row: row["loaded_at"]):
            jobs[row["uid"]] = row
            values: dict[str, Any] = {name: row.get(name) for name in KnownJob._fields}
            self.memory.jobs[row["uid"]] = KnownJob(**values)
        for row in plan.jobs.successful_rows:
            self.memory.successful_jobs[row["uid"]] = row.get("row_hash")
        results = self._fetch(plan) if fetches else []
        return Synced(list(self.api.asked), jobs, results, plan.issues.take())

    def _plan(self) -> SyncPlan:
        def read_rows(table: Table, uids: Sequence[str] | None) -> Iterator[Row]:
            assert not uids, f"rows of {table.name} are not asked for"
            return iter(())

        issues = IssueLog()
        return SyncPlan(
            Context(
                api=self.api,
                settings=Settings(api_key=Secret("k"), project_uid="w", api_version=self.version),
                memory=self.memory,
                read_rows=read_rows,
                count_results=lambda uids: {
                    uid: StoredCount(len(self.stored[uid]), None)
                    for uid in uids
                    if uid in self.stored
                },
                wanted={table.name for table in TABLES},
                issues=issues,
                guard=Guard(issues),
                now=self.now,
            )
        )

    def _fetch(self, plan: SyncPlan) -> list[Row]:
        load_id = f"{self.now.timestamp():.6f}"
        folder = FilesInFolder(self.folder, workspace_uid="w", load_id=load_id, loaded_at=self.now)
        folder.files.add_ledger(plan.jobs.results.rereads.take_ledger())
        reader = ResultReader(
            api=self.api,
            package=Package(plan.queue),
            workspace_uid="w",
            files=folder.files,
            marks_empty=lambda _: True,
            issues=plan.issues,
            guard=plan.guard,
            trust=plan.trust,
        )
        rows, ledger = folder.read(reader)
        for uid in {row["job_uid"] for row in rows}:
            self.stored[uid] = [r for r in rows if r["job_uid"] == uid and not r["_deleted"]]
        for row in ledger:
            self.memory.results[row["job_uid"]] = answer_of(row)
        return rows
