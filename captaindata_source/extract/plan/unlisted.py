"""Jobs that were loaded before, and that no list has now: the API is asked for those that may have
changed. So it is for those that a list has in two versions."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection
from functools import partial

from captaindata_source.api import FLOW_RUNS, JobPage, Record, is_flow
from captaindata_source.errors import ApiError
from captaindata_source.extract.plan.context import Context
from captaindata_source.extract.plan.jobs import JobPlan, of_workflow
from captaindata_source.extract.plan.lists import JobLists
from captaindata_source.extract.workers import Task
from captaindata_source.issues import Action, Kind
from captaindata_source.warehouse.memory import KnownJob

__all__ = ["UnlistedJobs"]

logger = logging.getLogger(__name__)

MIN_OF_STATUS = 10
"""Jobs of a status that are worth asking for together."""


class UnlistedJobs:
    """Reads jobs that no list has.

    Args:
        context: The sync.
        jobs: Compares each job.
        lists: Tells which lists were read as a whole.
        unread: Workflows whose jobs could not be listed: what is known of those stays as it is.
            None: those of all.
        compare: Compares a page of jobs.
        is_over: Whether the time of the load package is, where what is left can wait.
        is_read: Whether the list of flow runs would have shown one, were it there.
    """

    def __init__(
        self,
        context: Context,
        *,
        jobs: JobPlan,
        lists: JobLists,
        unread: Collection[str | None],
        compare: Callable[[JobPage], None],
        is_over: Callable[[], bool],
        is_read: Callable[[KnownJob], bool] = lambda _known: False,
    ) -> None:
        self._context = context
        self._jobs = jobs
        self._lists = lists
        self._unread = unread
        self._compare = compare
        self._is_over = is_over
        self._is_read = is_read

    def missing_tasks(self) -> list[Task]:
        """Of jobs that no list has, or not yet, as they are known, what is missing."""
        memory, api = self._context.memory, self._context.api
        unsettled: list[str] = []
        unseen = self._lists.unseen
        for uid, known in self._unlisted():
            if self._is_open(uid, known) or known.row_hash is None:
                continue
            loaded = memory.successful_jobs.get(uid)
            if known.status in api.success_statuses:
                is_settled = loaded == known.row_hash
            else:
                is_settled = uid not in memory.successful_jobs
            if not is_settled:
                unsettled.append(uid)
            self._jobs.results.want(uid, known, is_listed=known.workflow_uid in unseen)
        self._jobs.settle_successes(unsettled)
        self._jobs.results.skip_others(unseen)
        return []

    def status_tasks(self, *, is_left: bool) -> list[Task]:
        """Jobs that are read again although no list has them, where there are many in a status."""
        if is_left:  # the rest of the list may have them
            return []
        statuses = Counter(
            known.status
            for uid, known in self._unlisted()
            if self._is_open(uid, known) and not is_flow(uid)
        )
        many = [status for status, count in statuses.items() if status and count >= MIN_OF_STATUS]
        return [partial(self._list_status, status) for status in many]

    def _list_status(self, status: str) -> None:
        try:
            for page in self._context.api.jobs_in(status) or ():
                self._compare(page)
                if self._is_over():
                    return
        except ApiError as error:
            if error.is_fatal:
                raise
            logger.debug("Jobs are read one by one", exc_info=True)

    def open_tasks(self, *, is_left: bool) -> list[Task]:
        """Jobs that no list has: those not final, or not loaded as a whole, are read one by one."""
        if is_left and not self._context.api.forgets_jobs:
            return []
        return [
            partial(self.read, uid)
            for uid, known in self._unlisted()
            if self._is_open(uid, known) or (known.row_hash is None and not is_flow(uid))
        ]

    def reread(self, record: Record) -> Record:
        """A job that a list has in two versions, as it is by itself."""
        self._context.issues.add(Kind.LISTED_TWICE, Action.REREAD)
        try:
            found = self._context.api.job(record["uid"])
        except ApiError as error:
            self._context.guard.set_aside(
                error, f"Job {record['uid']}, which is listed in two versions,"
            )
            return record
        latest = {**record, **(found or {}), "uid": record["uid"]}
        return of_workflow(latest, record.get("workflow_uid"))

    def _unlisted(self) -> list[tuple[str, KnownJob]]:
        """Jobs that were loaded before and not seen since."""
        if None in self._unread or self._jobs.is_cut:
            return []
        return [
            (uid, known)
            for uid, known in self._context.memory.jobs.items()
            if not (uid in self._jobs.seen or known.is_deleted or known.is_archived)
            and (FLOW_RUNS if is_flow(uid) else known.workflow_uid) not in self._unread
        ]

    def _is_open(self, uid: str, known: KnownJob) -> bool:
        """Whether a job may change by itself, and soon enough to be read in this sync."""
        api = self._context.api
        if is_flow(uid):  # its list alone tells of it
            return known.status not in api.final_statuses and self._is_read(known)
        if known.status in api.resting_statuses:
            return self._lists.is_run_list_deep
        return known.status not in api.final_statuses

    def read(self, uid: str) -> None:
        if self._is_over():
            return
        known = self._context.memory.jobs[uid]
        with self._context.issues.about(workflow_uid=known.workflow_uid, job_uid=uid):
            try:
                record = self._context.api.job(uid)
            except ApiError as error:
                self._context.guard.set_aside(error, f"Job {uid}, which is no longer listed,")
                return
            self._context.guard.answered()
            self._compare_unlisted(uid, record)

    def _compare_unlisted(self, uid: str, record: Record | None) -> None:
        with self._context.lock:
            if record is None:
                self._jobs.mark_gone(uid)
            elif record:
                self._jobs.compare({**record, "uid": uid})
