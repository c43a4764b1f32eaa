"""Cursors: where the next rows of a list begin."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence

from mcp.server.mcpserver.exceptions import ToolError

__all__ = ["cursor_of", "read_cursor"]

WRONG = ToolError(
    "This cursor is not of this list: leave it out, or pass next_cursor of the last answer with "
    "the same arguments"
)
MAX_LENGTH = 10_000


def cursor_of(place: Sequence[str], *, query: object) -> str:
    """A cursor.

    Args:
        place: Values of the last row by which the list is sorted.
        query: What was asked for.
    """
    text = json.dumps([_hash(query), *place])
    return base64.urlsafe_b64encode(text.encode()).decode()


def read_cursor(cursor: str, *, query: object, size: int) -> list[str]:
    """The values of a cursor.

    Raises:
        ToolError: It is none, or of another list.
    """
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor.encode()[:MAX_LENGTH]))
    except (binascii.Error, ValueError, RecursionError):
        raise WRONG from None
    is_right = isinstance(found, list) and len(found) == size + 1 and found[0] == _hash(query)
    if not is_right or not all(isinstance(each, str) for each in found):
        raise WRONG
    return [str(each) for each in found[1:]]


def _hash(query: object) -> str:
    text = json.dumps(query, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
