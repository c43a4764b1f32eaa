"""Documents of the API as records, whatever its version."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from captaindata_source.api.base import JobListing, Record
from captaindata_source.api.coverage import Coverage
from captaindata_source.api.flow_keys import PREFIX
from captaindata_source.api.mending import NULL_CHARACTER, mend
from captaindata_source.http import HttpClient, Reply
from captaindata_source.issues import Action, IssueLog, Kind

__all__ = [
    "LISTS",
    "OBJECTS",
    "RAWS",
    "RAW_LISTS",
    "ApiBase",
    "Documents",
    "Fields",
    "decoded",
    "once",
    "record",
    "segment",
    "uid_of",
]

logger = logging.getLogger(__name__)

T = TypeVar("T")
Fields = dict[str, msgspec.Raw]

OBJECTS = msgspec.json.Decoder(Fields)
LISTS = msgspec.json.Decoder(list[Fields])
RAWS = msgspec.json.Decoder(msgspec.Raw)
RAW_LISTS = msgspec.json.Decoder(list[msgspec.Raw])
segment = partial(quote, safe="")
"""A uid as a part of a path."""


class _WithUid(msgspec.Struct):
    uid: str | int | None = None


_decode_uid = msgspec.json.Decoder(_WithUid).decode
_decode_any = msgspec.json.Decoder(Any).decode


Parameter = str | int | list[str]
"""Value of a parameter of a query; a list repeats the parameter."""


class Documents:
    """The documents below one base URL.

    Args:
        client: Sends the calls.
        issues: Told of what is mended or set aside.
    """

    def __init__(self, client: HttpClient, issues: IssueLog) -> None:
        self.client = client
        self._issues = issues

    def get(self, link: str, decoder: msgspec.json.Decoder[T], **params: Parameter) -> T:
        """One document.

        Raises:
            ApiError: As `HttpClient.get`.
        """
        return self.reply(link, decoder, **params).data

    def reply(self, link: str, decoder: msgspec.json.Decoder[T], **params: Parameter) -> Reply[T]:
        """One document and the headers that it came with."""
        decode = partial(decoded, decoder, on_mended=self._note_mended)
        return self.client.get(link, decode=decode, params=params)

    def _note_mended(self, kind: Kind) -> None:
        self._issues.add(kind, Action.MENDED)

    def with_uid(self, items: list[Fields], what: str) -> list[Record]:
        """Records of objects; those without a uid are set aside."""
        records = []
        for item in items:
            found = record(item)
            uid = found.get("uid")
            if uid in (None, "") or isinstance(uid, msgspec.Raw):
                logger.warning("A %s without a uid was set aside", what)
                self._issues.add(
                    Kind.MISSING_UID, Action.SET_ASIDE, detail=f"A {what} without a uid"
                )
                continue
            found["uid"] = str(uid)
            records.append(found)
        return records

    def without_flow_keys(self, records: list[Record], what: str, *names: str) -> list[Record]:
        """Records whose uids do not begin as those of flows are stored; others are set aside.

        Args:
            records: With a uid.
            what: A word for one of them.
            names: Fields that hold a uid beside `uid`.
        """
        kept = []
        for each in records:
            taken = [name for name in ("uid", *names) if str(each.get(name)).startswith(PREFIX)]
            if not taken:
                kept.append(each)
                continue
            detail = f"A {what} whose {taken[0]} begins with {PREFIX}, as those of flows are stored"
            logger.warning("%s, was set aside", detail)
            self._issues.add(Kind.RESERVED_UID, Action.SET_ASIDE, detail=detail)
        return kept


def decoded(
    decoder: msgspec.json.Decoder[T], body: bytes, *, on_mended: Callable[[Kind], None]
) -> T:
    """Decodes a document; mends it first where it has what no database takes.

    Args:
        decoder: Of the document.
        body: It.
        on_mended: Told what was mended.

    Raises:
        msgspec.DecodeError: It is not JSON, or of another shape.
    """
    if b"\\" in body and NULL_CHARACTER in body:  # the first is found much faster
        return _mended(decoder, body, on_mended)
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError:
            return _mended(decoder, body, on_mended)
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        return _mended(decoder, body, on_mended)


def _mended(decoder: msgspec.json.Decoder[T], body: bytes, on_mended: Callable[[Kind], None]) -> T:
    body, kinds = mend(body)
    data = decoder.decode(body)
    for kind in kinds:
        on_mended(kind)
    return data


class ApiBase:
    """What all versions of the API have in common.

    Args:
        client: Sends the calls.
        issues: Told of what is not as promised.
    """

    has_flows = False
    """Whether flows are loaded."""
    jobs_route = ""
    """The class of routes that calls for jobs and results are of."""

    def __init__(self, client: HttpClient, issues: IssueLog | None = None) -> None:
        self._client = client
        self.issues = issues or IssueLog()
        self._documents = Documents(client, self.issues)

    def flow_listing(self, covered: Coverage) -> JobListing | None:  # noqa: ARG002
        """See `Api.flow_listing`: there are no flows."""
        return None

    @property
    def documents(self) -> Documents:
        """What it reads."""
        return self._documents

    @property
    def calls(self) -> int:
        return self._client.calls

    @property
    def parallel(self) -> float:
        return self._client.throttle.parallel

    @property
    def calls_per_minute(self) -> float | None:
        return self._client.throttle.per_minute(self.jobs_route)

    def close(self) -> None:
        self._client.close()


def once(fetch: Callable[[], T]) -> Callable[[], T]:
    """The same call, sent once for all who ask; one that fails is sent again."""
    found: list[T] = []
    lock = threading.Lock()

    def get() -> T:
        with lock:
            if not found:
                found.append(fetch())
            return found[0]

    return get


def record(fields: Fields) -> Record:
    """Parses scalars; leaves objects and arrays as the JSON text that came."""
    found: Record = {}
    for name, raw in fields.items():
        first = bytes(memoryview(raw)[:1])
        found[name] = raw.copy() if first in (b"{", b"[") else _scalar(raw)
    return found


def uid_of(item: msgspec.Raw) -> str | None:
    """The uid of an object; None where it has none, or is none."""
    try:
        uid = _decode_uid(item).uid
    except msgspec.DecodeError:
        return None
    return None if uid is None else str(uid)


def _scalar(raw: msgspec.Raw) -> Any:
    try:
        return _decode_any(raw)
    except msgspec.DecodeError:  # a number that no float holds: its text is kept
        return bytes(raw).decode()
