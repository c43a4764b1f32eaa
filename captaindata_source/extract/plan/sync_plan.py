"""The work of one sync, table by table."""

from __future__ import annotations

from collections.abc import Iterable

from captaindata_source.extract.plan.cleaning import CleaningPlan
from captaindata_source.extract.plan.context import Context
from captaindata_source.extract.plan.expected import Expected, Listing, expected
from captaindata_source.extract.plan.extras import extra_plans
from captaindata_source.extract.plan.jobs import JobPlan
from captaindata_source.extract.plan.listing import ListingPlan
from captaindata_source.extract.plan.named_listing import NamedListing
from captaindata_source.extract.plan.run_lists import forget_flows
from captaindata_source.extract.plan.told_listing import ToldListing
from captaindata_source.extract.plan.workflows import ListedWorkflows, NamedWorkflows
from captaindata_source.extract.plan.workspaces import WorkspacePlan
from captaindata_source.tables import (
    JOB_INPUTS,
    JOB_RESULTS,
    JOBS,
    SUCCESSFUL_JOBS,
    WORKFLOWS,
)

__all__ = ["SyncPlan"]


class SyncPlan:
    """The work of one sync of one workspace; safe to share between threads.

    Args:
        context: What it is made of.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.issues = context.issues
        if not context.settings.has_flows:
            forget_flows(context.memory)
        self.guard = context.guard
        self.rows = context.rows
        self.workspace = WorkspacePlan(context)
        self.workflows = ListedWorkflows(context)
        self.named_workflows = None if context.api.lists_workflows else NamedWorkflows(context)
        self.jobs = JobPlan(context)
        self.queue = self.jobs.results.queue
        self.trust = self.jobs.results.rereads.trust
        self.listing = self._listing()
        self.cleaning = CleaningPlan(context)
        self.inputs = self.jobs.results.inputs
        self.extras = extra_plans(context)
        self.expected: Expected | None = None
        """What was to be fetched when the first lists were read."""

    def _listing(self) -> Listing:
        context, named_jobs = self.context, self.context.settings.named_jobs
        if named_jobs is None:
            return ListingPlan(
                context, jobs=self.jobs, workflows=self.workflows, named=self.named_workflows
            )
        if named_jobs.told is not None:
            return ToldListing(
                context,
                named_jobs.told,
                uids=named_jobs.jobs,
                jobs=self.jobs,
                actions=self.named_workflows,
            )
        return NamedListing(
            context,
            named_jobs,
            jobs=self.jobs,
            workflows=self.workflows,
            actions=self.named_workflows,
        )

    def expect(self) -> Expected:
        """Tells what is to be fetched, once the lists are read."""
        if self.expected is None:
            self.expected = expected(
                self.context,
                jobs=self.jobs,
                workflows=self.workflows,
                listing=self.listing,
                extra_tables=len(self.extras),
            )
        return self.expected

    def catch_up(self, uids: Iterable[str]) -> None:
        """Decides again about the results of jobs that another process loaded since the sync began.

        Args:
            uids: The jobs, as `memory` has them now.
        """
        with self.context.lock:
            for uid in uids:
                self.jobs.results.drop(uid)
                self.jobs.results.want(uid, self.context.memory.jobs[uid])
        self.jobs.results.settle(())

    @property
    def tables_left(self) -> frozenset[str]:
        """The tables that the next load package has rows for."""
        names = {JOB_RESULTS.name, JOB_INPUTS.name}
        if self.listing.is_left:
            names |= {JOBS.name, SUCCESSFUL_JOBS.name}
            if self.named_workflows is not None:
                names.add(WORKFLOWS.name)
        return frozenset(names.intersection(self.context.wanted))

    @property
    def has_secrets(self) -> bool:
        """Whether the warehouse may hold secrets once all that was found is loaded."""
        return self.context.settings.keep_secrets or any(self.context.memory.unclean.values())

    @property
    def is_done(self) -> bool:
        """Whether nothing is left for another load package."""
        return not (self.queue or self.inputs or self.listing.is_left)
