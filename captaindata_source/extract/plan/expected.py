"""What a sync is about to fetch, once its lists are read: jobs, and the calls that they take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from captaindata_source.extract.plan.deep_looks import are_members_due
from captaindata_source.extract.queue import ResultJob
from captaindata_source.tables import JOB_RESULTS, WORKFLOWS, WORKSPACES

if TYPE_CHECKING:
    from captaindata_source.extract.plan.sync_plan import SyncPlan

__all__ = ["NEWEST_DAYS", "Expected", "expected"]

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


def expected(plan: SyncPlan) -> Expected:
    """Tells what is to be fetched, once the lists are read. Sends and changes nothing."""
    context, memory = plan.context, plan.context.memory
    has_results = JOB_RESULTS.name in context.wanted
    pages = context.api.results_per_page
    jobs = plan.jobs.results.empty.expect(plan.queue.waiting()) if has_results else ()
    asked, skipped = [], 0
    for job, is_asked in jobs:
        if is_asked:
            asked.append(job)
        skipped += not is_asked
    since = context.now - timedelta(days=NEWEST_DAYS)
    newest = [job for job in asked if job.finish_time is not None and job.finish_time >= since]
    has_workspace = WORKSPACES.name in context.wanted
    details = sum(1 for _ in plan.workflows.changed()) if WORKFLOWS.name in context.wanted else 0
    routine, deep = _later_calls(plan)
    return Expected(
        new_jobs=len(plan.jobs.changed.keys() - memory.jobs.keys()),
        changed_jobs=len(plan.jobs.changed.keys() & memory.jobs.keys()),
        result_jobs=len(asked),
        empty_jobs=skipped,
        newest_jobs=len(newest),
        workspace_calls=has_workspace * (1 + are_members_due(context) * MEMBER_CALLS),
        detail_calls=details,
        job_calls=plan.listing.unlisted,
        result_calls=sum(_pages(job, pages) for job in asked),
        newest_calls=sum(_pages(job, pages) for job in newest),
        input_calls=len(plan.inputs),
        extra_calls=len(plan.extras),
        routine_calls=routine,
        deep_calls=deep,
    )


def _pages(job: ResultJob, size: int) -> int:
    return max(1, math.ceil(max(job.row_counts, default=0) / size))


def _later_calls(plan: SyncPlan) -> tuple[int, int]:
    """Calls of a sync that finds nothing new, and what deep looks add in a day."""
    settings = plan.context.settings
    lists, deep = plan.listing.calls_to_come()
    workflows = len(plan.workflows.all())
    has_workspace = WORKSPACES.name in plan.context.wanted
    fixed = has_workspace + plan.context.api.lists_workflows + len(plan.extras)
    details = math.ceil(workflows / max(settings.details_max_age_days, 1))
    hours = settings.deep_listing_hours
    if not hours:  # each sync reads all
        return fixed + has_workspace * MEMBER_CALLS + deep, details
    looks = HOURS_A_DAY / hours
    return fixed + lists, math.ceil(looks * (deep - lists + has_workspace * MEMBER_CALLS)) + details
