"""Finds values and strings in JSON text without parsing all of it."""

from __future__ import annotations

import json
import re

__all__ = [
    "SCALAR",
    "SPACE",
    "STRING",
    "NotJsonError",
    "end_of",
    "strip_comma",
    "unescaped",
    "utf8",
]

SPACE = rb"[ \t\r\n]*"
# possessive quantifiers: otherwise each escape is kept for backtracking, which takes much memory
STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
SCALAR = rb"[-+.0-9A-Za-z]+"
_STRING_OR_SCALAR = re.compile(rb"%b|%b" % (STRING, SCALAR), re.DOTALL)
_STRING_OR_BRACKET = re.compile(rb"%b|[][{}]" % STRING, re.DOTALL)
_WHITESPACE = b" \t\r\n"


class NotJsonError(ValueError):
    """The text is not JSON."""


def utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def unescaped(content: bytes) -> bytes:
    """The text of a JSON string, without escapes.

    Args:
        content: What is between its quotes.

    Raises:
        NotJsonError: It is not the content of a JSON string.
    """
    if b"\\" not in content:
        return content
    text = content.decode("utf-8", "replace")
    try:
        return utf8(json.loads(f'"{text}"', strict=False))
    except ValueError:
        raise NotJsonError from None


def end_of(text: bytes, start: int) -> int:
    """The end of the value that begins at `start`.

    Raises:
        NotJsonError: No value begins there, or it has no end.
    """
    if text[start : start + 1] not in (b"{", b"["):
        if found := _STRING_OR_SCALAR.match(text, start):
            return found.end()
        raise NotJsonError
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(text, start):
        token = found[0]
        if token in (b"{", b"["):
            depth += 1
        elif token in (b"}", b"]"):
            depth -= 1
            if not depth:
                return found.end()
    raise NotJsonError


def strip_comma(kept: bytearray) -> None:
    """Removes the comma at the end, after the last member was left out."""
    while kept[-1:] and kept[-1] in _WHITESPACE:
        del kept[-1]
    if kept.endswith(b","):
        del kept[-1]
