"""Jobs, each compared with what the warehouse holds of it.

There is no high-water mark of jobs: each that is seen is compared with what is loaded, so that none
is missed that finished late, out of order, or in a workflow of tomorrow. A job that several
workflows list is of the one whose uid comes first, whatever order the lists are read in.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from captaindata_source.api import Record, is_flow
from captaindata_source.extract.plan.context import Context
from captaindata_source.extract.plan.result_versions import reads_more, results_version
from captaindata_source.extract.plan.wanted_results import WantedResults
from captaindata_source.extract.rows import row_hash
from captaindata_source.issues import Action, Kind
from captaindata_source.tables import DELETE_MARK, JOBS, SUCCESSFUL_JOBS, Row, Table
from captaindata_source.warehouse.memory import KnownJob

__all__ = ["JobPlan", "of_workflow"]

logger = logging.getLogger(__name__)


class _Taken(NamedTuple):
    workflow_uid: str
    tables: Sequence[Table]
    """Those that got a row of it."""


class JobPlan:
    """Compares jobs with what is loaded, and finds those whose results are to be fetched.

    Its methods expect the context's lock to be held, but for `settle_successes` and those that
    follow the reading of the lists.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._memory = context.memory
        self._api = context.api
        self.rows: deque[Row] = deque()
        """Rows of `jobs`."""
        self.successful_rows: deque[Row] = deque()
        self.seen: set[str] = set()
        self.changed: dict[str, datetime | None] = {}
        """Jobs that are new or in another state, and when they changed (v4)."""
        self.most_rows = math.inf
        """Rows of `jobs` beyond which jobs that would get one are left to the next sync."""
        self.is_cut = False
        """Whether any were."""
        self.results = WantedResults(context, seen=self.seen)
        self._flow_runs = self._memory.flows.links
        self._taken: dict[str, _Taken] = {}
        """By job, what it was taken for."""
        self._elsewhere: dict[str, Record] = {}
        """Jobs as another workflow lists them, the first of those."""

    def compare(self, record: Record, *, listed_by: str | None = None) -> None:
        """Sees a job: keeps its rows where they are new, and queues it for its results.

        Args:
            record: The job.
            listed_by: The workflow whose list has it; None: no such list.
        """
        uid = record["uid"]
        known = self._memory.jobs.get(uid)
        record = of_workflow(record, listed_by or (known.workflow_uid if known else None))
        if listed_by is not None:
            workflow = str(record["workflow_uid"])
            taken = self._taken.get(uid)
            of = taken.workflow_uid if taken else known.workflow_uid if known else None
            if of not in (None, workflow):
                rival = self._elsewhere.get(uid)
                if rival is None or workflow < str(rival["workflow_uid"]):
                    self._elsewhere[uid] = record
                return
            if taken is None:
                self._taken[uid] = _Taken(workflow, () if uid in self.seen else self._see(record))
        elif uid not in self.seen:
            self._see(record)

    def compare_again(self, record: Record) -> None:
        """Sees a job in another state than a page before had it, in this sync.

        Args:
            record: The job, as it is by itself.
        """
        if (taken := self._taken.get(record["uid"])) is not None:
            self._see_again(record, taken)

    def is_settled(self, uid: str) -> bool:
        """Whether a job that was seen is known, unchanged and final."""
        known = self._memory.jobs.get(uid)
        is_final = known is not None and known.status in self._api.final_statuses
        return is_final and uid not in self.changed

    def settle_workflows(self, unread: Collection[str | None]) -> None:
        """Decides of which workflow jobs are that others list too, or others alone.

        Args:
            unread: Workflows whose lists could not be read: jobs that are known as theirs stay so.
        """
        for uid, record in self._elsewhere.items():
            taken = self._taken.get(uid)
            if taken is None:
                if self._memory.jobs[uid].workflow_uid not in unread:
                    self._see(record)
            elif str(record["workflow_uid"]) < taken.workflow_uid:
                self._see_again(record, taken)
        self._elsewhere.clear()

    def _see_again(self, record: Record, taken: _Taken) -> None:
        uid = record["uid"]
        self.results.drop(uid)
        for table in taken.tables:  # of two rows of a job the later one counts
            self._context.count(table, -1)
        tables = self._see(record, later=LATER)
        self._taken[uid] = _Taken(str(record["workflow_uid"]), tables)

    def _see(self, record: Record, *, later: timedelta = timedelta()) -> tuple[Table, ...]:
        """Returns the tables that get a row of the job."""
        uid = record["uid"]
        content = row_hash(record)
        known = self._memory.jobs.get(uid)
        unread = self._memory.unread_times.get(uid, {})
        row: Row | None = None
        is_same = (
            known is not None
            and known.row_hash == content
            and not (known.is_deleted or known.is_archived)
            and not (self._context.settings.full_refresh or later)
            and not reads_more(record, known, unread)
        )
        if not is_same:
            self.changed[uid] = None
            if self._context.rows[JOBS.name] >= self.most_rows:
                self.is_cut = True
                return ()
        self.seen.add(uid)
        if is_flow(uid):
            self._flow_runs.add(uid, record.get("id"))
        if known is None or not is_same:
            row = self._job_row(record, content)
            row["loaded_at"] += later
            self.changed[uid] = row.get("updated_at")
            self._context.keep(JOBS, self.rows, row)
            self._context.changes.see_job(known, row)
            known = _as_known(row)
            self.results.rereads.see(known)
        success = self._success(record, content, row, known)
        if success is not None:
            success["loaded_at"] += later
            self._context.keep(SUCCESSFUL_JOBS, self.successful_rows, success)
        self.results.want(uid, known)
        is_success = success is not None and DELETE_MARK not in success
        return (JOBS,) * (row is not None) + (SUCCESSFUL_JOBS,) * is_success

    def _success(
        self, record: Record, content: str, row: Row | None, known: KnownJob
    ) -> Row | None:
        """The row of `successful_jobs`, where there is to be another one."""
        uid = record["uid"]
        loaded = self._memory.successful_jobs.get(uid)
        if known.status in self._api.success_statuses:
            is_stale = row is not None or loaded != content
            if is_stale or self._context.settings.full_refresh:
                return self._success_row(row or self._job_row(record, content))
        elif uid in self._memory.successful_jobs:
            return self._no_success(uid)
        return None

    def _success_row(self, job: Row) -> Row:
        own = {name: value for name, value in job.items() if name not in _JOBS_ONLY}
        return {**own, "loaded_at": self._context.now}

    def _no_success(self, uid: str) -> Row:
        return {
            "workspace_uid": self._context.settings.project_uid,
            "uid": uid,
            "loaded_at": self._context.now,
            DELETE_MARK: True,
        }

    def _job_row(self, record: Record, content: str) -> Row:
        main = record.get("main_job_uid")
        if main in (None, "") and (flow_run := self._flow_run_of(record)):
            record, main = {**record, "main_job_uid": flow_run}, flow_run
        row = self._context.row(
            JOBS,
            {"has_results": True, **record},
            is_sub_job=main not in (None, "") and str(main) != record["uid"],
            is_deleted=False,
            is_archived=False,
            row_hash=content,
        )
        row["results_version"] = None
        if row["has_results"]:
            uid = record["uid"]
            known, unread = self._memory.jobs.get(uid), self._memory.unread_times.get(uid, {})
            is_final = row.get("status") in self._api.final_statuses
            fields = self._api.version_fields if is_final else ()
            row["results_version"] = results_version(row, record, known, unread, fields=fields)
        return row

    def _flow_run_of(self, record: Record) -> str | None:
        """The flow run that made a run, where it is loaded."""
        return None if is_flow(record["uid"]) else self._flow_runs.find(record.get("flow_run_id"))

    def link_loose(self) -> None:
        """Makes sub-jobs of the jobs that were loaded before the flow run that made them."""
        if JOBS.name not in self._context.wanted:
            return
        flow_runs = {
            uid: key
            for uid, flow_run in self._memory.flows.loose.items()
            if uid not in self.changed and (key := self._flow_runs.find(flow_run)) is not None
        }
        for row in self._context.stored(JOBS, [*flow_runs]):
            main = {"main_job_uid": flow_runs[row["uid"]], "is_sub_job": True}
            linked = {**row, **main, "loaded_at": self._context.now}
            self._context.keep(JOBS, self.rows, linked)
            if row["status"] in self._api.success_statuses:
                success = self._success_row(linked)
                self._context.keep(SUCCESSFUL_JOBS, self.successful_rows, success)
        self._memory.flows.loose.clear()

    def settle_successes(self, uids: Sequence[str]) -> None:
        """Jobs that left the listing while only one of the two tables of jobs was loaded."""
        if SUCCESSFUL_JOBS.name not in self._context.wanted:
            return
        for row in self._context.stored(JOBS, uids):
            is_success = row["status"] in self._api.success_statuses
            success = self._success_row(row) if is_success else self._no_success(row["uid"])
            self._context.keep(SUCCESSFUL_JOBS, self.successful_rows, success)

    def mark_gone(self, uid: str) -> None:
        """A job that the API no longer knows keeps what was seen last, and is told of."""
        is_archived = False
        for row in self._context.stored(JOBS, [uid]):
            is_archived = self._is_archived(row)
            mark = "is_archived" if is_archived else "is_deleted"
            gone = {**row, mark: True, "loaded_at": self._context.now}
            self._context.keep(JOBS, self.rows, gone)
            self._context.changes.see_job(self._memory.jobs.get(uid), gone)
        what = "archived by Captain Data" if is_archived else "gone"
        logger.warning("Job %s is %s: it keeps the last status that was seen", uid, what)
        detail = f"The job is {what}: its last status stays"
        self._context.issues.add(Kind.NOT_FOUND, Action.KEPT, detail=detail)

    def _is_archived(self, row: Row) -> bool:
        days = self._api.archives_days
        since = row.get("created_at") or row.get("scheduled_time") or row.get("start_time")
        if days is None or since is None:
            return False
        return bool(since < self._context.api_now - timedelta(days=days))


LATER = timedelta(microseconds=1)
"""What makes the second row of a job in a load package the one that counts."""
_JOBS_ONLY = frozenset(JOBS.columns) - frozenset(SUCCESSFUL_JOBS.columns)


def of_workflow(record: Record, workflow_uid: str | None) -> Record:
    """A job, as one of a workflow that is known from elsewhere, where it does not name its own."""
    if record.get("workflow_uid") in (None, "") and workflow_uid is not None:
        return {**record, "workflow_uid": workflow_uid}
    return record


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
        scheduled_time=row.get("scheduled_time"),
        sync_mode=row.get("sync_mode"),
    )
