"""The jobs that a resync names, read and fetched again; no other list is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial

from captaindata_source.api import FLOW_RUNS, RUNS, Coverage, JobListing, JobPage, Record, is_flow
from captaindata_source.errors import ApiError, NotFoundError
from captaindata_source.extract.plan.context import Context
from captaindata_source.extract.plan.jobs import JobPlan, of_workflow
from captaindata_source.extract.plan.list_reading import list_time
from captaindata_source.extract.plan.lists import LIST
from captaindata_source.extract.plan.workflows import ListedWorkflows, NamedWorkflows
from captaindata_source.extract.queue import Package
from captaindata_source.extract.workers import Step, Task
from captaindata_source.settings.named_jobs import NamedJobs
from captaindata_source.tables import JOB_TIMES, Row
from captaindata_source.times import UnfitError, aware, parse_time

__all__ = ["NamedListing"]


class NamedListing:
    """Reads named jobs one by one, and lists as far as they have jobs that are named by workflow or
    time. Jobs that the warehouse knows and no list has are read one by one.

    Has the members of `ListingPlan` that a load package needs.

    Args:
        context: The sync.
        named: The jobs.
        jobs: Compares each job.
        workflows: All there are, for a time without workflows.
        actions: Told of the jobs where workflows have no list; None where they have.
    """

    is_left = False
    unlisted = 0
    reads_lists_only = False

    def __init__(
        self,
        context: Context,
        named: NamedJobs,
        *,
        jobs: JobPlan,
        workflows: ListedWorkflows,
        actions: NamedWorkflows | None,
    ) -> None:
        self._context = context
        self._named = named
        self._jobs = jobs
        self._workflows = workflows
        self._actions = actions
        self._hold_back: Callable[[], None] = lambda: None
        self._is_begun = False
        self.stages: Sequence[Step] = ()
        self.begin_round()

    def begin_round(
        self,
        package: Package | None = None,  # noqa: ARG002 - a resync has no limit
        *,
        max_jobs: float = 0,  # noqa: ARG002
        hold_back: Callable[[], None] = lambda: None,
    ) -> None:
        """Begins a load package; the first one reads all."""
        self._hold_back = hold_back
        is_first = not self._is_begun
        self.stages = (self._first_tasks, self._known_tasks, self._settle) if is_first else ()

    def calls_to_come(self) -> tuple[int, int]:
        """Nothing of later syncs is known."""
        return 0, 0

    def checkpoints(self) -> list[Row]:
        """None: the next sync reads its lists as if this had not been."""
        return []

    def _first_tasks(self) -> list[Task]:
        self._is_begun = True
        if self._named.jobs:
            return self._single(self._named.jobs)
        return [partial(self._list, listing) for listing in self._listings()]

    def _listings(self) -> Iterator[JobListing]:
        api, settings = self._context.api, self._context.settings
        uids: Iterable[str] = self._named.workflows
        if not uids and api.lists_workflows:
            uids = [workflow["uid"] for workflow in self._workflows.all()]
        for uid in uids:
            of = FLOW_RUNS if is_flow(uid) else RUNS
            yield JobListing(f"Jobs of workflow {uid}", api.jobs_of(uid), uid, of=of)
        if not uids:
            yield from api.job_listings([], Coverage(), is_last=lambda _uid, _size: False)
            flows = api.flow_listing(Coverage()) if settings.has_flows else None
            yield from [flows] if flows else []

    def _list(self, listing: JobListing) -> None:
        uid, count = listing.workflow_uid, 0
        with self._context.issues.about(workflow_uid=uid):
            try:
                for page in listing.pages:
                    self._context.guard.answered()
                    count += len(page.jobs)
                    self._compare(page, uid)
                    if self._is_below(page, listing):
                        return
                    self._hold_back()
                if uid is not None and not count and uid not in self._context.memory.workflows:
                    raise NotFoundError("There is no such workflow", path="workflows")
            except ApiError as error:
                self._context.guard.set_aside(error, listing.name)

    def _compare(self, page: JobPage, workflow_uid: str | None) -> None:
        records = [record for record in page.jobs if self._is_recent(record)]
        with self._context.lock:
            self._context.memory.look_up([record["uid"] for record in records])
            for record in records:
                job = of_workflow(record, workflow_uid)
                with self._context.issues.about(
                    workflow_uid=job.get("workflow_uid"), job_uid=record["uid"]
                ):
                    self._jobs.compare(job, listed_by=self._lister(workflow_uid))
                    self._see(job)

    def _lister(self, workflow_uid: str | None) -> str | None:
        return workflow_uid if self._context.api.lists_workflows else None

    def _see(self, job: Record) -> None:
        if self._actions is not None:
            self._actions.see(job)

    def _is_recent(self, record: Record) -> bool:
        since = self._named.since
        return since is None or any(time >= since for time in _times(record))

    def _is_below(self, page: JobPage, listing: JobListing) -> bool:
        """Whether the rest of a list is older than what is named.

        The time by which a list is in order may be days before another one of the same job.
        """
        since, context = self._named.since, self._context
        if since is None or not page.jobs or page.is_unsorted:
            return False
        last: datetime | None = None
        if not context.api.lists_workflows and listing.workflow_uid is None:
            name = "created_at" if listing.of == FLOW_RUNS else "updated_at"
            last = _time(page.jobs[-1].get(name))
        elif context.api.lists_workflows:
            known = context.memory.lists.get(LIST.format(listing.workflow_uid))
            if known is not None and known.is_newest_first:
                last = list_time(page.jobs[-1])
        return last is not None and last < since - timedelta(days=context.settings.lookback_days)

    def _known_tasks(self) -> list[Task]:
        """Jobs that the warehouse knows, and that no list had."""
        with self._context.lock:
            self._jobs.settle_workflows(())
        named, memory = self._named, self._context.memory
        if named.jobs:
            return []
        if memory.finder is not None:
            uids = memory.finder.named(named.workflows, named.since)
        else:
            uids = [
                uid
                for uid, known in memory.jobs.items()
                if (not named.workflows or known.workflow_uid in named.workflows)
                and (named.since is None or self._is_recent(known._asdict()))
            ]
        return self._single([uid for uid in uids if uid not in self._jobs.seen])

    def _single(self, uids: Sequence[str]) -> list[Task]:
        with self._context.lock:
            self._context.memory.look_up(uids)
        known = self._context.memory.jobs
        is_asked = bool(self._named.jobs)
        return [
            partial(self._read, uid)
            for uid in dict.fromkeys(uids)
            if is_asked or not (known[uid].is_deleted or known[uid].is_archived)
        ]

    def _read(self, uid: str) -> None:
        known = self._context.memory.jobs.get(uid)
        workflow_uid = known.workflow_uid if known else None
        if known is not None and is_flow(uid):  # its list alone shows its state
            with self._context.lock:
                self._jobs.results.want(uid, known)
            return
        with self._context.issues.about(workflow_uid=workflow_uid, job_uid=uid):
            try:
                record = self._context.api.job(uid)
                if not record and known is None:
                    there = "Its list alone shows it: sync" if is_flow(uid) else "It is not there"
                    raise NotFoundError(there, path="jobs")
            except ApiError as error:
                self._context.guard.set_aside(error, f"Job {uid}")
                return
            self._context.guard.answered()
            with self._context.lock:
                if record:
                    job = {**record, "uid": uid}
                    self._jobs.compare(job)
                    self._see(of_workflow(job, workflow_uid))
                elif known is not None:
                    self._jobs.mark_gone(uid)

    def _settle(self) -> list[Task]:
        self._jobs.link_loose()
        self._jobs.results.settle(())
        if self._actions is not None:
            self._actions.settle()
        return []


def _times(record: Record) -> Iterator[datetime]:
    for name in JOB_TIMES:
        if (time := _time(record.get(name))) is not None:
            yield time


def _time(value: object) -> datetime | None:
    try:
        return aware(parse_time(value))
    except UnfitError:
        return None
