"""The latest calls to a workspace by all processes that share a folder, so that a budget of calls
holds for all of them together."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import suppress
from pathlib import Path

__all__ = ["CallLog"]

logger = logging.getLogger(__name__)

PRAGMAS = ("journal_mode = memory", "synchronous = off")
"""Of a power cut nothing needs to be remembered."""
SCHEMA = (
    "create table if not exists calls (route text not null, start real not null)",
    "create index if not exists latest on calls (route, start)",
)
WAIT_SECONDS = 10.0
MOST_AHEAD_SECONDS = 3600.0
"""What lies further ahead was written before the machine was started again."""


class CallLog:
    """A file of the moments at which calls leave; for one thread at a time.

    Args:
        path: Made where it is missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database: sqlite3.Connection | None = None
        self._is_broken = False

    def reserve(
        self, route: str, earliest: float, *, now: float, most: int, seconds: float
    ) -> float | None:
        """Reserves the moment of a call.

        Args:
            route: Class of the call.
            earliest: The call leaves then, or later. Of a clock that all processes share.
            now: By that clock.
            most: Calls of the class in each `seconds`.
            seconds: See `most`.

        Returns:
            When it may leave; None where the file can't be used.
        """
        if self._is_broken:
            return None
        try:
            database = self._opened()
            database.execute("begin immediate")
            try:
                start = _reserve(database, route, earliest, now=now, most=most, seconds=seconds)
            except BaseException:
                database.execute("rollback")
                raise
            database.execute("commit")
        except (sqlite3.Error, OSError) as error:
            logger.info("Calls of other processes are not counted: %s", error)
            self._is_broken = True
            return None
        return start

    def _opened(self) -> sqlite3.Connection:
        if self._database is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(
                self._path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False
            )
            for pragma in PRAGMAS:
                self._database.execute(f"pragma {pragma}").fetchall()
            for statement in SCHEMA:
                self._database.execute(statement)
        return self._database

    def __del__(self) -> None:
        if self._database is not None:
            with suppress(sqlite3.Error):
                self._database.close()


def _reserve(
    database: sqlite3.Connection,
    route: str,
    earliest: float,
    *,
    now: float,
    most: int,
    seconds: float,
) -> float:
    database.execute(
        "delete from calls where start < ? or start > ?",
        (now - seconds, now + MOST_AHEAD_SECONDS),
    )
    latest = database.execute(
        "select start from calls where route = ? order by start desc limit 1 offset ?",
        (route, most - 1),
    ).fetchone()
    start = earliest if latest is None else max(earliest, float(latest[0]) + seconds)
    database.execute("insert into calls values (?, ?)", (route, start))
    return start
