"""The inputs of a job, whichever version of the API tells of them.

v4: `GET /runs/{uid}/inputs` (vendor's documentation), an array that is paged like outputs. v3:
`GET /jobs/{uid}/inputs`, which one source mentions: what it answers is open, so an array is taken,
an object that holds one, and any fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import msgspec

from captaindata_source.api.base import Record
from captaindata_source.api.documents import OBJECTS, Fields, record
from captaindata_source.api.pagination import NEXT_HEADER, NO_LINK, SizedPages, follow_links
from captaindata_source.errors import ContractError, PaginationError
from captaindata_source.tables import JOB_INPUTS

__all__ = ["InputLists", "input_record"]

ERROR_COLUMNS = {
    "label": "error_label",
    "error_label": "error_label",
    "scope": "error_scope",
    "error_scope": "error_scope",
    "error_ref": "error_reference",
    "message": "error_message",
}
"""Field of `last_error` to column; the others may quote the input."""
ERRORS = ("last_error", "error")
JSON_COLUMNS = ("input_data", "custom_data")
OURS = frozenset({"workspace_uid", "job_uid", "workflow_uid", "run_uid", "position", "loaded_at"})
"""Fields of the API that go nowhere: the row says it already."""


class _Paging(msgspec.Struct):
    next: str | int | None = None
    have_next_page: bool | None = None


class _Page(msgspec.Struct):
    inputs: list[msgspec.Raw] | None = None
    results: list[msgspec.Raw] | None = None
    data: list[msgspec.Raw] | None = None
    paging: _Paging | None = None


_Pages = list[msgspec.Raw] | _Page
_pages: msgspec.json.Decoder[_Pages] = msgspec.json.Decoder(_Pages)


class InputLists(SizedPages[msgspec.Raw]):
    """Reads inputs."""

    def pages(self, path: str, *, job_uid: str) -> Iterator[list[Record]]:
        """Pages of the inputs of a job.

        Raises:
            PaginationError: The pages repeat or loop.
        """
        what = f"inputs of job {job_uid}"
        seen: set[object] = set()

        for page in follow_links(partial(self.fetch, path=path), path=path, what=what):
            records = [input_record(item) for item in page]
            uids = {found["uid"] for found in records if found.get("uid")}
            if uids and uids <= seen:
                raise PaginationError(f"The pages of the {what} repeat", path=path)
            yield [found for found in records if found.get("uid") not in seen]
            seen |= uids

    def _page(
        self, target: str, parameters: dict[str, str], limit: int | None = None
    ) -> tuple[list[msgspec.Raw], str | None]:
        size = {} if limit is None else {"limit": limit}
        reply = self._documents.reply(target, _pages, **parameters, **size)
        paging: _Paging | None = None
        if isinstance(reply.data, list):
            page = reply.data
        else:
            lists = (reply.data.inputs, reply.data.results, reply.data.data)
            named = [each for each in lists if each is not None]
            if not named:
                raise ContractError("The answer holds no list of inputs", path=target)
            page = named[0]
            paging = reply.data.paging
        following = (reply.headers.get(NEXT_HEADER) or "").strip()
        if paging is not None and paging.have_next_page is not False and not following:
            following = "" if paging.next is None else str(paging.next).strip()
        return [item.copy() for item in page], (None if following.lower() in NO_LINK else following)


def input_record(item: msgspec.Raw) -> Record:
    """An input with the columns of `job_inputs`; what has none is in `data`."""
    try:
        fields = OBJECTS.decode(item)
    except msgspec.DecodeError:
        return {"data": item}
    values = record(fields)
    known: Record = {}
    for name in ERRORS:
        known = {**_error(values.get(name)), **known}
    known |= {
        name: value
        for name, value in values.items()
        if name in JOB_INPUTS.columns.keys() - OURS - {"data", *JSON_COLUMNS} and value is not None
    }
    known |= {name: _as_json(fields[name]) for name in JSON_COLUMNS if name in fields}
    rest: Fields = {
        name: raw
        for name, raw in fields.items()
        if name not in JOB_INPUTS.columns.keys() - {"data"}
        and name not in OURS
        and name not in ERRORS
    }
    if rest:
        known["data"] = msgspec.Raw(msgspec.json.encode(rest))
    return known


def _error(error: object) -> Record:
    if not isinstance(error, msgspec.Raw):
        return {} if error is None else {"error_message": error}
    try:
        found = record(OBJECTS.decode(error))
    except msgspec.DecodeError:
        return {}
    return {
        ERROR_COLUMNS[name]: value
        for name, value in found.items()
        if name in ERROR_COLUMNS and value is not None and not isinstance(value, msgspec.Raw)
    }


def _as_json(raw: msgspec.Raw) -> msgspec.Raw | None:
    """A value as JSON; JSON that was written as a text is read."""
    if bytes(raw) == b"null":
        return None
    try:
        text = msgspec.json.decode(raw, type=str)
        if text.lstrip()[:1] in ("{", "["):
            return msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeEncodeError):
        pass
    return raw.copy()
