"""A record of the requests that reached the sandbox; it holds no headers and no keys."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic

DEFAULT_LOG_SIZE = 200_000


@dataclass
class LoggedRequest:
    """A request; `status` is 0 until the answer begins, and stays 0 if it is cut off before.

    Attributes:
        workspace: Name of the workspace whose project UID, or in v4 whose key, was sent, if there
            is one.
        workspace_uid: Its uid.
        monotonic: Arrival in monotonic seconds.
        at: Arrival as a wall-clock time.
    """

    method: str
    path: str
    query: str
    workspace: str | None
    workspace_uid: str | None
    status: int = 0
    monotonic: float = field(default_factory=monotonic)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


class RequestLog:
    """The latest requests, in order of arrival.

    Args:
        size: How many are kept.
    """

    def __init__(self, *, size: int = DEFAULT_LOG_SIZE) -> None:
        self._entries: deque[LoggedRequest] = deque(maxlen=size)

    @property
    def entries(self) -> list[LoggedRequest]:
        """The entries so far, as a new list."""
        return list(self._entries)

    def append(self, entry: LoggedRequest) -> None:
        """Add an entry."""
        self._entries.append(entry)

    def clear(self) -> None:
        """Forget all entries."""
        self._entries.clear()
