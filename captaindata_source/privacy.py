"""Drops or hashes named keys of results before they are written anywhere.

A result is JSON text whose grammar was checked when its page was split, and nothing here parses it:
the members that were named are found, cut out or replaced, and all else stays to the byte. That
keeps numbers of any size and keys that stand twice, and no depth is too deep.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import cast

from captaindata_source.errors import ContractError
from captaindata_source.http import Secret

__all__ = ["SECRET_KEYS", "Redact", "redactor", "strip_secrets"]

Redact = Callable[[Sequence[bytes]], Sequence[bytes]]
"""A page of results, each as JSON text, to the page that may be stored."""

SECRET_KEYS = frozenset(
    {
        "access_token",
        "auth_data",
        "cookie",
        "cookies",
        "credentials",
        "identity_login_links",
        "login_link",
        "login_links",
        "password",
        "refresh_token",
        "secret",
        "session",
        "token",
    }
)
"""Keys that log someone in, wherever the API may send them along with people and accounts."""

_SPACE = rb"[ \t\r\n]*"
# possessive: else each escape of a string is a place to come back to, of more bytes than it has
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_SCALAR = rb"[-+.0-9A-Za-z]+"
_FLAGS = re.DOTALL
_STRINGS = re.compile(_STRING, _FLAGS)
_STRING_OR_SCALAR = re.compile(rb"%b|%b" % (_STRING, _SCALAR), _FLAGS)
_STRING_OR_BRACKET = re.compile(rb"%b|[][{}]" % _STRING, _FLAGS)
_COMMA = re.compile(rb"%b,%b" % (_SPACE, _SPACE))
_WHITESPACE = b" \t\r\n"
_SHORT_ESCAPES = {
    '"': rb"\\\"",
    "\\": rb"\\\\",
    "/": rb"\\/",
    "\b": rb"\\b",
    "\f": rb"\\f",
    "\n": rb"\\n",
    "\r": rb"\\r",
    "\t": rb"\\t",
}


def redactor(
    *, exclude: Iterable[str], hashed: Iterable[str], salt: Secret | None = None
) -> Redact | None:
    """Makes the function that redacts pages.

    Args:
        exclude: Keys that are dropped with their values, at whatever depth they stand.
        hashed: Keys whose values are replaced by a hash, 64 hexadecimal digits, of a string's text
            or of any other value's JSON text; null stays null.
        salt: The hash is HMAC-SHA256 with this key; None: plain SHA-256.

    Returns:
        None where no key is named. Results without such a key are returned as the objects they are.
        Raises `ContractError` for what is no JSON.
    """
    drop, hide = set(exclude), set(hashed)
    if not drop | hide:
        return None
    redact = _Redactor(drop, hide, salt).redact
    return lambda page: [redact(result) for result in page]


def strip_secrets(value: bytes) -> bytes:
    """A JSON text without `SECRET_KEYS`, at whatever depth; the same object where it has none."""
    return _strip([value])[0]


class _Redactor:
    def __init__(self, drop: set[str], hide: set[str], salt: Secret | None) -> None:
        names = drop | hide
        self._is_hashed = {_utf8(name): name not in drop for name in names}
        self._salt = _utf8(salt.reveal()) if salt else None
        # what follows an escape's backslash is within a string, not the beginning of one
        self._candidate = re.compile(
            rb'"(?<!\\")(%b)"%b:%b'
            % (b"|".join(b"".join(map(_spellings, name)) for name in names), _SPACE, _SPACE)
        ).search
        # such a name may also be what stands between two strings: `,` in `"a","b"`
        self._are_odd = any(name.lstrip().startswith((",", ":", "]", "}")) for name in names)

    def redact(self, result: bytes) -> bytes:
        copied = 0
        kept = bytearray()
        while found := self._next(result, copied):
            key, value = found.span()
            end = _end_of(result, value)
            if self._is_hashed[_plain(found[1])]:
                kept += result[copied:value] + self._hash(result[value:end])
            else:
                kept += result[copied:key]
                if comma := _COMMA.match(result, end):
                    end = comma.end()
                else:
                    _strip_comma(kept)
            copied = end
        return bytes(kept) + result[copied:] if copied else result

    def _next(self, result: bytes, start: int) -> re.Match[bytes] | None:
        """The next key that was named, up to its value.

        Args:
            result: JSON text.
            start: A place outside of its strings.
        """
        place = start
        while found := self._candidate(result, place):
            if not self._are_odd or _begins_a_string(result, start, found.start()):
                return found
            place = found.start() + 1
        return None

    def _hash(self, value: bytes) -> bytes:
        if value == b"null":
            return value
        text = _plain(value[1:-1]) if value[:1] == b'"' else value
        if self._salt is None:
            return b'"%b"' % hashlib.sha256(text).hexdigest().encode()
        return b'"%b"' % hmac.digest(self._salt, text, "sha256").hex().encode()


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _spellings(char: str) -> bytes:
    """A pattern for all ways to write a character in a JSON string."""
    units = char.encode("utf-16-be", "surrogatepass")
    escape = b"".join(
        rb"\\u(?i:%04x)" % int.from_bytes(units[n : n + 2]) for n in range(0, len(units), 2)
    )
    short = [_SHORT_ESCAPES[char]] if char in _SHORT_ESCAPES else []
    return b"(?:%b)" % b"|".join([re.escape(_utf8(char)), escape, *short])


def _plain(content: bytes) -> bytes:
    """The text of a JSON string, from what stands between its quotes."""
    if b"\\" not in content:
        return content
    text = content.decode("utf-8", "replace")
    try:
        return _utf8(json.loads(f'"{text}"', strict=False))
    except ValueError:
        raise _no_json() from None


def _begins_a_string(result: bytes, start: int, quote: int) -> bool:
    """Whether a quote is the first of a string; `start` is a place outside of strings."""
    starts = (string.start() for string in _STRINGS.finditer(result, start))
    return next((place for place in starts if place >= quote), None) == quote


def _end_of(result: bytes, start: int) -> int:
    """Where the value that starts there ends."""
    if result[start : start + 1] not in (b"{", b"["):
        if found := _STRING_OR_SCALAR.match(result, start):
            return found.end()
        raise _no_json()
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(result, start):
        token = found[0]
        if token in (b"{", b"["):
            depth += 1
        elif token in (b"}", b"]"):
            depth -= 1
            if not depth:
                return found.end()
    raise _no_json()


def _strip_comma(kept: bytearray) -> None:
    """The last member goes, and with it the comma before it."""
    while kept[-1:] and kept[-1] in _WHITESPACE:
        del kept[-1]
    if kept.endswith(b","):
        del kept[-1]


def _no_json() -> ContractError:
    return ContractError("A result is no JSON, and so can't be redacted", path="results")


_strip = cast(Redact, redactor(exclude=SECRET_KEYS, hashed=()))
