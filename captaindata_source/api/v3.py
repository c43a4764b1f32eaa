"""API v3: workflows, jobs (the API's word for runs) and results.

Facts from the vendor's documentation and from public clients of the API; where those are silent the
code works whichever way it turns out.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from captaindata_source.api.base import Probe, Record
from captaindata_source.api.mending import NULL_CHARACTER, mend
from captaindata_source.api.pagination import follow_links, read_until_known
from captaindata_source.errors import NotFoundError, PaginationError
from captaindata_source.http import HttpClient
from captaindata_source.issues import KEPT, MENDED, SET_ASIDE, IssueLog

__all__ = ["DEFAULT_BASE_URL", "KEY_HEADER", "V3Api", "key_value"]

logger = logging.getLogger(__name__)

DEFAULT_BASE_URL = "https://api.captaindata.co/v3"
KEY_HEADER = "authorization"

T = TypeVar("T")
_Fields = dict[str, msgspec.Raw]


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


class _User(msgspec.Struct):
    uid: str | int | None = None


_objects = msgspec.json.Decoder(_Fields)
_lists = msgspec.json.Decoder(list[_Fields])
_raws = msgspec.json.Decoder(msgspec.Raw)
_results_pages = msgspec.json.Decoder(_ResultsPage)
_users_pages = msgspec.json.Decoder(_UsersPage)
_decode_user = msgspec.json.Decoder(_User).decode
_decode_any = msgspec.json.Decoder(Any).decode


class V3Api:
    """One workspace through API v3. See `captaindata_source.api.base.Api`."""

    version = "v3"
    success_statuses = frozenset({"finished", "completed"})
    final_statuses = frozenset({"finished", "completed", "stopped", "shutdown", "warning"})

    def __init__(self, client: HttpClient, issues: IssueLog | None = None) -> None:
        self._client = client
        self.issues = issues or IssueLog()

    @property
    def calls(self) -> int:
        return self._client.calls

    @property
    def parallel(self) -> float:
        return self._client.throttle.parallel

    def close(self) -> None:
        self._client.close()

    def workspace(self) -> Record:
        return _record(self._get("workspace", _objects))

    def members(self) -> list[msgspec.Raw]:
        def fetch(page: int) -> list[msgspec.Raw]:
            return self._get("users", _users_pages, page=page).users

        def key(user: msgspec.Raw) -> str | None:
            try:
                uid = _decode_user(user).uid
            except msgspec.DecodeError:
                return None
            return None if uid is None else str(uid)

        users = [user.copy() for user in read_until_known(fetch, key, path="users", what="users")]
        return list({key(user) or bytes(user): user for user in users}.values())

    def workflows(self) -> list[Record]:
        return self._with_uid(self._get("workflows", _lists), "workflow")

    def workflow_details(self, uid: str) -> msgspec.Raw | None:
        try:
            return self._get(f"workflows/{_segment(uid)}/details", _raws).copy()
        except NotFoundError:
            return None

    def jobs(self, workflow_uid: str) -> list[Record]:
        path = f"workflows/{_segment(workflow_uid)}/jobs"

        def fetch(page: int) -> list[Record]:
            return self._with_uid(self._get(path, _lists, page=page), "job")

        try:
            return list(
                read_until_known(fetch, lambda job: str(job["uid"]), path=path, what="jobs")
            )
        except NotFoundError:
            logger.warning("Workflow %s is gone since it was listed", workflow_uid)
            self.issues.add("not_found", KEPT, detail="The workflow is gone since it was listed")
            return []

    def job(self, uid: str) -> Record | None:
        try:
            fields = self._get(f"jobs/{_segment(uid)}", _objects)
        except NotFoundError:
            return None
        return _record(fields)

    def result_pages(self, job_uid: str) -> Iterator[Sequence[bytes]]:
        path = f"jobs/{_segment(job_uid)}/results"

        def fetch(link: str | None) -> tuple[list[bytes], str | None]:
            if link is None or _is_link(link):
                target = link if link and not link.startswith("?") else f"{path}{link or ''}"
                page = self._get(target, _results_pages)
            else:
                page = self._get(path, _results_pages, cursor=link)
            return [bytes(result) for result in page.results], _next_link(page.paging, path)

        return follow_links(fetch, path=path, what=f"results of job {job_uid}")

    def probes(self) -> Iterator[Probe]:
        workflows: list[Record] = []
        jobs: list[Record] = []
        yield Probe("workspace", self.workspace)
        yield Probe("users", partial(self._get, "users", _users_pages, page=0))
        yield Probe("workflows", lambda: workflows.extend(self.workflows()))
        for workflow in workflows[:1]:
            path = f"workflows/{_segment(workflow['uid'])}"
            yield Probe("workflow details", partial(self._get, f"{path}/details", _raws))
            yield Probe("jobs", partial(self._first_jobs, f"{path}/jobs", jobs))
        for job in jobs[:1]:
            yield Probe("job", partial(self._get, f"jobs/{_segment(job['uid'])}", _objects))
        for job in [job for job in jobs if job.get("status") in self.success_statuses][:1]:
            path = f"jobs/{_segment(job['uid'])}/results"
            yield Probe("job results", partial(self._get, path, _results_pages))

    def _first_jobs(self, path: str, jobs: list[Record]) -> None:
        jobs.extend(self._with_uid(self._get(path, _lists, page=0), "job"))

    def _get(self, link: str, decoder: msgspec.json.Decoder[T], **params: str | int) -> T:
        """One document; what is JSON only nearly is mended, and the issues tell."""

        def decode(body: bytes) -> T:
            if b"\\" in body and NULL_CHARACTER in body:  # the first is found much faster
                return mended(body)
            if not body.isascii():
                try:
                    body.decode()
                except UnicodeDecodeError:
                    return mended(body)
            try:
                return decoder.decode(body)
            except msgspec.ValidationError:
                raise
            except msgspec.DecodeError:
                return mended(body)

        def mended(body: bytes) -> T:
            body, kinds = mend(body)
            data = decoder.decode(body)
            for kind in kinds:
                self.issues.add(kind, MENDED)
            return data

        return self._client.get(link, decode=decode, params=params).data

    def _with_uid(self, items: list[_Fields], what: str) -> list[Record]:
        records = []
        for item in items:
            record = _record(item)
            uid = record.get("uid")
            if uid in (None, "") or isinstance(uid, msgspec.Raw):
                logger.warning("A %s without a uid was set aside", what)
                self.issues.add("missing_uid", SET_ASIDE, detail=f"A {what} without a uid")
                continue
            record["uid"] = str(uid)
            records.append(record)
        return records


def _record(fields: _Fields) -> Record:
    """Parses scalars; leaves objects and arrays as the JSON text that came."""
    record: Record = {}
    for name, raw in fields.items():
        first = bytes(memoryview(raw)[:1])
        record[name] = raw.copy() if first in (b"{", b"[") else _scalar(raw)
    return record


def _scalar(raw: msgspec.Raw) -> Any:
    try:
        return _decode_any(raw)
    except msgspec.DecodeError:  # a number that no float holds: its text is kept
        return bytes(raw).decode()


def _segment(uid: str) -> str:
    return quote(uid, safe="")


def _is_link(value: str) -> bool:
    return value.startswith(("http://", "https://", "?")) or "/results" in value


def _next_link(paging: _Paging | None, path: str) -> str | None:
    if paging is None or paging.have_next_page is False:
        return None
    if paging.next in (None, ""):
        if paging.have_next_page:
            raise PaginationError(
                "More pages are announced, but no link to them", path=path, kind="missing_link"
            )
        return None
    return str(paging.next)
