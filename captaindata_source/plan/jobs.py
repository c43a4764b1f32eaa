"""What one sync of one workspace has to do: one listing, compared with what the warehouse holds.

There is no high-water mark: every listed job is compared with what is loaded, so that none is
missed that finished late, out of order, or in a workflow of tomorrow. Each listing is read once, by
whichever threads have time, and serves all tables.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from captaindata_source.api import Api, Record
from captaindata_source.errors import ApiError
from captaindata_source.guard import Guard
from captaindata_source.issues import KEPT, MENDED, REREAD, IssueLog
from captaindata_source.queue import ResultJob, ResultQueue
from captaindata_source.records import Row, digest, row_hash, shape
from captaindata_source.settings import Settings
from captaindata_source.stages import Stages, Task
from captaindata_source.tables import (
    DELETE_MARK,
    JOB_RESULTS,
    JOBS,
    SUCCESSFUL_JOBS,
    WORKFLOWS,
    WORKSPACES,
    Table,
)
from captaindata_source.warehouse import KnownJob, Memory

__all__ = ["SyncPlan"]

logger = logging.getLogger(__name__)

RowReader = Callable[[Table, Sequence[str]], Iterator[Row]]


class SyncPlan:
    """The work of one sync of one workspace; safe to share between threads.

    Args:
        api: The workspace.
        settings: Its options.
        memory: What the destination holds.
        read_rows: Reads whole rows back from the destination.
        wanted: Tables that are loaded; rows of others are not kept.
        issues: What went wrong without ending the sync; the API and the results add to it too.
        guard: Decides what a failed call costs.
        now: Goes into `loaded_at`.
    """

    def __init__(
        self,
        *,
        api: Api,
        settings: Settings,
        memory: Memory,
        read_rows: RowReader,
        wanted: Collection[str],
        issues: IssueLog,
        guard: Guard,
        now: datetime | None = None,
    ) -> None:
        self.issues = issues
        self.guard = guard
        self._api = api
        self._settings = settings
        self._memory = memory
        self._read_rows = read_rows
        self._wanted = wanted
        self.now = now or datetime.now(UTC)
        self.queue = ResultQueue()
        self.job_rows: deque[Row] = deque()
        self.successful_job_rows: deque[Row] = deque()
        self.rows: Counter[str] = Counter()
        """Rows that go to each table, but for results; marks that only remove are not counted."""
        self._lock = threading.RLock()
        self._workflows: list[Record] | None = None
        self._seen: set[str] = set()
        self._unread: set[str] = set()
        """Workflows whose jobs could not be listed: what is known of those stays as it is."""
        self.listing = Stages(self._listing_tasks, self._unlisted_tasks, self._sort_queue)
        """Lists jobs and compares them, by whichever threads help."""

    # -- workspaces ---------------------------------------------------------------------------

    def workspace_row(self) -> Row | None:
        """The workspace's row; None where it did not change, or could not be read."""
        try:
            record = self._api.workspace()
            members = b"[" + b",".join(bytes(member) for member in self._api.members()) + b"]"
        except ApiError as error:
            self.guard.set_aside(error, "The workspace's own row")
            return None
        self.guard.answered()
        content = row_hash(record, members.decode("utf-8", "replace"), self._settings.name)
        if content == self._memory.workspace_hash and not self._settings.full_refresh:
            return None
        self._count(WORKSPACES, 1)
        return self._row(
            WORKSPACES,
            {**record, "uid": self._settings.project_uid},
            configured_name=self._settings.name,
            members=members.decode("utf-8", "replace"),
            row_hash=content,
        )

    # -- workflows ----------------------------------------------------------------------------

    def workflows(self) -> list[Record]:
        """The listing of workflows, read once."""
        with self._lock:
            if self._workflows is None:
                listed = self._api.workflows()
                self.guard.answered()
                self._workflows = list({record["uid"]: record for record in listed}.values())
            return self._workflows

    def changed_workflows(self) -> Iterator[Callable[[], Row | None]]:
        """For each workflow to load a call that fetches its details and returns its row, or None
        where nothing of it is to be loaded."""
        for record in self.workflows():
            content = row_hash(record)
            known = self._memory.workflows.get(record["uid"])
            if (
                self._settings.full_refresh
                or known is None
                or known.is_deleted
                or known.row_hash != content
                or self._is_old(known.details_fetched_at)
            ):
                yield partial(self._workflow_row, record, content)

    def vanished_workflows(self) -> list[Row]:
        """Rows of the workflows that are no longer listed, marked so."""
        listed = {record["uid"] for record in self.workflows()}
        gone = [
            uid
            for uid, known in self._memory.workflows.items()
            if uid not in listed and not known.is_deleted
        ]
        rows = [
            {**row, "is_deleted": True, "loaded_at": self.now}
            for row in self._read_rows(WORKFLOWS, gone)
        ]
        self._count(WORKFLOWS, len(rows))
        return rows

    @property
    def knows_workflows(self) -> bool:
        """Whether the warehouse holds workflows that are not marked as deleted."""
        return any(not known.is_deleted for known in self._memory.workflows.values())

    def _is_old(self, fetched_at: datetime | None) -> bool:
        if fetched_at is None:
            return True
        age = self.now - (fetched_at if fetched_at.tzinfo else fetched_at.replace(tzinfo=UTC))
        # a time to come was written by a clock that went wrong
        return not timedelta(0) <= age <= timedelta(days=self._settings.details_max_age_days)

    def _workflow_row(self, record: Record, content: str) -> Row | None:
        with self.issues.about(workflow_uid=record["uid"]):
            details: object = None
            try:
                details = self._api.workflow_details(record["uid"])
                self.guard.answered()
                if details is None:
                    self.issues.add("not_found", KEPT, detail="Gone since it was listed")
            except ApiError as error:
                self.guard.set_aside(error, f"Details of workflow {record['uid']}")
            if details is not None:
                record = {**record, "details": details}
            row = self._row(
                WORKFLOWS, record, details_fetched_at=self.now, is_deleted=False, row_hash=content
            )
        if details is None:  # what was loaded of it stays, and is tried again
            row["details_fetched_at"] = None
            for known in self._read_rows(WORKFLOWS, [record["uid"]]):
                row.update({name: known.get(name) for name in ("details", "details_fetched_at")})
        self._count(WORKFLOWS, 1)
        return row

    # -- jobs ---------------------------------------------------------------------------------

    def _listing_tasks(self) -> list[Task]:
        return [partial(self._list_jobs, record["uid"]) for record in self.workflows()]

    def _list_jobs(self, workflow_uid: str) -> None:
        with self.issues.about(workflow_uid=workflow_uid):
            try:
                records = self._api.jobs(workflow_uid)
            except ApiError as error:
                self.guard.set_aside(error, f"Jobs of workflow {workflow_uid}")
                self._unread.add(workflow_uid)
                return
            self.guard.answered()
        times = Counter(record["uid"] for record in records)
        for record in records:
            uid = record["uid"]
            with self.issues.about(workflow_uid=workflow_uid, job_uid=uid):
                latest = self._reread(record) if times[uid] > 1 else record
                with self._lock:
                    self._compare({"workflow_uid": workflow_uid, **latest})

    def _reread(self, record: Record) -> Record:
        """A job that the listing has in two versions, as it is by itself."""
        if record["uid"] in self._seen:
            return record
        self.issues.add("listed_twice", REREAD)
        try:
            return {**(self._api.job(record["uid"]) or record), "uid": record["uid"]}
        except ApiError as error:
            self.guard.set_aside(error, f"Job {record['uid']}, which is listed in two versions,")
            return record

    def _unlisted_tasks(self) -> list[Task]:
        """Jobs that the API no longer lists: those not final are read one by one."""
        tasks: list[Task] = []
        unsettled: list[str] = []
        for uid, known in self._memory.jobs.items():
            if uid in self._seen or known.is_deleted or known.workflow_uid in self._unread:
                continue
            if known.status not in self._api.final_statuses or known.row_hash is None:
                tasks.append(partial(self._read_unlisted, uid))
                continue
            if (known.status in self._api.success_statuses) != (
                uid in self._memory.successful_jobs
            ):
                unsettled.append(uid)
            if self._memory.results.get(uid) != known.results_version:
                self._want_results(uid, known, is_missing=True, is_listed=False)
        self._settle_successes(unsettled)
        return tasks

    def _settle_successes(self, uids: Sequence[str]) -> None:
        """Jobs that left the listing while only one of the two tables of jobs was loaded."""
        if SUCCESSFUL_JOBS.name not in self._wanted:
            return
        for row in self._read_rows(JOBS, uids):
            if row["status"] in self._api.success_statuses:
                self._keep(SUCCESSFUL_JOBS, self.successful_job_rows, self._success_row(row))
            else:
                self._unmark_success(row["uid"])

    def _read_unlisted(self, uid: str) -> None:
        known = self._memory.jobs[uid]
        with self.issues.about(workflow_uid=known.workflow_uid, job_uid=uid):
            try:
                record = self._api.job(uid)
            except ApiError as error:
                self.guard.set_aside(error, f"Job {uid}, which is no longer listed,")
                return
            self.guard.answered()
            self._compare_unlisted(uid, record)

    def _compare_unlisted(self, uid: str, record: Record | None) -> None:
        with self._lock:
            if record is not None:
                self._compare({**record, "uid": uid})
                return
            logger.warning("Job %s is gone: it keeps the last status that was seen", uid)
            self.issues.add("not_found", KEPT, detail="The job is gone: its last status stays")
            for row in self._read_rows(JOBS, [uid]):
                self._keep(JOBS, self.job_rows, {**row, "is_deleted": True, "loaded_at": self.now})

    def _sort_queue(self) -> list[Task]:
        self.queue.sort()
        return []

    def _compare(self, record: Record) -> None:
        uid = record["uid"]
        if uid in self._seen:
            return
        self._seen.add(uid)
        content = row_hash(record)
        known = self._memory.jobs.get(uid)
        row: Row | None = None
        if (
            known is None
            or known.row_hash != content
            or known.is_deleted
            or self._settings.full_refresh
        ):
            row = self._job_row(record, content)
            self._keep(JOBS, self.job_rows, row)
            known = _as_known(row)
        self._compare_success(record, content, row, known)
        self._want_results(
            uid,
            known,
            is_missing=self._settings.full_refresh
            or self._memory.results.get(uid) != known.results_version,
        )

    def _compare_success(
        self, record: Record, content: str, row: Row | None, known: KnownJob
    ) -> None:
        uid = record["uid"]
        loaded = self._memory.successful_jobs.get(uid)
        if known.status in self._api.success_statuses:
            if loaded != content or self._settings.full_refresh:
                row = row or self._job_row(record, content)
                self._keep(SUCCESSFUL_JOBS, self.successful_job_rows, self._success_row(row))
        elif uid in self._memory.successful_jobs:
            self._unmark_success(uid)

    def _success_row(self, job: Row) -> Row:
        own = {name: value for name, value in job.items() if name not in _JOBS_ONLY}
        return {**own, "loaded_at": self.now}

    def _unmark_success(self, uid: str) -> None:
        mark = {
            "workspace_uid": self._settings.project_uid,
            "uid": uid,
            "loaded_at": self.now,
            DELETE_MARK: True,
        }
        self._keep(SUCCESSFUL_JOBS, self.successful_job_rows, mark)

    def _want_results(
        self, uid: str, known: KnownJob, *, is_missing: bool, is_listed: bool = True
    ) -> None:
        if JOB_RESULTS.name not in self._wanted:
            return
        if known.status not in self._settings.result_statuses:
            return
        if not is_missing:
            self.queue.skipped += 1
            return
        self.queue.add(
            ResultJob(
                uid=uid,
                workflow_uid=known.workflow_uid,
                version=known.results_version,
                finish_time=known.finish_time,
                row_counts=frozenset(
                    count for count in (known.row_count, known.total_row_count) if count is not None
                ),
                is_listed=is_listed,
                is_new=uid not in self._memory.results,
            )
        )

    def _job_row(self, record: Record, content: str) -> Row:
        main = record.get("main_job_uid")
        row = self._row(
            JOBS,
            record,
            is_sub_job=main not in (None, "") and str(main) != record["uid"],
            is_deleted=False,
            row_hash=content,
        )
        row["results_version"] = digest(
            repr([row.get("status"), _iso(row.get("finish_time")), *map(row.get, _COUNTS)])
        )
        return row

    def _row(self, table: Table, record: Mapping[str, Any], **added: Any) -> Row:
        return {
            **shape(table, record, on_unfit=self._on_unfit),
            **added,
            "workspace_uid": self._settings.project_uid,
            "loaded_at": self.now,
        }

    def _on_unfit(self, field: str, kind: str) -> None:
        self.issues.add("unfit_value", MENDED, detail=f"{field} is not a {kind}: kept as a text")

    def _keep(self, table: Table, rows: deque[Row], row: Row) -> None:
        if table.name in self._wanted:
            rows.append(row)
            self._count(table, int(DELETE_MARK not in row))

    def _count(self, table: Table, rows: int) -> None:
        with self._lock:
            self.rows[table.name] += rows


_COUNTS = ("row_count", "total_row_count")
_JOBS_ONLY = frozenset(JOBS.columns) - frozenset(SUCCESSFUL_JOBS.columns)


def _iso(time: datetime | None) -> str | None:
    return time.isoformat() if time else None


def _as_known(row: Row) -> KnownJob:
    return KnownJob(
        row_hash=row["row_hash"],
        workflow_uid=row.get("workflow_uid"),
        status=row.get("status"),
        results_version=row["results_version"],
        finish_time=row.get("finish_time"),
        row_count=row.get("row_count"),
        total_row_count=row.get("total_row_count"),
        is_deleted=False,
    )
