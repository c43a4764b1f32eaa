"""Jobs, each compared with what the warehouse holds of it.

There is no high-water mark of jobs: each that is seen is compared with what is loaded, so that none
is missed that finished late, out of order, or in a workflow of tomorrow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec

from captaindata_source.api import Record
from captaindata_source.plan.context import Context
from captaindata_source.plan.result_versions import reads_more, results_version
from captaindata_source.privacy import SECRET_KEYS, strip_secrets
from captaindata_source.queue import ResultJob, ResultQueue
from captaindata_source.records import Row, row_hash
from captaindata_source.tables import DELETE_MARK, JOB_RESULTS, JOBS, SUCCESSFUL_JOBS
from captaindata_source.warehouse import KnownJob

__all__ = ["JobPlan"]


class JobPlan:
    """Compares jobs with what is loaded, and finds those whose results are to be fetched.

    Its methods expect the context's lock to be held, but for `settle_successes`.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._memory = context.memory
        self._api = context.api
        self._wanted_statuses = context.settings.wanted_statuses
        self.queue = ResultQueue()
        self.rows: deque[Row] = deque()
        """Rows of `jobs`."""
        self.successful_rows: deque[Row] = deque()
        self.seen: set[str] = set()
        self._queued: set[str] = set()

    def compare(self, record: Record) -> None:
        """Sees a job: keeps its rows where they are new, and queues it for its results."""
        uid = record["uid"]
        if uid in self.seen:
            return
        self.seen.add(uid)
        content = row_hash(record)
        known = self._memory.jobs.get(uid)
        unread = self._memory.unread_times.get(uid, {})
        row: Row | None = None
        if (
            known is None
            or known.row_hash != content
            or known.is_deleted
            or self._context.settings.full_refresh
            or reads_more(record, known, unread)
        ):
            row = self._job_row(record, content)
            self._context.keep(JOBS, self.rows, row)
            known = _as_known(row)
        self._compare_success(record, content, row, known)
        self.want_results(
            uid,
            known,
            is_missing=self._context.settings.full_refresh
            or self._memory.results.get(uid) != known.results_version,
        )

    def _compare_success(
        self, record: Record, content: str, row: Row | None, known: KnownJob
    ) -> None:
        uid = record["uid"]
        loaded = self._memory.successful_jobs.get(uid)
        if known.status in self._api.success_statuses:
            is_stale = row is not None or loaded != content
            if is_stale or self._context.settings.full_refresh:
                row = row or self._job_row(record, content)
                self._context.keep(SUCCESSFUL_JOBS, self.successful_rows, self._success_row(row))
        elif uid in self._memory.successful_jobs:
            self._unmark_success(uid)

    def _success_row(self, job: Row) -> Row:
        own = {name: value for name, value in job.items() if name not in _JOBS_ONLY}
        return {**own, "loaded_at": self._context.now}

    def _unmark_success(self, uid: str) -> None:
        mark = {
            "workspace_uid": self._context.settings.project_uid,
            "uid": uid,
            "loaded_at": self._context.now,
            DELETE_MARK: True,
        }
        self._context.keep(SUCCESSFUL_JOBS, self.successful_rows, mark)

    def want_results(
        self, uid: str, known: KnownJob, *, is_missing: bool, is_listed: bool = True
    ) -> None:
        """Queues a job where its results are to be fetched.

        Args:
            uid: The job.
            known: What is known of it.
            is_missing: Whether its results are not loaded, or of another state of the job.
            is_listed: Whether the API lists it still.
        """
        if JOB_RESULTS.name not in self._context.wanted:
            return
        if known.results_version is None or known.status not in self._wanted_statuses:
            return
        if not is_missing:
            self.queue.skipped += 1
            return
        if uid in self._queued:  # listed after it was queued as one that is not
            return
        self._queued.add(uid)
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
        record = {name: value for name, value in record.items() if name not in SECRET_KEYS}
        for name in _PEOPLE:
            if isinstance(value := record.get(name), msgspec.Raw):
                record[name] = msgspec.Raw(strip_secrets(bytes(value)))
        row = self._context.row(
            JOBS,
            {"has_results": True, **record},
            is_sub_job=main not in (None, "") and str(main) != record["uid"],
            is_deleted=False,
            row_hash=content,
        )
        row["results_version"] = None
        if row["has_results"]:
            uid = record["uid"]
            known, unread = self._memory.jobs.get(uid), self._memory.unread_times.get(uid, {})
            row["results_version"] = results_version(row, record, known, unread)
        return row

    def settle_successes(self, uids: Sequence[str]) -> None:
        """Jobs that left the listing while only one of the two tables of jobs was loaded."""
        if SUCCESSFUL_JOBS.name not in self._context.wanted:
            return
        for row in self._context.read_rows(JOBS, uids):
            if row["status"] in self._api.success_statuses:
                self._context.keep(SUCCESSFUL_JOBS, self.successful_rows, self._success_row(row))
            else:
                self._unmark_success(row["uid"])

    def mark_gone(self, uid: str) -> None:
        """A job that the API no longer knows keeps what was seen last."""
        for row in self._context.read_rows(JOBS, [uid]):
            gone = {**row, "is_deleted": True, "loaded_at": self._context.now}
            self._context.keep(JOBS, self.rows, gone)


_PEOPLE = ("accounts", "last_error")
"""Nested fields that may have secrets of someone in them."""
_JOBS_ONLY = frozenset(JOBS.columns) - frozenset(SUCCESSFUL_JOBS.columns)


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
