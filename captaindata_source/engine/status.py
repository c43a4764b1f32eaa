"""How far the sync of a workspace is, while it runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from captaindata_source.api import Api
from captaindata_source.engine.estimate import Estimate
from captaindata_source.extract.plan import SyncPlan
from captaindata_source.waiting import Waits

__all__ = ["RATE_LIMITED", "Status", "Wait", "with_progress"]

RATE_LIMITED = "rate_limited"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """What a workspace waits for.

    Args:
        until: When it goes on, by the wall clock.
        kind: Kind of the failure that is tried again, as in `sync_issues`; `rate_limited`: calls
            have to wait.
    """

    until: datetime
    kind: str = RATE_LIMITED

    @classmethod
    def of(cls, waits: Waits) -> Self | None:
        """The wait that ends first; None: nobody waits for long."""
        if (found := waits.next_to_end) is None:
            return None
        ends, reason = found
        return cls(until=datetime.fromtimestamp(ends).astimezone(), kind=reason or RATE_LIMITED)

    def __str__(self) -> str:
        if self.kind == RATE_LIMITED:
            return f"waiting for the limit until {self.until:%H:%M:%S}"
        return f"{self.kind.replace('_', ' ')}, next try at {self.until:%H:%M:%S}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How far the sync of a workspace is.

    Args:
        name: Configured name of the workspace.
        step: What it does, in a word or two.
        is_over: Whether it has ended.
        is_stopping: Whether a signal is ending it.
        calls: Requests sent.
        jobs_listed: Jobs seen in lists.
        jobs_done: Jobs whose results were fetched or set aside.
        jobs_to_do: Jobs whose results are to be fetched, those that are done included.
        results: Results fetched.
        wait: What it waits for; None: nothing.
        estimate: What it takes, once lists are read.
    """

    name: str
    step: str
    is_over: bool = False
    is_stopping: bool = False
    calls: int = 0
    jobs_listed: int = 0
    jobs_done: int = 0
    jobs_to_do: int = 0
    results: int = 0
    wait: Wait | None = None
    estimate: Estimate | None = None

    def __str__(self) -> str:
        waits = self.wait is not None and not self.is_over
        said = ["stopping" if self.is_stopping else str(self.wait) if waits else self.step]
        if self.jobs_to_do:
            said.append(f"{self.jobs_done:,} of {self.jobs_to_do:,} jobs")
            said.append(f"{self.results:,} results")
        elif self.jobs_listed:
            said.append(f"{self.jobs_listed:,} jobs listed")
        if self.calls:
            said.append(f"{self.calls:,} calls")
        return ", ".join(said)


def with_progress(status: Status, plan: SyncPlan, api: Api) -> Status:
    """The same status with how far a plan is.

    Args:
        status: Of the sync.
        plan: Of the sync; read while it runs, by another thread.
        api: The workspace.
    """
    estimate = None
    if plan.expected is not None:
        estimate = Estimate(expected=plan.expected, per_minute=api.calls_per_minute)
    queue = plan.queue
    return replace(
        status,
        estimate=estimate,
        jobs_listed=len(plan.jobs.seen),
        jobs_done=queue.fetched + queue.set_aside,
        jobs_to_do=queue.added,
        results=queue.rows,
    )
