"""Drops or hashes named keys of results before they are written anywhere.

A result is JSON text whose grammar was checked when its page was split, and nothing here parses it:
the members that were named are found, cut out or replaced, and all else stays to the byte. That
keeps numbers of any size and keys that stand twice, and no depth is too deep.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from difflib import get_close_matches

from captaindata_source.errors import ContractError
from captaindata_source.http import Secret
from captaindata_source.json_text import (
    SPACE,
    STRING,
    NotJsonError,
    end_of,
    strip_comma,
    unescaped,
    utf8,
)

__all__ = ["UNSALTED", "Redact", "Redactor", "redactor"]

Redact = Callable[[Sequence[bytes]], Sequence[bytes]]
"""A page of results, each as JSON text, to the page that may be stored."""
UNSALTED = (
    "hash_fields without hash_salt: whoever can guess a value can hash it and compare. Set "
    "hash_salt, a long random text, in .dlt/secrets.toml"
)
SAMPLED_RESULTS = 500
"""Whose keys are looked at while a rule has matched none, for the name that was meant."""

_STRINGS = re.compile(STRING, re.DOTALL)
_KEYS = re.compile(rb'"((?:[^"\\]|\\.){1,80})"[ \t\r\n]*:').findall
_COMMA = re.compile(rb"%b,%b" % (SPACE, SPACE))
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
) -> Redactor | None:
    """Makes what redacts pages.

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
    return Redactor(drop, hide, salt)


class Redactor:
    """Redacts pages, and knows which of the keys it met; see `redactor`."""

    def __init__(self, drop: set[str], hide: set[str], salt: Secret | None) -> None:
        names = drop | hide
        self._is_hashed = {utf8(name): name not in drop for name in names}
        self._salt = utf8(salt.reveal()) if salt else None
        # what follows an escape's backslash is within a string, not the beginning of one
        self._candidate = re.compile(
            rb'"(?<!\\")(%b)"%b:%b'
            % (b"|".join(b"".join(map(_spellings, name)) for name in names), SPACE, SPACE)
        ).search
        # such a name may also be what stands between two strings: `,` in `"a","b"`
        self._are_odd = any(name.lstrip().startswith((",", ":", "]", "}")) for name in names)
        self._unmatched = {utf8(name) for name in names}
        self._to_sample = SAMPLED_RESULTS
        self._has_results = False
        self._seen: set[bytes] = set()

    def __call__(self, page: Sequence[bytes]) -> Sequence[bytes]:
        self._has_results = self._has_results or bool(page)
        if self._unmatched and self._to_sample > 0:
            sample = page[: self._to_sample]
            self._to_sample -= len(sample)
            for result in sample:
                self._seen.update(_KEYS(result))
        try:
            return [self._redact(result) for result in page]
        except NotJsonError:
            raise ContractError(
                "A result is no JSON, and so can't be redacted", path="results"
            ) from None

    def unmatched(self) -> dict[str, str | None]:
        """Keys that no result had, each with the most similar key that was seen, if any; none where
        there were no results."""
        if not self._has_results:
            return {}
        seen = set()
        for key in self._seen:
            with suppress(NotJsonError):  # it began within a string
                seen.add(unescaped(key).decode("utf-8", "replace"))
        return {
            name: _nearest(name, seen)
            for name in sorted(each.decode("utf-8", "replace") for each in self._unmatched)
        }

    def _redact(self, result: bytes) -> bytes:
        copied = 0
        kept = bytearray()
        while found := self._next(result, copied):
            key, value = found.span()
            end = end_of(result, value)
            name = unescaped(found[1])
            self._unmatched.discard(name)
            if self._is_hashed[name]:
                kept += result[copied:value] + self._hash(result[value:end])
            else:
                kept += result[copied:key]
                if comma := _COMMA.match(result, end):
                    end = comma.end()
                else:
                    strip_comma(kept)
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
        text = unescaped(value[1:-1]) if value[:1] == b'"' else value
        if self._salt is None:
            return b'"%b"' % hashlib.sha256(text).hexdigest().encode()
        return b'"%b"' % hmac.digest(self._salt, text, "sha256").hex().encode()


def _spellings(char: str) -> bytes:
    """A pattern for all ways to write a character in a JSON string."""
    units = char.encode("utf-16-be", "surrogatepass")
    escape = b"".join(
        rb"\\u(?i:%04x)" % int.from_bytes(units[n : n + 2]) for n in range(0, len(units), 2)
    )
    short = [_SHORT_ESCAPES[char]] if char in _SHORT_ESCAPES else []
    return b"(?:%b)" % b"|".join([re.escape(utf8(char)), escape, *short])


def _begins_a_string(result: bytes, start: int, quote: int) -> bool:
    """Whether a quote is the first of a string; `start` is a place outside of strings."""
    starts = (string.start() for string in _STRINGS.finditer(result, start))
    return next((place for place in starts if place >= quote), None) == quote


def _nearest(name: str, seen: Iterable[str]) -> str | None:
    """Case and separators aside, which are what is mistaken most."""
    forms = {_form(each): each for each in sorted(seen, reverse=True)}
    found = get_close_matches(_form(name), forms, n=1, cutoff=0.7)
    return forms[found[0]] if found else None


def _form(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()
