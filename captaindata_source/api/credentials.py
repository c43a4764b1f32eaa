"""Drops session cookies, tokens and passwords from what the API sends of jobs and workflows.

Which keys are secret is in `secret_keys`; texts that are no JSON are searched by `secret_texts`.
JSON is not parsed: the members that are secret are cut out, and all else stays to the byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from captaindata_source.api.secret_keys import CANDIDATE, MAX_KEY, RULE, is_secret, stems_in
from captaindata_source.api.secret_texts import REMOVED, strip_plain
from captaindata_source.json_text import NotJsonError, end_of, strip_comma, unescaped

__all__ = ["CANDIDATE", "REMOVED", "RULE", "is_secret", "strip_json", "strip_record", "strip_text"]

MAX_NESTING = 12
"""Of JSON written as a string within JSON; each level doubles its backslashes."""
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[][{},:]|[^][{},:"\s]+', re.DOTALL)
_COMMA = re.compile(rb"[ \t\r\n]*,[ \t\r\n]*")
_BEFORE_VALUE = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*")
_HARMLESS = (b"true", b"false")
"""Values that tell nothing, whatever their key."""
_NAME_KEYS = frozenset({"name", "key", "header", "field", "id", "label", "param", "type"}) | {
    *("attribute", "identifier", "input", "k", "parameter", "property", "slug", "title", "variable")
}
_VALUE_KEYS = frozenset({"val", "values", "content", "default", "v"})
_COUNTED = ("tokens", "sessions", "cookies", "keys", "credentials")
"""Ends of keys whose numbers are counts."""
_COOKIE_KEYS = frozenset({"httponly", "samesite"})
"""Keys of a browser's cookie, whose name may be any."""


def strip_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record without what is secret, at whatever depth.

    Args:
        record: Field name to value; nested values as `msgspec.Raw`, as JSON text, or parsed.
    """
    kept = {}
    for name, value in record.items():
        is_count = isinstance(value, (int, float)) and name.lower().endswith(_COUNTED)
        if is_secret(name) and not (isinstance(value, bool) or is_count):
            continue
        if name.endswith("uid"):  # it identifies, and must stay what it is
            kept[name] = value
            continue
        if isinstance(value, msgspec.Raw):
            text = bytes(value)
            stripped = strip_json(text)
            kept[name] = value if stripped is text else msgspec.Raw(stripped)
        elif isinstance(value, str):
            kept[name] = strip_text(value)
        elif isinstance(value, (dict, list)):
            text = json.dumps(value).encode()
            stripped = strip_json(text)
            kept[name] = value if stripped is text else json.loads(stripped)
        else:
            kept[name] = value
    return kept


def strip_json(text: bytes) -> bytes:
    """A JSON text without what is secret, at whatever depth; the same object where it has none.

    What is no JSON is taken for a text.
    """
    return _strip_json(text, 0)


def strip_text(text: str) -> str:
    """A text with `REMOVED` for each secret in it; JSON loses its secret members instead."""
    return _strip_text(text, 0)


def _strip_json(text: bytes, depth: int) -> bytes:
    stems = stems_in(text)
    if not stems:
        return text
    try:
        edits = _Edits(text, stems, depth).find()
    except NotJsonError:
        found = text.decode("utf-8", "surrogateescape")
        stripped = strip_plain(found)
        return text if stripped == found else stripped.encode("utf-8", "surrogateescape")
    return _edited(text, edits) if edits else text


_Edit = tuple[int, int, bytes | None]
"""Where it begins and ends, and what comes there; None: a member goes, and a comma with it."""


def _edited(text: bytes, edits: list[_Edit]) -> bytes:
    kept = bytearray()
    copied = 0
    for start, end, replacement in edits:
        kept += text[copied:start]
        copied = end
        if replacement is not None:
            kept += replacement
        elif comma := _COMMA.match(text, end):
            copied = comma.end()
        else:
            strip_comma(kept)
    return bytes(kept) + text[copied:]


class _Open:
    """An object or array whose end was not seen yet."""

    __slots__ = ("is_cookie", "is_object", "is_pair", "key", "key_start", "values")

    def __init__(self, *, is_object: bool) -> None:
        self.is_object = is_object
        self.key: str | None = None
        self.key_start = 0
        self.is_pair = False
        self.is_cookie = False
        self.values: list[tuple[int, int]] = []


class _Edits:
    """Reads a JSON text once, without recursion."""

    def __init__(self, text: bytes, stems: Sequence[bytes], depth: int) -> None:
        self._text = text
        self._stems = stems
        self._depth = depth
        self._edits: list[_Edit] = []
        self._open: list[_Open] = []

    def find(self) -> list[_Edit]:
        """What is to be changed, in order.

        Raises:
            NotJsonError: It is no JSON.
        """
        text, place = self._text, 0
        while found := _TOKEN.search(text, place):
            place = found.end()
            first = text[found.start()]
            top = self._open[-1] if self._open else None
            if first in b"{[":
                self._open.append(_Open(is_object=first == 123))
            elif first in b"}]":
                if top is None or top.is_object != (first == 125):
                    raise NotJsonError
                self._close(top)
                self._open.pop()
                self._ended(place)
            elif first in b",:":
                continue
            elif top is not None and top.is_object and top.key is None:
                place = self._key(top, found)
            else:
                if first == 34:
                    self._string(top, found.start(), place)
                elif first not in b"-0123456789tfnNI":
                    raise NotJsonError
                self._ended(place)
        if self._open or (text.strip() and place == 0):
            raise NotJsonError
        return self._edits

    def _key(self, top: _Open, found: re.Match[bytes]) -> int:
        """Sees a key; returns where to go on."""
        text = self._text
        colon = _BEFORE_VALUE.match(text, found.end())
        if text[found.start()] != 34 or colon is None:
            raise NotJsonError
        key = unescaped(found[0][1:-1]).decode("utf-8", "replace")
        if is_secret(key):
            end = end_of(text, colon.end())
            value = text[colon.end() : end]
            is_count = value[:1] in b"-0123456789" and key.lower().endswith(_COUNTED)
            if value not in _HARMLESS and not is_count:
                self._edits.append((found.start(), end, None))
                return end
            return end
        top.key, top.key_start = key.lower(), found.start()
        if top.key.replace("_", "") in _COOKIE_KEYS:
            top.is_cookie = True
        return colon.end()

    def _string(self, top: _Open | None, start: int, end: int) -> None:
        content = self._text[start + 1 : end - 1]
        if top is not None and top.key in _NAME_KEYS and len(content) <= MAX_KEY:
            top.is_pair = top.is_pair or is_secret(unescaped(content).decode("utf-8", "replace"))
        if not stems_in(content + b'"', self._stems):
            return
        text = unescaped(content).decode("utf-8", "replace")
        stripped = _strip_text(text, self._depth + 1)
        if stripped != text:
            self._edits.append((start, end, json.dumps(stripped).encode()))

    def _ended(self, place: int) -> None:
        """A value ends."""
        top = self._open[-1] if self._open else None
        if top is None or not top.is_object:
            return
        if top.key is None:
            raise NotJsonError
        if top.key in _VALUE_KEYS or top.key.endswith("value"):
            top.values.append((top.key_start, place))
        top.key = None

    def _close(self, top: _Open) -> None:
        """Drops the value of a pair such as `{"name": "li_at", "value": …}`."""
        if not (top.is_pair or top.is_cookie):
            return
        for start, end in top.values:
            later = []
            while self._edits and self._edits[-1][0] >= start:
                edit = self._edits.pop()
                if edit[0] >= end:
                    later.append(edit)
            self._edits += [(start, end, None), *reversed(later)]


def _strip_text(text: str, depth: int) -> str:
    whole = text.encode("utf-8", "surrogatepass")
    if not stems_in(whole + b'"'):
        return text
    if depth < MAX_NESTING and text.lstrip()[:1] in ("{", "[", '"'):
        try:
            msgspec.json.decode(whole, type=msgspec.Raw)
            return _strip_json(whole, depth).decode("utf-8", "surrogatepass")
        except (ValueError, RecursionError):
            pass
    return strip_plain(text)
