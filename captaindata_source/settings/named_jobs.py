"""The jobs that a sync is told to read, and what it was told of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

__all__ = ["INTEGRATION", "Delivered", "NamedJobs", "Told", "ToldEvent"]

INTEGRATION = "integration_"
"""What the kinds of events begin with that are about an account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldEvent:
    """An event that a webhook or a callback told of.

    Args:
        uid: Identifies it.
        kind: See the table `webhook_events`.
        received_at: When it was acknowledged, in UTC.
        job_uid: The job that it is about, if any.
        workflow_uid: Its workflow, as far as the event says.
        identity_uid: The identity that it is about, if any.
        copies: How often it came.
        tries: Turns that took it before and could not bring it to an end.
        is_last_try: Whether it is left to the schedule after this one.
    """

    uid: str
    kind: str
    received_at: datetime
    job_uid: str | None = None
    workflow_uid: str | None = None
    identity_uid: str | None = None
    copies: int = 1
    tries: int = 0
    is_last_try: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """Results of a job that callbacks brought, redacted already.

    Args:
        rows: How many.
        pages: Gives them, each as JSON text, in their order.
    """

    rows: int
    pages: Callable[[], Iterator[Sequence[bytes]]]


@dataclass(slots=True, kw_only=True, eq=False)
class Told:
    """What events told of the jobs of a workspace, and what became of it.

    Args:
        events: The events.
        delivered: Results that came with them, by uid of the job: what may be all of them, the
            likeliest first.
        unseen: Jobs that the API does not show, once it was asked.
        actions: By uid of an event what was done; complete once the load package is.
    """

    events: Sequence[ToldEvent]
    delivered: dict[str, Sequence[Delivered]] = field(default_factory=dict)
    unseen: set[str] = field(default_factory=set)
    actions: dict[str, str] = field(default_factory=dict)

    @property
    def identities(self) -> frozenset[str | None]:
        """Identities whose integrations events told of; None in it: of an unknown one."""
        return frozenset(
            event.identity_uid for event in self.events if event.kind.startswith(INTEGRATION)
        )

    @property
    def by_workflow(self) -> Mapping[str, Sequence[str]]:
        """Jobs of workflows that several events told of."""
        found: dict[str, list[str]] = {}
        for event in self.events:
            if event.job_uid and event.workflow_uid:
                jobs = found.setdefault(event.workflow_uid, [])
                if event.job_uid not in jobs:
                    jobs.append(event.job_uid)
        return {uid: jobs for uid, jobs in found.items() if len(jobs) > 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedJobs:
    """Which jobs of a workspace are read, and nothing else.

    Args:
        jobs: Uids of jobs; if there are any, only these.
        workflows: Uids of workflows; empty: those of all.
        since: Only jobs with a time at or after it, in UTC; None: whatever their time.
        told: The events that told of `jobs`; None: someone named them by hand.
    """

    jobs: tuple[str, ...] = ()
    workflows: tuple[str, ...] = ()
    since: datetime | None = None
    told: Told | None = None
