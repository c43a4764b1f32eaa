"""Answers GETs with files: an RSGI application, which imports nothing of this project.

PAGES names the folder; the page of a path and query is the file of that name, with `.json` at its
end. CALLS_PER_MINUTE, if set, answers 429 beyond so many calls in any 60 seconds, and CALL_LOG is
the file that then gets a line for each call: its time in seconds, and its status.
"""

from __future__ import annotations

import math
import os
import time
from collections import deque
from pathlib import Path
from typing import Protocol

WINDOW_SECONDS = 60.0
JSON = ("content-type", "application/json")


class Request(Protocol):
    """What is read of an RSGI scope."""

    method: str
    path: str
    query_string: str


class Answer(Protocol):
    """What is used of an RSGI protocol."""

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None: ...

    def response_file(self, status: int, headers: list[tuple[str, str]], file: str) -> None: ...


class Limit:
    """At most so many calls are answered in any 60 seconds."""

    def __init__(self, calls: int, log: Path) -> None:
        self._answered: deque[float] = deque(maxlen=calls)
        self._log = log

    def seconds_to_wait(self) -> float:
        """Counts a call; 0 if it may be answered."""
        now = time.monotonic()
        wait = 0.0
        if len(self._answered) == self._answered.maxlen:
            wait = max(0.0, self._answered[0] + WINDOW_SECONDS - now)
        if not wait:
            self._answered.append(now)
        with self._log.open("a") as log:
            log.write(f"{now} {429 if wait else 200}\n")
        return wait


class PageApp:
    """The application.

    Args:
        folder: Where the pages are.
        limit: None: there is none.
    """

    def __init__(self, folder: str, limit: Limit | None = None) -> None:
        self._folder = folder
        self._limit = limit

    async def __rsgi__(self, scope: Request, protocol: Answer) -> None:
        is_counted = scope.method == "GET"
        if is_counted and self._limit and (wait := self._limit.seconds_to_wait()):
            protocol.response_empty(429, [("retry-after", f"{math.ceil(wait)}")])
            return
        query = f"?{scope.query_string}" if scope.query_string else ""
        file = f"{self._folder}{scope.path}{query}.json"
        try:
            size = os.stat(file).st_size  # noqa: PTH116 - on the path of every call
        except OSError:
            protocol.response_empty(404, [])
            return
        protocol.response_file(200, [JSON, ("content-length", str(size))], file)


def make_app() -> PageApp:
    """The application that the environment describes."""
    calls = os.environ.get("CALLS_PER_MINUTE")
    limit = Limit(int(calls), Path(os.environ["CALL_LOG"])) if calls else None
    return PageApp(os.environ["PAGES"], limit)
