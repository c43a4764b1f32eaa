"""Mends what is JSON only nearly, or more than a destination can hold.

Seen in the wild: half a surrogate pair (an emoji that someone cut in two), `NaN` and `Infinity` as
Python writes them, control characters as they are, bytes that are not UTF-8, and the character
U+0000, which JSON allows and Postgres does not.
"""

from __future__ import annotations

import re

__all__ = ["NULL_CHARACTER", "mend", "mend_utf8"]

NULL_CHARACTER = rb"\u0000"
_REPLACEMENT = rb"\ufffd"
_HIGH = rb"u[dD][89abAB][0-9a-fA-F]{2}"
_LOW = rb"u[dD][c-fC-F][0-9a-fA-F]{2}"
_TOKEN = re.compile(
    rb'(?P<string>"[^"\\]*+(?:\\.[^"\\]*+)*+"?)|(?P<number>-?\b(?:NaN|Infinity)\b)', re.DOTALL
)
_PART = re.compile(
    rb"\\(?:(?P<pair>%b\\%b)|(?P<half>%b|%b)|(?P<null>u0000)|.)|(?P<control>[\x00-\x1f])"
    % (_HIGH, _LOW, _HIGH, _LOW),
    re.DOTALL,
)


def mend(body: bytes) -> tuple[bytes, frozenset[str]]:
    """The same JSON, as any parser and any destination takes it; all else to the byte.

    Half a surrogate pair, U+0000 and bytes that are not UTF-8 become U+FFFD, a number that is none
    becomes a text (`"NaN"`), a control character its escape.

    Returns:
        The JSON and what was mended, in the words of `sync_issues`.
    """
    kinds: set[str] = set()
    valid = mend_utf8(body)
    if valid is not body:
        kinds.add("not_utf8")

    def part(found: re.Match[bytes]) -> bytes:
        if found["half"]:
            kinds.add("half_surrogate")
            return _REPLACEMENT
        if found["null"] or found["control"] == b"\x00":
            kinds.add("null_character")
            return _REPLACEMENT
        if found["control"]:
            kinds.add("control_character")
            return rb"\u%04x" % found["control"][0]
        return found[0]

    def token(found: re.Match[bytes]) -> bytes:
        if found["string"]:
            return _PART.sub(part, found["string"])
        kinds.add("not_a_number")
        return b'"%b"' % found["number"]

    return _TOKEN.sub(token, valid), frozenset(kinds)


def mend_utf8(body: bytes) -> bytes:
    """The same text with U+FFFD for what is not UTF-8; the same object where all of it is."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return body.decode("utf-8", "replace").encode()
    return body
