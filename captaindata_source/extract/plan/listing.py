"""Lists jobs, in whichever threads there are, and reads those that no list has any more.

A list that has no end is read in rounds, one for each load package; what is read of it is a
checkpoint.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from captaindata_source.api import FLOW_RUNS, RUNS, JobListing, JobPage
from captaindata_source.errors import ApiError, NotFoundError
from captaindata_source.extract.plan.context import Context
from captaindata_source.extract.plan.jobs import JobPlan, of_workflow
from captaindata_source.extract.plan.lists import JobLists
from captaindata_source.extract.plan.run_lists import RunLists
from captaindata_source.extract.plan.unlisted import UnlistedJobs
from captaindata_source.extract.plan.workflows import ListedWorkflows, NamedWorkflows
from captaindata_source.extract.queue import Package
from captaindata_source.extract.workers import Step, Task
from captaindata_source.issues import Action, Kind
from captaindata_source.tables import JOBS, Row
from captaindata_source.warehouse.memory import KnownJob

__all__ = ["ListingPlan"]

logger = logging.getLogger(__name__)

MAX_WAITING = 1_000
"""Jobs with results to fetch beyond which the list can wait."""


class ListingPlan:
    """Reads the lists of jobs.

    Args:
        context: The sync.
        jobs: Compares each job.
        workflows: Those whose jobs are listed.
        named: Told of the jobs where workflows have no list; None where they have.
    """

    def __init__(
        self,
        context: Context,
        *,
        jobs: JobPlan,
        workflows: ListedWorkflows,
        named: NamedWorkflows | None,
    ) -> None:
        self._context = context
        self._jobs = jobs
        self._workflows = workflows
        self._named = named
        self._lists = JobLists(context)
        self._run_lists = RunLists(context, self._lists)
        self._is_begun = self._is_first = False
        self._listed: dict[str, set[str]] = {}
        """By workflow: the jobs that its list has had so far."""
        self._left: list[JobListing] = []
        self._unread: set[str | None] = set()
        """Whose jobs could not be listed (`JobListing.scope`): what is known of those stays as it
        is."""
        self._unlisted = UnlistedJobs(
            context,
            jobs=jobs,
            lists=self._lists,
            unread=self._unread,
            compare=self._compare,
            is_over=lambda: self._is_over,
            is_read=self._is_flow_run_read,
        )
        self._package: Package | None = None
        self._to_list = math.inf
        self._hold_back: Callable[[], None] = lambda: None
        self.reads_lists_only = False
        """Whether jobs that no list has are counted instead of read."""
        self.unlisted = 0
        """Those that were."""
        self.stages: Sequence[Step] = ()
        """The work of the round: each gives its tasks once those of the one before are done."""
        self.begin_round()

    @property
    def is_left(self) -> bool:
        """Whether a list is to be gone on with in the next round."""
        is_out = self._context.guard.quota is not None and bool(self._unread)
        return bool(self._left) or self._jobs.is_cut or is_out

    def begin_round(
        self,
        package: Package | None = None,
        *,
        max_jobs: float = math.inf,
        hold_back: Callable[[], None] = lambda: None,
    ) -> None:
        """Begins the listing of a load package.

        Args:
            package: Tells when its time is over: a list that can wait is left then; None: never.
            max_jobs: Jobs after which a list is left to the next round.
            hold_back: Called between two pages; may wait.
        """
        self._package = package
        self._to_list = max_jobs
        self._hold_back = hold_back
        last: tuple[Step, ...] = (
            lambda: self._unlisted.status_tasks(is_left=self._is_left(RUNS)),
            self._open_tasks,
            self._settle,
        )
        if not self._is_begun:
            # the runs of a flow are told by its flow run, which comes first
            lists = (self._flow_tasks, self._first_tasks)
            self.stages = (*lists, self._workflow_tasks, self._unlisted.missing_tasks, *last)
        elif self._left and len(self._jobs.results.queue) < MAX_WAITING:
            again = (partial(self._next_tasks, FLOW_RUNS), partial(self._next_tasks, RUNS))
            self.stages = (*again, *last)
        else:
            self.stages = ()

    def _open_tasks(self) -> list[Task]:
        tasks = self._unlisted.open_tasks(is_left=self._is_left(RUNS))
        if self.reads_lists_only:
            self.unlisted = len(tasks)
            return []
        return tasks

    def calls_to_come(self) -> tuple[int, int]:
        """Calls that lists take in a later sync with nothing new, and in a deep look."""
        if self._context.api.lists_workflows:
            return self._lists.calls_to_come()
        return len(self._run_lists), self._lists.run_list_pages(self._jobs.changed)

    def checkpoints(self) -> list[Row]:
        """The rows that say how far the lists are read, once the round's jobs are loaded; none
        where that is nothing new."""
        context = self._context
        if self._jobs.is_cut or JOBS.name not in context.wanted:
            return []
        left = {listing.of for listing in self._left}
        left |= {RUNS if scope is None else scope for scope in self._unread}
        found = [*self._run_lists.rows(left=left), *self._lists.rows(is_cut=bool(left))]
        known = context.memory
        jobs = known.count + sum(uid not in known.jobs for uid in self._jobs.seen)
        return [
            {
                **row,
                "workspace_uid": context.settings.project_uid,
                "jobs": jobs,
                "loaded_at": datetime.now(UTC),  # the last one of a sync counts
            }
            for row in found
        ]

    def _is_left(self, of: str) -> bool:
        """Whether a list of that kind is to be gone on with."""
        return any(listing.of == of for listing in self._left)

    def _is_flow_run_read(self, known: KnownJob) -> bool:
        """Whether the list was read so far that it would have shown a flow run, were it there."""
        is_whole = not self._is_left(FLOW_RUNS) and FLOW_RUNS not in self._unread
        return is_whole and self._run_lists.shows(known)

    def _flow_tasks(self) -> list[Task]:
        listing = self._run_lists.flow_listing()
        return [partial(self._list, listing)] if listing else []

    def _first_tasks(self) -> list[Task]:
        self._is_begun = True
        workflows = {workflow["uid"]: workflow for workflow in self._workflows.all()}
        order = self._lists.begin([*workflows])
        listings = self._context.api.job_listings(
            [workflows[uid] for uid in order],
            self._run_lists.known_runs,
            is_last=self._lists.is_last,
        )
        self._is_first = True
        if self._package is not None:
            self._package.to_come = self._jobs.results.left_by_earlier()
        return [partial(self._list, listing) for listing in listings]

    def _next_tasks(self, of: str) -> list[Task]:
        left = [listing for listing in self._left if listing.of == of]
        self._left = [listing for listing in self._left if listing.of != of]
        return [partial(self._list, listing) for listing in left]

    def _list(self, listing: JobListing) -> None:
        workflow_uid = listing.workflow_uid
        if self._must_wait(listing):
            self._left.append(listing)
            return
        while (page := self._next_page(listing)) is not None:
            self._compare(page, workflow_uid, of=listing.of)
            if workflow_uid is not None:
                with self._context.lock:
                    if self._lists.is_enough(workflow_uid):
                        return
            self._hold_back()
            self._to_list -= len(page.jobs)
            is_pause = listing.can_wait and workflow_uid is None
            if is_pause and self._must_pause(listing, page):
                self._left.append(listing)
                return
        if workflow_uid is not None and workflow_uid not in self._unread:
            self._lists.end(workflow_uid)

    def _must_pause(self, listing: JobListing, page: JobPage) -> bool:
        """Whether a list is left to the next round, or sync, after a page that was progress."""
        is_over = self._to_list <= 0 or self._is_over
        if listing.of == FLOW_RUNS:  # their runs wait for them
            is_over = self._package is not None and self._package.is_at_limit
        return is_over and not self._run_lists.knew(listing, page)

    def _must_wait(self, listing: JobListing) -> bool:
        """Whether a list of a workflow is left to the next round, or sync, before it is begun; the
        first never is."""
        with self._context.lock:
            is_first, self._is_first = self._is_first, False
            if is_first or listing.workflow_uid is None or self._package is None:
                return False
            return not self._package.has_time_to_list

    def _next_page(self, listing: JobListing) -> JobPage | None:
        """None after the last one, and where it could not be read."""
        with self._context.issues.about(workflow_uid=listing.workflow_uid):
            try:
                page = next(listing.pages, None)
            except ApiError as error:
                self._unread.add(listing.scope)
                if not (listing.may_lack and isinstance(error, NotFoundError)):
                    self._context.guard.set_aside(error, listing.name)
                    return None
                page = None
                detail = f"This host has no {error.path}: what is loaded of it stays as it is"
                self._context.issues.add(Kind.NOT_FOUND, Action.KEPT, detail=detail)
            self._context.guard.answered()
            return page

    def _compare(self, page: JobPage, workflow_uid: str | None = None, *, of: str = RUNS) -> None:
        times = Counter(record["uid"] for record in page.jobs)
        with self._context.lock:
            self._context.memory.look_up([*times])
        before = set() if workflow_uid is None else self._listed.setdefault(workflow_uid, set())
        for record in page.jobs:
            job = of_workflow(record, workflow_uid)
            is_again = record["uid"] in before
            with self._context.issues.about(
                workflow_uid=job.get("workflow_uid"), job_uid=record["uid"]
            ):
                is_double = times[record["uid"]] > 1 and record["uid"] not in self._jobs.seen
                if is_double or is_again:
                    job = self._unlisted.reread(job)
                with self._context.lock:
                    if is_again:
                        self._jobs.compare_again(job)
                    else:
                        self._jobs.compare(job, listed_by=workflow_uid)
                    if self._named is not None:
                        self._named.see(job)
        self._run_lists.see(of, page)
        if workflow_uid is not None:
            before.update(times)
            with self._context.lock:
                settled = [self._jobs.is_settled(record["uid"]) for record in page.jobs]
                self._lists.see(workflow_uid, page, settled)

    def _workflow_tasks(self) -> list[Task]:
        with self._context.lock:
            self._jobs.settle_workflows(self._unread | self._lists.unseen)
        return []

    @property
    def _is_over(self) -> bool:
        """Whether the time of the load package is, where what is left can wait."""
        if self._package is None:
            return False
        if self._context.api.forgets_jobs:
            return self._package.is_at_limit
        return self._package.is_over

    def _settle(self) -> list[Task]:
        if self._package is not None:
            self._package.to_come = 0
        self._jobs.link_loose()
        self._jobs.results.settle(self._lists.looked_at())
        if self._named is not None:
            self._named.settle()
        return []
