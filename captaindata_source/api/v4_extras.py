"""Schedules, deliveries and consumption of API v4 (vendor's documentation).

Flows have schedules of their own, at the host of Edges alone. Not every server has each call.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import msgspec

from captaindata_source.api.base import Part, Parts, Record
from captaindata_source.api.credentials import REMOVED, strip_text
from captaindata_source.api.documents import LISTS, Documents, Fields, record
from captaindata_source.api.offset_lists import read_by_offset
from captaindata_source.api.v4_records import message
from captaindata_source.tables import CALLBACKS, CREDIT_CONSUMPTION, SCHEDULES

__all__ = ["V4Extras"]

ADDRESS = re.compile(r"https?:\\?/\\?/[^\s\"'<>]+", re.IGNORECASE)
MIN_LENGTH = 4
"""Of a part of an address that is looked for in a text."""
MONTH = ("current_month_start", "current_month_end")
FLOW_NAMES = {"flow_uid": "flow_preset_uid", "flow_name": "flow_preset_name"}


class _Consumption(msgspec.Struct):
    consumptions: list[Fields] | None
    current_month_start: str | None = None
    current_month_end: str | None = None


_consumption = msgspec.json.Decoder(_Consumption)


class V4Extras:
    """What the API tells beside the five entities and people.

    Args:
        documents: Below the base URL.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    @property
    def tables(self) -> Mapping[str, Callable[[], Parts]]:
        """By name of its table, what there is."""
        return {
            SCHEDULES.name: self._schedules,
            CALLBACKS.name: lambda: [Part(self._callbacks, may_lack=True)],
            CREDIT_CONSUMPTION.name: lambda: [Part(self._consumption, may_lack=True)],
        }

    def _schedules(self) -> Parts:
        return [
            Part(partial(self._schedules_of, kind, path), scope={"kind": kind}, may_lack=True)
            for kind, path in (("action", "schedules"), ("flow", "flows/schedules"))
        ]

    def _schedules_of(self, kind: str, path: str) -> Iterator[Record]:
        for found in self._listed(path, "schedule"):
            yield {**{FLOW_NAMES.get(name, name): found[name] for name in found}, "kind": kind}

    def _callbacks(self) -> Iterator[Record]:
        return map(_callback, self._listed("runs/callbacks", "callback"))

    def _listed(self, path: str, what: str) -> Iterator[Record]:
        def fetch(offset: int, limit: int) -> list[Record]:
            found = self._documents.get(path, LISTS, limit=limit, offset=offset)
            return self._documents.with_uid(found, what)

        return read_by_offset(fetch, lambda item: str(item["uid"]), path=path, what=f"{what}s")

    def _consumption(self) -> Sequence[Record]:
        found = self._documents.get("workspaces/consumption", _consumption)
        month = {name: getattr(found, name) for name in MONTH}
        return [{**record(each), **month} for each in found.consumptions or ()]


def _callback(found: Record) -> Record:
    """A delivery whose error quotes nothing of its address."""
    error = message(found.get("error"))
    return {**found, "error": None if error is None else _without_address(error, found)}


def _without_address(text: str, found: Record) -> str:
    text = ADDRESS.sub(REMOVED, text)
    url = found.get("callback_url")
    if isinstance(url, str):
        _, _, rest = url.partition("://")
        place, _, query = rest.partition("?")
        _, *path = place.split("/")
        values = [part.partition("=")[2] for part in query.split("&")]
        parts = {url, rest, place, "/".join(path), *path, query, *values}
        for part in sorted(parts, key=len, reverse=True):
            if len(part) >= MIN_LENGTH:
                text = text.replace(part, REMOVED)
    return strip_text(text)
