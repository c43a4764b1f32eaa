"""Drops session cookies, tokens and passwords from what the API sends of jobs and workflows.

A key is secret by its last word, however it is spelled; words after it that only say how the value
is kept do not count. So `li_at`, `LI-AT`, `sessionCookie`, `X-Api-Key` and `cookie_string` are
secret; `token_count`, `secretary`, `cookie_policy_url` and `password_required` are not. In doubt
(`sync_token`) a key is dropped.

JSON is not parsed: the members that are secret are cut out, and all else stays to the byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from captaindata_source.json_text import NotJsonError, end_of, plain, strip_comma

__all__ = ["CANDIDATE", "REMOVED", "RULE", "is_secret", "strip_json", "strip_record", "strip_text"]

RULE = 1
"""Raise it when more is secret: what is loaded is then searched again, once."""
REMOVED = "[removed]"
"""Stands in a text for the secret that was in it."""
MAX_NESTING = 12
"""Of JSON written as a string within JSON; each level doubles its backslashes."""
MAX_KEY = 200

_ENDINGS = (
    r"tokens?|cookies?|passwords?|passwds?|passphrase|passcode|secrets?|credentials?|authorization"
    r"|(?:api|secret|private|access|auth|session|signing|encryption|master|ssh)_?keys?"
    r"|auth(?:orization)?_?codes?"
    r"|j?session_?id|sess_?id|csrf|xsrf|auth_?data|(?:login|magic)_?links?"
)
"""Of a key in lower case; nothing harmless ends so."""
_WORDS = (
    r"li_?at|li_a|li_rm|liap|(?:user|web|linkedin)?sessions?|o?auth|bearer|pwd|pass|creds?|jwt|otp"
    r"|totp"
)
"""Of a key in lower case; too short to be searched for within a word."""
_CARRIERS = (
    r"values?|str|strings?|text|raw|headers?|data|json|jar|hash|base64|b64|encrypted|plain|old|new"
    r"|current|confirm(?:ation)?|pem|v?[0-9]"
)
_IS_SECRET = re.compile(
    rf"(?:(?<!page)(?<!page_)(?<!cursor)(?<!cursor_)(?<!continuation)(?<!continuation_)(?:{_ENDINGS})"
    rf"|(?:^|_)(?:{_WORDS}))"
    rf"(?:_?(?:{_CARRIERS}))*$"
).search
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SEPARATING = r"_ !#$%&()*+,\-./;<>?@^`|~" + "\t\r\n"
_SEPARATORS = re.compile(f"[{_SEPARATING}]+")

_GAP = "[^a-z0-9]{0,8}"
CANDIDATE = (
    rf"(?:{_ENDINGS}|{_WORDS})".replace("_?", _GAP).replace("li_", f"li{_GAP}")
    + rf"(?:{_GAP}(?:{_CARRIERS})){{0,8}}[^a-z0-9]{{0,8}}(?:[\"'=:]|%3d)"
    + r"|bearer|basic |aqed|eyj|http_?only|same_?site|://[^/ ]*@|\\u00[2-7]"
)
"""Finds, whatever the case, every text that holds what is secret, and some that do not; for the
regular expressions of DuckDB and Postgres."""
_STEMS = tuple(
    b"token cookie pass secret cred auth apikey privatekey accesskey sshkey "
    b"signingkey encryptionkey masterkey sess srf loginlink magiclink liat lirm liap lia\" lia' "
    b"lia\\ lia= lia: bearer pwd jwt otp basic aqed eyj httponly samesite".split()
)
"""One at least is in such a text, without case and separators: found much faster than by a regular
expression of Python's."""
_SEPARATING_BYTES = _SEPARATING.replace("\\", "").encode()
_is_odd = re.compile(rb"\\u00[2-7]|://[^/\s\"]*@").search

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


def is_secret(key: str) -> bool:
    """Whether a key's value logs someone in."""
    return _is_secret(key) if len(key) <= MAX_KEY else _is_secret.__wrapped__(key[-MAX_KEY:])


@lru_cache(maxsize=10_000)
def _is_secret(key: str) -> bool:
    return any(
        _IS_SECRET(_SEPARATORS.sub("_", form).strip("_").lower())
        for form in (key, _CAMEL.sub("_", key))
    )


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


def _stems_in(text: bytes, stems: Sequence[bytes] = _STEMS) -> Sequence[bytes]:
    """Those of the stems that a text may hold; none where nothing in it is secret."""
    if _is_odd(text):
        return _STEMS
    compact = text.lower().translate(None, _SEPARATING_BYTES)
    return [stem for stem in stems if stem in compact]


def _strip_json(text: bytes, depth: int) -> bytes:
    stems = _stems_in(text)
    if not stems:
        return text
    try:
        edits = _Edits(text, stems, depth).find()
    except NotJsonError:
        found = text.decode("utf-8", "surrogateescape")
        stripped = _strip_plain(found)
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
        key = plain(found[0][1:-1]).decode("utf-8", "replace")
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
            top.is_pair = top.is_pair or is_secret(plain(content).decode("utf-8", "replace"))
        if not _stems_in(content + b'"', self._stems):
            return
        text = plain(content).decode("utf-8", "replace")
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
    if not _stems_in(whole + b'"'):
        return text
    if depth < MAX_NESTING and text.lstrip()[:1] in ("{", "[", '"'):
        try:
            msgspec.json.decode(whole, type=msgspec.Raw)
            return _strip_json(whole, depth).decode("utf-8", "surrogatepass")
        except (ValueError, RecursionError):
            pass
    return _strip_plain(text)


# -- texts -----------------------------------------------------------------------------------------

_QUOTED = re.compile(
    r"""(?P<before>\\{0,64}["'](?P<name>[\w.\- ]{1,80}?)\\{0,64}["']\s{0,9}(?:=>|[:=])\s{0,9})"""
    r"""(?P<value>\\{0,64}"(?:[^"\\]|\\+[^"\\])*(?:\\{0,64}")?|'[^']*'?|[^\s,}\]"']+)"""
)
"""A member of JSON that was cut off, or of another notation."""
_ASSIGNED = re.compile(
    r"""(?P<before>(?<![\w.])(?P<name>[A-Za-z][\w.\-]{0,80})\s?=>?\s?)"""
    r"""(?P<value>"[^"]*"?|'[^']*'?|(?:(?:bearer|basic)\s+)?[^;&\s"',<>]+)""",
    re.IGNORECASE,
)
"""`li_at=AQED…`, in a cookie, an address or a command."""
_ENCODED = re.compile(
    r"""(?P<before>(?:(?<=%3F)|(?<=%26)|(?<=%3B)|(?<=%20)|(?<![\w.%]))"""
    r"""(?P<name>[A-Za-z][\w.\-]{0,80})%3D)(?P<value>(?:(?!%26|%3B)[^;&\s"',<>])+)""",
    re.IGNORECASE,
)
"""The same in an address that is part of another."""
_LINE = re.compile(
    r"""(?P<before>(?:^|["',;{(\n])\s{0,40}(?:-\s{1,9})?(?P<name>[A-Za-z][\w\-]{0,80})\s?:\s*["']?)"""
    r"""(?P<value>(?:(?:bearer|basic|token|digest|negotiate)\s+)?[^\s"',;]+)""",
    re.IGNORECASE,
)
"""A header, or a line of YAML."""
_COOKIE_HEADER = re.compile(
    r"""(?P<before>\b(?:set-)?cookie2?\s?:\s*)(?P<value>[^\s=;"']+=(?:[^"'\r\n]|(?<==)"[^"\r\n]*")*)""",
    re.IGNORECASE,
)
_SCHEME = re.compile(
    r"""(?P<before>\b(?:bearer|basic)\s+)(?P<value>[\w.~+/=\-]{8,})""", re.IGNORECASE
)
_USER_INFO = re.compile(r"""(?P<before>://[^/\s:@"']*:)(?P<value>[^/\s@"']+)(?=@)""")
_BY_FORM = re.compile(
    r"""(?P<before>\b)(?P<value>AQED[\w\-]{30,}|eyJ[\w\-]{5,4000}\.eyJ[\w\-]{5,}\.[\w\-]*)"""
)
"""LinkedIn's session, and a JSON web token, whatever they are called."""
_IS_NO_WORD = re.compile(r"\S*(?:\d|[_.~+/=\-:@!#$%^&*]\S)|\S{20}").match


def _strip_plain(text: str) -> str:
    text = _COOKIE_HEADER.sub(_removed, text)
    text = _QUOTED.sub(_removed_if_secret, text)
    text = _ASSIGNED.sub(_removed_if_secret, text)
    text = _ENCODED.sub(_removed_if_secret, text)
    text = _LINE.sub(_removed_if_likely, text)
    text = _SCHEME.sub(_removed_if_no_word, text)
    text = _USER_INFO.sub(_removed, text)
    return _BY_FORM.sub(_removed, text)


def _removed(found: re.Match[str]) -> str:
    return f"{found['before']}{REMOVED}"


def _removed_if_secret(found: re.Match[str]) -> str:
    value = found["value"]
    if not is_secret(found["name"]) or value in ("true", "false", "null", "None"):
        return found[0]
    quote = value[0] if value[0] in "\"'" else ""
    return f"{found['before']}{quote}{REMOVED}{quote}"


def _removed_if_likely(found: re.Match[str]) -> str:
    is_likely = is_secret(found["name"]) and _IS_NO_WORD(found["value"].split()[-1])
    return _removed(found) if is_likely else found[0]


def _removed_if_no_word(found: re.Match[str]) -> str:
    return _removed(found) if _IS_NO_WORD(found["value"]) else found[0]
