"""API v4: actions, runs and outputs, which are workflows, jobs and results here.

An action is what a workflow is in v3; it has no list and is known by the runs that name it. Facts
from the vendor's documentation; where it is silent the code works whichever way it turns out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import msgspec

from captaindata_source.api.base import JobListing, JobPage, Parts, Probe, Record
from captaindata_source.api.coverage import Coverage
from captaindata_source.api.documents import (
    LISTS,
    OBJECTS,
    RAW_LISTS,
    ApiBase,
    Fields,
    record,
    segment,
)
from captaindata_source.api.flow_keys import PREFIX
from captaindata_source.api.identity_list import IdentityList
from captaindata_source.api.inputs import InputLists
from captaindata_source.api.pagination import LIMIT, OutputPages, follow_links
from captaindata_source.api.run_list import PAGE_SIZE, RunList
from captaindata_source.api.statuses import FINAL, RESTING, SUCCEEDED, Statuses
from captaindata_source.api.v4_extras import V4Extras
from captaindata_source.api.v4_flows import FlowRuns
from captaindata_source.api.v4_people import USER_LISTS, V4People
from captaindata_source.api.v4_records import job
from captaindata_source.errors import NotFoundError, Problem, WrongWorkspaceError
from captaindata_source.http import HttpClient
from captaindata_source.issues import Action, IssueLog, Kind
from captaindata_source.tables import ACCOUNTS
from captaindata_source.tables import EXTRA_TABLES as ALL_EXTRA_TABLES

__all__ = [
    "DEFAULT_BASE_URL",
    "EDGES_BASE_URL",
    "EXTRA_TABLES",
    "KEY_HEADER",
    "V4Api",
    "explain",
    "route_of",
]

DEFAULT_BASE_URL = "https://api.captaindata.com/v4"
EDGES_BASE_URL = "https://api.edges.run/v1"
"""The same API under the vendor's new name."""
KEY_HEADER = "x-api-key"
EXTRA_TABLES = frozenset(table.name for table in ALL_EXTRA_TABLES) - {ACCOUNTS.name}
ROUTES = ("runs", "workspaces")
"""First words of paths that rate limits count apart (documented: `/runs…`, the quota, the rest)."""
OTHER_ROUTE = "other"
QUOTA_OF_IDENTITIES = ("included", "synced", "remaining")


class _Error(msgspec.Struct):
    error_label: str | None = None
    error_scope: str | None = None
    error_ref: str | None = None
    message: str | None = None
    params: msgspec.Raw = msgspec.Raw()  # an absent one is empty: no union takes it


_workspace_lists = msgspec.json.Decoder(Fields | list[Fields])
_decode_error = msgspec.json.Decoder(_Error).decode


def explain(body: bytes) -> Problem | None:
    """What the body of an error says; None where it is none of v4's.

    Raises:
        msgspec.DecodeError: Not JSON, or of another shape.
    """
    error = _decode_error(body)
    if error.error_label is None and error.error_scope is None:
        return None
    return Problem(
        label=error.error_label,
        scope=error.error_scope,
        reference=error.error_ref,
        message=error.message,
        params=bytes(error.params) or None,
    )


def route_of(path: str) -> str:
    """The class of routes that a rate limit counts together."""
    words = path.split("/")
    return next((route for route in ROUTES if route in words), OTHER_ROUTE)


class V4Api(ApiBase):
    """One workspace through API v4. See `captaindata_source.api.base.Api`.

    Args:
        client: Sends the calls.
        issues: Told of what is not as promised.
        workspace_uid: The workspace that the key is meant to belong to; None: any.
        workspace: What `workspace` gave already; the first call gives it without a request.
        calls: Requests that this took.
        told_by: What names `workspace_uid`, for the error.
        has_flows: Whether flows are loaded: `probes` try their calls.
    """

    version = "v4"
    success_statuses = SUCCEEDED
    final_statuses = FINAL
    resting_statuses = RESTING
    lists_workflows = False
    forgets_jobs = False
    archives_days: int | None = 90
    rereads_days = 90
    version_fields: Sequence[str] = ("updated_at", "retry_count")
    count_fields: Sequence[str] = ("row_count",)
    results_per_page = LIMIT
    quota_unit = "credits"
    jobs_route = "runs"

    def __init__(
        self,
        client: HttpClient,
        issues: IssueLog | None = None,
        *,
        workspace_uid: str | None = None,
        workspace: Record | None = None,
        calls: int = 0,
        told_by: str = "project_uid",
        has_flows: bool = False,
    ) -> None:
        super().__init__(client, issues)
        self._workspace_uid = workspace_uid or None
        self._workspace = workspace
        self._earlier_calls = calls
        self._told_by = told_by
        self._outputs = OutputPages(self._documents)
        self._inputs = InputLists(self._documents, has_limit=True)
        self._more = V4Extras(self._documents)
        self._people = V4People(self._documents)
        self._flows = FlowRuns(self._documents, check_workspace=self._refuse_others)
        self.has_flows = has_flows

    @property
    def calls(self) -> int:
        return self._earlier_calls + super().calls

    @property
    def extras(self) -> Mapping[str, Callable[[], Parts]]:
        return {
            **self._people.tables,
            **self._more.tables,
        }

    def workspace(self) -> Record:
        known, self._workspace = self._workspace, None
        return known if known is not None else self._read_workspace()

    def _read_workspace(self) -> Record:
        listed = self._documents.get("workspaces", _workspace_lists)
        found = record(listed if isinstance(listed, dict) else next(iter(listed), {}))
        self._refuse_others(found.get("uid"), "workspaces")
        for name in QUOTA_OF_IDENTITIES:
            earlier = found.pop(f"users_{name}", None)
            found.setdefault(f"identities_{name}", earlier)
        return found

    def members(self) -> list[msgspec.Raw]:
        return [msgspec.Raw(msgspec.json.encode(user)) for user in self._people.members()]

    def workflows(self) -> list[Record]:
        return []

    def workflow_details(self, uid: str) -> msgspec.Raw | None:  # noqa: ARG002 - there are none
        return None

    def job_listings(
        self,
        workflows: Sequence[Record],  # noqa: ARG002 - one list has the runs of all
        covered: Coverage,
        *,
        is_last: Callable[[str, int], bool],  # noqa: ARG002 - its pages overlap
    ) -> Sequence[JobListing]:
        unsorted = partial(self._note_unsorted, "runs")
        runs = RunList(self._runs, covered=covered, path="runs", on_unsorted=unsorted)
        return [JobListing("The list of runs", runs.pages(), can_wait=True)]

    def flow_listing(self, covered: Coverage) -> JobListing | None:
        unsorted = partial(self._note_unsorted, "flow runs")
        return self._flows.listing(covered, on_unsorted=unsorted)

    def _note_unsorted(self, what: str) -> None:
        self.issues.add(Kind.UNSORTED_LISTING, Action.KEPT, detail=f"All {what} are read")

    def jobs_of(self, workflow_uid: str) -> Iterator[JobPage]:
        if workflow_uid.startswith(PREFIX):
            listing = self._flows.listing(Coverage(), on_unsorted=lambda: None)
            yield from () if listing is None else _only_of(workflow_uid, listing.pages)
            return

        def fetch(offset: int, limit: int) -> list[Record]:
            return self._runs(offset, limit, action_name=workflow_uid)

        # an API that ignores the filter gives all there are
        yield from _only_of(workflow_uid, RunList(fetch, path="runs").all_pages())

    def jobs_in(self, status: str) -> Iterator[JobPage] | None:
        wanted = Statuses([status])

        def fetch(offset: int, limit: int) -> list[Record]:
            runs = self._runs(offset, limit, status=status)
            # an API that ignores the filter gives all there are
            return runs if all(run.get("status") in wanted for run in runs) else []

        return RunList(fetch, path="runs").all_pages()

    def _runs(self, offset: int, limit: int, **filters: str) -> list[Record]:
        runs = self._documents.get(
            "runs", LISTS, limit=limit, offset=offset, sort="-updated_at", **filters
        )
        found = self._documents.with_uid(runs, "run")
        kept = self._documents.without_flow_keys(found, "run", "action_name")
        return [self._job_of(run) for run in kept]

    def job(self, uid: str) -> Record | None:
        if uid.startswith(PREFIX):
            return self._flows.find(uid)
        try:
            found = record(self._documents.get(f"runs/{segment(uid)}", OBJECTS))
        except NotFoundError:
            return None
        return self._job_of(found)

    def jobs_named(self, uids: Sequence[str]) -> Sequence[Record]:
        runs = self._documents.get("runs", LISTS, limit=PAGE_SIZE, uid=[*uids])
        found = self._documents.with_uid(runs, "run")
        kept = self._documents.without_flow_keys(found, "run", "action_name")
        return [self._job_of(run) for run in kept]

    def results_path(self, job_uid: str) -> str:
        if job_uid.startswith(PREFIX):
            return self._flows.results_path(job_uid)
        return f"runs/{segment(job_uid)}/outputs"

    def result_pages(self, job_uid: str) -> Iterator[Sequence[bytes]]:
        if job_uid.startswith(PREFIX):
            return self._flows.result_pages(job_uid)
        path = self.results_path(job_uid)
        fetch = partial(self._outputs.fetch, path=path)
        return follow_links(fetch, path=path, what=f"results of job {job_uid}")

    def input_pages(self, job_uid: str) -> Iterator[Sequence[Record]]:
        if job_uid.startswith(PREFIX):  # there is no such call
            return iter(())
        return self._inputs.pages(f"runs/{segment(job_uid)}/inputs", job_uid=job_uid)

    def probes(self) -> Iterator[Probe]:
        runs: list[Record] = []
        yield Probe("workspaces", self.workspace)
        yield Probe("users", partial(self._documents.get, "users", USER_LISTS, page=1))
        yield Probe("runs", lambda: runs.extend(self._runs(0, PAGE_SIZE)))
        for run in runs[:1]:
            yield Probe("run", partial(self._documents.get, f"runs/{segment(run['uid'])}", OBJECTS))
        with_outputs = (r for r in runs if r["has_results"] and r.get("status") in SUCCEEDED)
        for run in [*with_outputs][:1]:
            path = self.results_path(run["uid"])
            yield Probe("run outputs", partial(self._documents.get, path, RAW_LISTS, limit=1))
        yield Probe("identities", IdentityList(self._documents).first)
        if self.has_flows:
            yield Probe("flow runs", partial(self._flows.page, 0, PAGE_SIZE))

    def _job_of(self, run: Record) -> Record:
        self._refuse_others(run.get("workspace_uid"), "runs")
        return job(run)

    def _refuse_others(self, workspace_uid: object, path: str) -> None:
        if self._workspace_uid is None or workspace_uid in (None, "", self._workspace_uid):
            return
        raise WrongWorkspaceError(
            f"The key belongs to workspace {workspace_uid}, {self._told_by} says "
            f"{self._workspace_uid}: correct one of them",
            path=path,
        )


def _only_of(workflow_uid: str, pages: Iterable[JobPage]) -> Iterator[JobPage]:
    for page in pages:
        jobs = [job for job in page.jobs if job.get("workflow_uid") == workflow_uid]
        yield replace(page, jobs=jobs)
