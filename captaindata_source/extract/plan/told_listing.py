"""The jobs that events told of, read with as few calls as there can be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial

from captaindata_source.api import Record, is_flow
from captaindata_source.errors import ApiError, QuotaError
from captaindata_source.extract.plan.context import Context
from captaindata_source.extract.plan.jobs import JobPlan, of_workflow
from captaindata_source.extract.plan.workflows import NamedWorkflows
from captaindata_source.extract.queue import Package
from captaindata_source.extract.workers import Step, Task
from captaindata_source.settings.named_jobs import Told
from captaindata_source.tables import Row
from captaindata_source.times import UnfitError, aware, parse_time

__all__ = ["ToldListing"]

MOST_SKEW = timedelta(minutes=1)
"""Between the clock of the API and ours."""
JOBS_PER_CALL = 100
"""Of those that are asked for by their uids (documented: the most runs of a page)."""


class ToldListing:
    """Reads the jobs that events told of: many in one call where the API can, else jobs of one
    workflow on the first page of its list, else one by one. Then the main jobs of those that are
    retries, which change with them.

    A job that the API does not show is in `Told.unseen` and stays as it is loaded.

    Has the members of `ListingPlan` that a load package needs.

    Args:
        context: The sync.
        told: The events.
        uids: The jobs.
        jobs: Compares each job.
        actions: Told of the jobs where workflows have no list; None where they have.
    """

    is_left = False
    unlisted = 0
    reads_lists_only = False

    def __init__(
        self,
        context: Context,
        told: Told,
        *,
        uids: Sequence[str],
        jobs: JobPlan,
        actions: NamedWorkflows | None,
    ) -> None:
        self._context = context
        self._told = told
        self._uids = dict.fromkeys(uids)
        self._jobs = jobs
        self._actions = actions
        self._main_jobs: dict[str, None] = {}
        self._is_begun = False
        self.stages: Sequence[Step] = ()

    def begin_round(self, package: Package | None = None, **_options: object) -> None:  # noqa: ARG002
        """Begins a load package; the first one reads all."""
        steps = (self._together_tasks, self._single_tasks, self._main_tasks, self._settle)
        self.stages = () if self._is_begun else steps

    def calls_to_come(self) -> tuple[int, int]:
        """Nothing of later syncs is known."""
        return 0, 0

    def checkpoints(self) -> list[Row]:
        """None: the next sync reads its lists as if this had not been."""
        return []

    def _together_tasks(self) -> list[Task]:
        self._is_begun = True
        with self._context.lock:
            self._context.memory.look_up([*self._uids])
        return [*self._tasks_by_uid(), *self._tasks_by_workflow()]

    def _tasks_by_uid(self) -> Iterator[Task]:
        runs = [uid for uid in self._uids if not is_flow(uid)]
        if len(runs) > 1:
            for first in range(0, len(runs), JOBS_PER_CALL):
                yield partial(self._read_together, runs[first : first + JOBS_PER_CALL])

    def _read_together(self, uids: Sequence[str]) -> None:
        try:
            records = self._context.api.jobs_named(uids)
        except ApiError as error:
            self._end_if_no_use(error, f"{len(uids)} jobs")
            return
        self._context.guard.answered()
        for record in records:
            if record["uid"] in uids:  # an API that ignores the filter gives others
                self._compare(record)

    def _tasks_by_workflow(self) -> Iterator[Task]:
        if self._context.api.lists_workflows:
            for uid, jobs in self._told.by_workflow.items():
                yield partial(self._read_page, uid, frozenset(jobs))

    def _read_page(self, workflow_uid: str, uids: frozenset[str]) -> None:
        with self._context.issues.about(workflow_uid=workflow_uid):
            try:
                page = next(self._context.api.jobs_of(workflow_uid), None)
            except ApiError as error:
                self._end_if_no_use(error, f"Jobs of workflow {workflow_uid}")
                return
            self._context.guard.answered()
            for record in page.jobs if page else ():
                if record["uid"] in uids:
                    self._compare(of_workflow(record, workflow_uid))

    def _end_if_no_use(self, error: ApiError, what: str) -> None:
        """Jobs that could not be read together are read one by one, where that may do."""
        if error.is_fatal or isinstance(error, QuotaError):
            self._context.guard.set_aside(error, what)

    def _single_tasks(self) -> list[Task]:
        return [partial(self._read, uid) for uid in self._uids if uid not in self._jobs.seen]

    def _read(self, uid: str) -> None:
        known = self._context.memory.jobs.get(uid)
        with self._context.issues.about(
            workflow_uid=known.workflow_uid if known else None, job_uid=uid
        ):
            try:
                record = self._context.api.job(uid)
            except ApiError as error:
                self._context.guard.set_aside(error, f"Job {uid}")
                return
            self._context.guard.answered()
            if record:
                self._compare({**record, "uid": uid})
            else:  # gone, not there yet, or its list alone shows it
                self._told.unseen.add(uid)

    def _compare(self, record: Record) -> None:
        known = self._context.memory.jobs.get(record["uid"])
        job = of_workflow(record, known.workflow_uid if known else None)
        with (
            self._context.lock,
            self._context.issues.about(workflow_uid=job.get("workflow_uid"), job_uid=record["uid"]),
        ):
            if self._may_be_of_another_attempt(job):
                self._told.delivered.pop(record["uid"], None)
            self._jobs.compare(job)
            if self._actions is not None:
                self._actions.see(job)
            main = job.get("main_job_uid")
            if main and str(main) not in self._uids and not is_flow(str(main)):
                self._main_jobs[str(main)] = None

    def _may_be_of_another_attempt(self, job: Record) -> bool:
        """Whether results that came with events may be those of an earlier attempt: the job was
        tried again, or ended after its events arrived. A callback tells no attempt and no time."""
        if job.get("retry_count") not in (None, 0, "0"):
            return True
        times = [e.received_at for e in self._told.events if e.job_uid == job["uid"]]
        try:
            ended = aware(parse_time(job.get("finish_time")))
        except UnfitError:
            return False
        return bool(times) and ended is not None and ended > max(times) + MOST_SKEW

    def _main_tasks(self) -> list[Task]:
        with self._context.lock:
            self._context.memory.look_up([*self._main_jobs])
        return [
            partial(self._read, uid)
            for uid in self._main_jobs
            if uid in self._context.memory.jobs and uid not in self._jobs.seen
        ]

    def _settle(self) -> list[Task]:
        self._jobs.link_loose()
        self._jobs.results.settle(())
        if self._actions is not None:
            self._actions.settle()
        return []
