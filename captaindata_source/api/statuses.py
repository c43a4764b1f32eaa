"""How the status of a job is read, wherever it counts; tables keep its text as it came.

Views read it the same way: see `sql/views/jobs.sql`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

__all__ = [
    "FAILED",
    "FINAL",
    "PARTIAL",
    "RESTING",
    "STOPPED",
    "SUCCEEDED",
    "Statuses",
    "read_status",
]

_GAPS = re.compile(r"[\s_-]+", re.ASCII)


def read_status(text: str) -> str:
    """A status without what does not matter: case, spaces around, spaces or hyphens within."""
    return _GAPS.sub("_", text.lower()).strip("_")


class Statuses(Collection[str]):
    """Statuses that a text is one of, however it is written.

    Args:
        names: As the API documents them, or as a user wrote them.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = tuple(names)
        self._read = frozenset(map(read_status, names))

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and (text in self._read or read_status(text) in self._read)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"Statuses({list(self._names)})"


SUCCEEDED = Statuses(["finished", "completed", "SUCCEEDED", "PARTIAL_SUCCEEDED"])
"""A job completed without errors, or for a part of its inputs; those of API v3, then of v4."""
PARTIAL = Statuses(["PARTIAL_SUCCEEDED"])
FAILED = Statuses(["shutdown", "warning", "FAILED", "INVALID"])
STOPPED = Statuses(["stopped"])
RESTING = Statuses(["BLOCKED"])
"""Bad input, or an account that must log in again; it stays until someone resumes the run."""
FINAL = Statuses([*SUCCEEDED, *FAILED, *STOPPED])
"""A job leaves these only when someone retries it."""
