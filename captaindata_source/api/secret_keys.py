"""What is secret: the keys that sessions, tokens and passwords have.

A key is secret by its last word, however it is spelled; words after it that only say how the value
is kept do not count. So `li_at`, `LI-AT`, `sessionCookie`, `X-Api-Key` and `cookie_string` are
secret; `token_count`, `secretary`, `cookie_policy_url` and `password_required` are not. In doubt
(`sync_token`) a key is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

__all__ = ["CANDIDATE", "MAX_KEY", "RULE", "is_secret", "stems_in"]

RULE = 1
"""Raise it when more is secret: what is loaded is then searched again, once."""
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


def is_secret(key: str) -> bool:
    """Whether a key's value logs someone in."""
    return _is_secret(key) if len(key) <= MAX_KEY else _is_secret.__wrapped__(key[-MAX_KEY:])


@lru_cache(maxsize=10_000)
def _is_secret(key: str) -> bool:
    return any(
        _IS_SECRET(_SEPARATORS.sub("_", form).strip("_").lower())
        for form in (key, _CAMEL.sub("_", key))
    )


def stems_in(text: bytes, stems: Sequence[bytes] = _STEMS) -> Sequence[bytes]:
    """Those of the stems that a text may hold; none where nothing in it is secret."""
    if _is_odd(text):
        return _STEMS
    compact = text.lower().translate(None, _SEPARATING_BYTES)
    return [stem for stem in stems if stem in compact]
