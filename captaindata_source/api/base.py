"""What the connector needs of any version of the API.

A version is a module with a class that has the methods of `Api`, and an entry in
`versions.VERSIONS`. Its records have the keys that `records` lists, whatever the API calls them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from captaindata_source.api.coverage import Coverage, Span
from captaindata_source.api.records import Record

__all__ = [
    "FLOW_RUNS",
    "RUNS",
    "Api",
    "JobListing",
    "JobPage",
    "Part",
    "Parts",
    "Probe",
    "Record",
]

RUNS = "runs"
FLOW_RUNS = "flow runs"
"""Lists that hold the jobs of all workflows."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the records of a table.

    Args:
        read: Gives the records; may fetch them as they are taken.
        scope: What all of its records have in their key, and no record of another part.
        may_lack: Whether a server may not have the call: where it answers 404, what is loaded
            stays.
    """

    read: Callable[[], Iterable[Record]]
    scope: Mapping[str, str] = field(default_factory=dict)
    may_lack: bool = False

    def __call__(self) -> Iterable[Record]:
        return self.read()


Parts = Sequence[Callable[[], Iterable[Record]]]
"""Calls that together bring all records of a table."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One endpoint that `captaindata check` tries.

    Args:
        name: What is tried, for people.
        call: Sends one request; raises `ApiError`.
    """

    name: str
    call: Callable[[], object]


@dataclass(frozen=True, slots=True)
class JobPage:
    """Jobs of a listing.

    Args:
        jobs: In the API's order.
        size: Jobs on the page, those left out that came before; None: pages of this list tell
            nothing.
        span: Of all jobs whose last change is within, each was in this page or one before.
        is_unsorted: The list is not in order: no span that it gave, ever, is worth anything.
    """

    jobs: Sequence[Record]
    size: int | None = None
    span: Span | None = None
    is_unsorted: bool = False


@dataclass(frozen=True, slots=True)
class JobListing:
    """A list of jobs.

    Args:
        name: What is listed, for people.
        pages: Fetches the list; in their order.
        workflow_uid: The workflow whose jobs these are; None: those of all.
        can_wait: Whether it may be long: it is read in part, and the rest later.
        of: Which list it is, where it is that of all workflows.
        may_lack: Whether a server may not have the call: where it answers 404, what is loaded
            stays.
    """

    name: str
    pages: Iterator[JobPage]
    workflow_uid: str | None = None
    can_wait: bool = False
    of: str = RUNS
    may_lack: bool = False

    @property
    def scope(self) -> str | None:
        """Whose jobs it lists: a workflow's, those of flows, or all others (None)."""
        return self.workflow_uid if self.of == RUNS else self.of


class Api(Protocol):
    """One workspace, seen through one version of the API.

    All methods raise `ApiError`. Records have the keys of `records.RECORDS`.
    """

    version: str
    lists_workflows: bool
    """Whether workflows have a list; else they are what jobs name as theirs."""
    forgets_jobs: bool
    """Whether old jobs leave the lists, and are gone some day."""
    archives_days: int | None
    """Age at which jobs are archived, so that the API knows them no more; None: they are not."""
    rereads_days: int
    """How long after its end a job's results are read again where they differ from its count."""
    version_fields: Sequence[str]
    """Fields of a job that has ended which change when it gets other results."""
    count_fields: Sequence[str]
    """Fields of a job that say how many results it has."""
    results_per_page: int
    """The most results of a page (documented)."""
    quota_unit: str
    """What a quota counts: fields of the workspace begin with it."""

    @property
    def success_statuses(self) -> Collection[str]:
        """Statuses of a job that completed without errors, or for a part of its inputs."""

    @property
    def final_statuses(self) -> Collection[str]:
        """Statuses that a job leaves only when someone retries it."""

    @property
    def resting_statuses(self) -> Collection[str]:
        """Statuses that are not final, and that a job leaves only when someone sees to it."""

    @property
    def calls(self) -> int:
        """Requests sent so far."""

    @property
    def parallel(self) -> float:
        """How many calls are worth having in flight."""

    @property
    def calls_per_minute(self) -> float | None:
        """Calls for jobs and results that may leave in a minute, as far as is known."""

    @property
    def extras(self) -> Mapping[str, Callable[[], Parts]]:
        """By name of its table, what else there is."""

    def workspace(self) -> Record:
        """The workspace: name, plan and quota."""

    def members(self) -> list[msgspec.Raw]:
        """All members of the workspace."""

    def workflows(self) -> list[Record]:
        """All workflows that exist now; empty where they have no list."""

    def workflow_details(self, uid: str) -> msgspec.Raw | None:
        """What the listing does not say of a workflow; None where it is gone."""

    def job_listings(
        self,
        workflows: Sequence[Record],
        covered: Coverage,
        *,
        is_last: Callable[[str, int], bool],
    ) -> Sequence[JobListing]:
        """Lists that together hold every job that is new or may have changed.

        Args:
            workflows: Those that exist now.
            covered: Spans of time whose jobs are known as far as they changed within.
            is_last: Whether a page of so many jobs is known to be the last of a workflow's list;
                asked once the page was taken.
        """

    def flow_listing(self, covered: Coverage) -> JobListing | None:
        """The list of flow runs, by creation; None where there are no flows.

        Args:
            covered: Spans of time whose flow runs are known as far as they were created within.
        """

    def jobs_of(self, workflow_uid: str) -> Iterator[JobPage]:
        """All jobs of one workflow that the API still lists, to the end of the list."""

    def jobs_in(self, status: str) -> Iterator[JobPage] | None:
        """All jobs that are in a status now; None where they can't be asked for by that."""

    def job(self, uid: str) -> Record | None:
        """One job, listed or not; None where it is gone, an empty record where it is there and its
        list alone shows its state."""

    def jobs_named(self, uids: Sequence[str]) -> Sequence[Record]:
        """Those of at most a hundred jobs that can be read with one call; none where no call does.
        An API that ignores what it is asked for gives others."""

    def results_path(self, job_uid: str) -> str:
        """Where the results of a job are, for errors."""

    def result_pages(self, job_uid: str) -> Iterator[Sequence[bytes]]:
        """Pages of results of a job, each result as JSON text, none parsed."""

    def input_pages(self, job_uid: str) -> Iterator[Sequence[Record]]:
        """Pages of inputs of a job."""

    def probes(self) -> Iterator[Probe]:
        """One call for each endpoint, for `captaindata check`."""

    def close(self) -> None:
        """Closes the connections."""
