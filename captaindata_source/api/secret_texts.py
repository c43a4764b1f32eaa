"""Secrets in a text that is no JSON: cookies, headers, addresses, cut-off JSON, lines of YAML."""

from __future__ import annotations

import re

from captaindata_source.api.secret_keys import is_secret

__all__ = ["REMOVED", "strip_plain"]

REMOVED = "[removed]"
"""Stands in a text for the secret that was in it."""

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


def strip_plain(text: str) -> str:
    """The text with `REMOVED` for each secret in it."""
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
