"""Mends JSON that holds half a surrogate pair: an emoji that someone cut in two.

JavaScript writes such a half as an escape. The grammar of JSON allows it, but it is no character:
msgspec, DuckDB and Arrow all refuse it, and with it the whole page.
"""

from __future__ import annotations

import re

__all__ = ["mend_surrogates"]

_REPLACEMENT = rb"\ufffd"
_HIGH = rb"u[dD][89abAB][0-9a-fA-F]{2}"
_LOW = rb"u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = re.compile(
    rb"\\(?:(?P<pair>%b\\%b)|(?P<half>%b|%b)|.)" % (_HIGH, _LOW, _HIGH, _LOW), re.DOTALL
)


def mend_surrogates(body: bytes) -> bytes:
    """The same JSON with U+FFFD for each half of a surrogate pair; all else to the byte."""
    return _ESCAPE.sub(lambda found: _REPLACEMENT if found["half"] else found[0], body)
