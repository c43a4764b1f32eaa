"""What a sync is about to fetch, once its lists are read: jobs, and the calls that they take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

from captaindata_source.extract.plan.context import Context
from captaindata_source.extract.plan.deep_looks import are_members_due
from captaindata_source.extract.plan.jobs import JobPlan
from captaindata_source.extract.plan.listing import ListingPlan
from captaindata_source.extract.plan.named_listing import NamedListing
from captaindata_source.extract.plan.told_listing import ToldListing
from captaindata_source.extract.plan.workflows import ListedWorkflows
from captaindata_source.extract.queue import ResultJob
from captaindata_source.tables import JOB_RESULTS, WORKFLOWS, WORKSPACES

__all__ = ["NEWEST_DAYS", "Expected", "Listing", "expected"]

Listing = ListingPlan | NamedListing | ToldListing

NEWEST_DAYS = 7
"""Results of jobs that ended in these days are told apart: they are fetched first."""
HOURS_A_DAY = 24
MEMBER_CALLS = 2
"""The least that a list of members takes: a page, and the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a sync is about to fetch.

    Args:
        new_jobs: Jobs that are not loaded.
        changed_jobs: Jobs that are loaded in another state.
        result_jobs: Jobs whose results are fetched.
        empty_jobs: Jobs that say they have no results, and are skipped for that.
        newest_jobs: Those of `result_jobs` that ended in the last `NEWEST_DAYS`.
        workspace_calls: Calls for the workspace and its members.
        detail_calls: Calls for details of workflows.
        job_calls: Calls for jobs that no list has.
        result_calls: Calls for results: pages, as far as counts tell, and at least one a job.
        newest_calls: Those of them for `newest_jobs`.
        input_calls: Calls for inputs, at least one a job.
        extra_calls: Calls for extra tables, at least one a table.
        routine_calls: Calls of a later sync that finds nothing new.
        deep_calls: Calls that deep looks add in a day.
    """

    new_jobs: int
    changed_jobs: int
    result_jobs: int
    empty_jobs: int
    newest_jobs: int
    workspace_calls: int
    detail_calls: int
    job_calls: int
    result_calls: int
    newest_calls: int
    input_calls: int
    extra_calls: int
    routine_calls: int
    deep_calls: int

    @property
    def calls(self) -> int:
        """All calls but those of lists."""
        return self._first_calls + self.result_calls + self.input_calls

    @property
    def calls_to_newest(self) -> int:
        """Calls, but those of lists, until the results of `newest_jobs` are there."""
        return self._first_calls + self.newest_calls

    @property
    def _first_calls(self) -> int:
        return self.workspace_calls + self.detail_calls + self.job_calls + self.extra_calls


def expected(
    context: Context,
    *,
    jobs: JobPlan,
    workflows: ListedWorkflows,
    listing: Listing,
    extra_tables: int,
) -> Expected:
    """Tells what is to be fetched, once the lists are read. Sends and changes nothing.

    Args:
        context: What the plans are made of.
        jobs: The plan of jobs and their results.
        workflows: The plan of workflows.
        listing: The plan of lists.
        extra_tables: Number of tables that have a call of their own.
    """
    memory, results = context.memory, jobs.results
    has_results = JOB_RESULTS.name in context.wanted
    pages = context.api.results_per_page
    waiting = results.empty.expect(results.queue.waiting()) if has_results else ()
    asked, skipped = [], 0
    for job, is_asked in waiting:
        if is_asked:
            asked.append(job)
        skipped += not is_asked
    since = context.now - timedelta(days=NEWEST_DAYS)
    newest = [job for job in asked if job.finish_time is not None and job.finish_time >= since]
    has_workspace = WORKSPACES.name in context.wanted
    details = sum(1 for _ in workflows.changed()) if WORKFLOWS.name in context.wanted else 0
    is_usual = context.settings.named_jobs is None  # else it reads no list of workflows
    count = len(workflows.all()) if is_usual else 0
    routine, deep = _later_calls(context, count, listing, extra_tables)
    return Expected(
        new_jobs=len(jobs.changed.keys() - memory.jobs.keys()),
        changed_jobs=len(jobs.changed.keys() & memory.jobs.keys()),
        result_jobs=len(asked),
        empty_jobs=skipped,
        newest_jobs=len(newest),
        workspace_calls=has_workspace * (1 + are_members_due(context) * MEMBER_CALLS),
        detail_calls=details,
        job_calls=listing.unlisted,
        result_calls=sum(_pages(job, pages) for job in asked),
        newest_calls=sum(_pages(job, pages) for job in newest),
        input_calls=len(results.inputs),
        extra_calls=extra_tables,
        routine_calls=routine,
        deep_calls=deep,
    )


def _pages(job: ResultJob, size: int) -> int:
    return max(1, math.ceil(max(job.row_counts, default=0) / size))


def _later_calls(
    context: Context, workflows: int, listing: Listing, extra_tables: int
) -> tuple[int, int]:
    """Calls of a sync that finds nothing new, and what deep looks add in a day."""
    settings = context.settings
    lists, deep = listing.calls_to_come()
    has_workspace = WORKSPACES.name in context.wanted
    fixed = has_workspace + context.api.lists_workflows + extra_tables
    details = math.ceil(workflows / max(settings.details_max_age_days, 1))
    hours = settings.deep_listing_hours
    if not hours:  # each sync reads all
        return fixed + has_workspace * MEMBER_CALLS + deep, details
    looks = HOURS_A_DAY / hours
    return fixed + lists, math.ceil(looks * (deep - lists + has_workspace * MEMBER_CALLS)) + details
