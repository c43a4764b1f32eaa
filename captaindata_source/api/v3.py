"""API v3: workflows, jobs (the API's word for runs) and results.

Facts from the vendor's documentation and from public clients of the API; where those are silent the
code works whichever way it turns out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial

import msgspec

from captaindata_source.api.base import JobListing, JobPage, Parts, Probe, Record
from captaindata_source.api.coverage import Coverage
from captaindata_source.api.documents import (
    LISTS,
    OBJECTS,
    RAWS,
    ApiBase,
    Fields,
    record,
    segment,
    uid_of,
)
from captaindata_source.api.inputs import InputLists
from captaindata_source.api.pagination import follow_links, pages_until_known, read_until_known
from captaindata_source.api.statuses import FINAL, SUCCEEDED
from captaindata_source.errors import NotFoundError, PaginationError
from captaindata_source.issues import Action, Kind
from captaindata_source.tables import ACCOUNTS, JOB_INPUTS

__all__ = [
    "DEFAULT_BASE_URL",
    "EXTRA_TABLES",
    "KEY_HEADER",
    "V3Api",
    "key_value",
]

logger = logging.getLogger(__name__)

DEFAULT_BASE_URL = "https://api.captaindata.co/v3"
KEY_HEADER = "authorization"
EXTRA_TABLES = frozenset({ACCOUNTS.name, JOB_INPUTS.name})


def key_value(key: str) -> str:
    """The value of `KEY_HEADER`, in the documented form."""
    return f"x-api-key {key}"


class _Paging(msgspec.Struct):
    next: str | int | None = None
    have_next_page: bool | None = None


class _ResultsPage(msgspec.Struct):
    results: list[msgspec.Raw]
    paging: _Paging | None = None


class _UsersPage(msgspec.Struct):
    users: list[msgspec.Raw]
    pages: int | None = None
    paging: _Paging | None = None


class _Account(msgspec.Struct):
    application_permalink: str | None = None


class _Member(msgspec.Struct):
    accounts: list[_Account] | None = None


class _AccountsPage(msgspec.Struct):
    accounts: list[Fields]


_results_pages = msgspec.json.Decoder(_ResultsPage)
_users_pages = msgspec.json.Decoder(_UsersPage)
_account_lists = msgspec.json.Decoder(list[Fields] | _AccountsPage)
_decode_member = msgspec.json.Decoder(_Member).decode


class V3Api(ApiBase):
    """One workspace through API v3. See `captaindata_source.api.base.Api`."""

    version = "v3"
    success_statuses = SUCCEEDED
    final_statuses = FINAL
    resting_statuses: Collection[str] = ()
    lists_workflows = True
    forgets_jobs = True
    archives_days: int | None = None
    rereads_days = 60
    version_fields: Sequence[str] = ()
    count_fields: Sequence[str] = ("row_count", "total_row_count")
    results_per_page = 1_000
    quota_unit = "tasks"

    @property
    def extras(self) -> Mapping[str, Callable[[], Parts]]:
        return {ACCOUNTS.name: self._accounts}

    def workspace(self) -> Record:
        return record(self._documents.get("workspace", OBJECTS))

    def members(self) -> list[msgspec.Raw]:
        def fetch(page: int) -> list[msgspec.Raw]:
            return self._documents.get("users", _users_pages, page=page).users

        users = [
            user.copy() for user in read_until_known(fetch, uid_of, path="users", what="users")
        ]
        return list({uid_of(user) or bytes(user): user for user in users}.values())

    def workflows(self) -> list[Record]:
        found = self._documents.with_uid(self._documents.get("workflows", LISTS), "workflow")
        return self._documents.without_flow_keys(found, "workflow")

    def workflow_details(self, uid: str) -> msgspec.Raw | None:
        try:
            return self._documents.get(f"workflows/{segment(uid)}/details", RAWS).copy()
        except NotFoundError:
            return None

    def job_listings(
        self,
        workflows: Sequence[Record],
        covered: Coverage,  # noqa: ARG002 - of all workflows together
        *,
        is_last: Callable[[str, int], bool],
    ) -> Sequence[JobListing]:
        return [
            JobListing(f"Jobs of workflow {uid}", self._job_pages(uid, is_last), uid, can_wait=True)
            for uid in (workflow["uid"] for workflow in workflows)
        ]

    def _job_pages(
        self, workflow_uid: str, is_last: Callable[[str, int], bool]
    ) -> Iterator[JobPage]:
        """The jobs of a workflow that the API still lists, in the API's order."""
        path = f"workflows/{segment(workflow_uid)}/jobs"

        size = 0

        def fetch(page: int) -> list[Record]:
            nonlocal size
            listed = self._documents.get(path, LISTS, page=page)
            size = len(listed)
            found = self._documents.with_uid(listed, "job")
            return self._documents.without_flow_keys(found, "job", "workflow_uid")

        try:
            for jobs in pages_until_known(
                fetch,
                lambda job: str(job["uid"]),
                path=path,
                what="jobs",
                is_last=lambda: is_last(workflow_uid, size),
            ):
                yield JobPage(jobs, size)
        except NotFoundError:
            logger.warning("Workflow %s is gone since it was listed", workflow_uid)
            self.issues.add(
                Kind.NOT_FOUND, Action.KEPT, detail="The workflow is gone since it was listed"
            )

    def jobs_of(self, workflow_uid: str) -> Iterator[JobPage]:
        return self._job_pages(workflow_uid, lambda _uid, _size: False)

    def jobs_in(self, status: str) -> Iterator[JobPage] | None:  # noqa: ARG002 - no such call
        return None

    def job(self, uid: str) -> Record | None:
        try:
            fields = self._documents.get(f"jobs/{segment(uid)}", OBJECTS)
        except NotFoundError:
            return None
        return record(fields)

    def jobs_named(self, uids: Sequence[str]) -> Sequence[Record]:  # noqa: ARG002 - no such call
        return ()

    def results_path(self, job_uid: str) -> str:
        return f"jobs/{segment(job_uid)}/results"

    def result_pages(self, job_uid: str) -> Iterator[Sequence[bytes]]:
        path = self.results_path(job_uid)

        def fetch(target: str, parameters: dict[str, str]) -> tuple[list[bytes], str | None]:
            page = self._documents.get(target, _results_pages, **parameters)
            return [bytes(result) for result in page.results], _next_link(page.paging, path)

        return follow_links(fetch, path=path, what=f"results of job {job_uid}")

    def input_pages(self, job_uid: str) -> Iterator[Sequence[Record]]:
        lists = InputLists(self._documents, has_limit=False)
        return lists.pages(f"jobs/{segment(job_uid)}/inputs", job_uid=job_uid)

    def probes(self) -> Iterator[Probe]:
        workflows: list[Record] = []
        jobs: list[Record] = []
        yield Probe("workspace", self.workspace)
        yield Probe("users", partial(self._documents.get, "users", _users_pages, page=0))
        yield Probe("workflows", lambda: workflows.extend(self.workflows()))
        for workflow in workflows[:1]:
            path = f"workflows/{segment(workflow['uid'])}"
            yield Probe("workflow details", partial(self._documents.get, f"{path}/details", RAWS))
            yield Probe("jobs", partial(self._first_jobs, f"{path}/jobs", jobs))
        for job in jobs[:1]:
            yield Probe("job", partial(self._documents.get, f"jobs/{segment(job['uid'])}", OBJECTS))
        for job in [job for job in jobs if job.get("status") in self.success_statuses][:1]:
            path = self.results_path(job["uid"])
            yield Probe("job results", partial(self._documents.get, path, _results_pages))

    def _accounts(self) -> Parts:
        """The integrations are those that members have accounts of: no call lists them."""
        names: set[str] = set()
        for member in self.members():
            try:
                accounts = _decode_member(member).accounts or ()
            except msgspec.DecodeError:
                continue
            names.update(filter(None, (account.application_permalink for account in accounts)))
        return [partial(self._accounts_of, name) for name in sorted(names)]

    def _accounts_of(self, integration: str) -> list[Record]:
        path = f"integrations/{segment(integration)}/accounts"

        def fetch(page: int) -> list[Record]:
            found = self._documents.get(path, _account_lists, page=page)
            accounts = found if isinstance(found, list) else found.accounts
            return self._documents.with_uid(accounts, "account")

        try:
            accounts = list(
                read_until_known(fetch, lambda account: account["uid"], path=path, what="accounts")
            )
        except NotFoundError:
            return []
        return [{**account, "integration": integration} for account in accounts]

    def _first_jobs(self, path: str, jobs: list[Record]) -> None:
        jobs.extend(self._documents.with_uid(self._documents.get(path, LISTS, page=0), "job"))


def _next_link(paging: _Paging | None, path: str) -> str | None:
    if paging is None or paging.have_next_page is False:
        return None
    link = "" if paging.next is None else str(paging.next).strip()
    if not link:
        if paging.have_next_page:
            raise PaginationError(
                "More pages are announced, but no link to them", path=path, kind=Kind.MISSING_LINK
            )
        return None
    return link
