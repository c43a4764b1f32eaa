"""JSON that is JSON only nearly.

Seen in the wild: half a surrogate pair (an emoji that was cut in two), `NaN` and `Infinity` as
Python writes them, control characters as they are, bytes that are not UTF-8, and the character
U+0000, which JSON allows and Postgres does not.
"""

from __future__ import annotations

import re

from captaindata_source.issues import Kind

__all__ = ["NULL_CHARACTER", "mend"]

NULL_CHARACTER = rb"\u0000"
_REPLACEMENT = rb"\ufffd"
_HIGH = rb"u[dD][89abAB][0-9a-fA-F]{2}"
_LOW = rb"u[dD][c-fC-F][0-9a-fA-F]{2}"
_TOKEN = re.compile(
    rb"\\(?:(?P<pair>%b\\%b)|(?P<half>%b|%b)|(?P<null>u0000)|.)"
    rb'|(?P<quote>")|(?P<control>[\x00-\x1f])|(?P<number>-?\b(?:NaN|Infinity)\b)'
    % (_HIGH, _LOW, _HIGH, _LOW),
    re.DOTALL,
)


def mend(body: bytes) -> tuple[bytes, frozenset[Kind]]:
    """The same JSON, as any parser and any destination takes it; all else to the byte.

    Half a surrogate pair, U+0000 and bytes that are not UTF-8 become U+FFFD, a number that is none
    becomes a text (`"NaN"`), a control character its escape.

    Returns:
        The JSON and what was mended, in the words of `sync_issues`.
    """
    kinds: set[Kind] = set()
    valid = _mend_utf8(body)
    if valid is not body:
        kinds.add(Kind.NOT_UTF8)

    pieces: list[bytes] = []
    done = 0
    is_text = False
    for found in _TOKEN.finditer(valid):  # one by one: a text may hold millions of escapes
        name = found.lastgroup
        if name == "quote":
            is_text = not is_text
        mended = _mended(found, is_text=is_text)
        if mended is not None:
            kind, replacement = mended
            kinds.add(kind)
            pieces += (valid[done : found.start()], replacement)
            done = found.end()
    return b"".join([*pieces, valid[done:]]), frozenset(kinds)


def _mended(found: re.Match[bytes], *, is_text: bool) -> tuple[Kind, bytes] | None:
    """What is wrong with a token and what stands in its place; None where it is right."""
    name = found.lastgroup
    if not is_text:
        return (Kind.NOT_A_NUMBER, b'"%b"' % found[0]) if name == "number" else None
    if name == "half":
        return Kind.HALF_SURROGATE, _REPLACEMENT
    if name == "null" or found[0] == b"\x00":
        return Kind.NULL_CHARACTER, _REPLACEMENT
    if name == "control":
        return Kind.CONTROL_CHARACTER, rb"\u%04x" % found[0][0]
    return None


def _mend_utf8(body: bytes) -> bytes:
    """The same text with U+FFFD for what is not UTF-8; the same object where all of it is."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return body.decode("utf-8", "replace").encode()
    return body
