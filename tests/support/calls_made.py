"""Syncs of a `JobsServer`, with the calls that each makes against the fewest that would do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, cast

from captaindata_source.http import Secret
from tests.support.jobs_server import JobsServer, ServedJob
from tests.support.world_syncs import WorldSynced, WorldSyncs

__all__ = ["CallSyncs", "Calls", "call_syncs"]


class Calls(NamedTuple):
    """What a sync took.

    Args:
        made: Calls.
        fewest: That would have done.
    """

    made: int
    fewest: int

    @property
    def ratio(self) -> float:
        return self.made / self.fewest


class _Log:
    """Stands in for a sandbox: its log, and where it is."""

    def __init__(self, server: JobsServer) -> None:
        self.world = None
        self.log = self
        self._server = server

    @property
    def entries(self) -> list[str]:
        return list(self._server.calls)

    def clear(self) -> None:
        self._server.calls.clear()


class CallSyncs(WorldSyncs):
    """Syncs by the clock of the server."""

    def __init__(self, server: JobsServer, url: str, folder: Path, **options: Any) -> None:
        self.server = server
        self._url = url
        self._state: dict[str, tuple[datetime, int]] = {}
        super().__init__(
            cast("Any", _Log(server)),
            folder,
            {"api_version": server.version, "deep_listing_hours": 24, **options},
        )

    def __post_init__(self) -> None: ...

    def _place(self, version: str) -> dict[str, Any]:
        return {"api_key": Secret("key"), "project_uid": "w", "base_url": self._url}

    def measured(self, *, lookback: timedelta | None = timedelta(days=3)) -> Calls:
        """Syncs once.

        Args:
            lookback: Of the fewest calls; None: lists as a whole.
        """
        changed = [
            job
            for job in self.server.served.values()
            if self._state.get(job.uid) != (job.updated, job.rows)
        ]
        fewest = self.server.fewest(lookback=lookback, changed=changed)
        self.sync_of_now()
        made = len(self.server.calls)
        self._state.update({job.uid: (job.updated, job.rows) for job in changed})
        return Calls(made, fewest)

    def sync_of_now(self, **options: Any) -> WorldSynced:
        """Syncs once, by the clock of the server."""
        self.now = self.server.now
        return self.sync(**options)

    def kinds(self) -> Counter[str]:
        """The calls of the last sync, by the last word of their path."""
        return Counter(path.split("/")[-1] if "/" in path else path for path in self.server.calls)

    def missing(self) -> list[ServedJob]:
        """Jobs that are not loaded as the server has them."""
        rows = {row["uid"]: row for row in self.rows("jobs")}
        results = Counter(row["job_uid"] for row in self.rows("job_results"))
        return [
            job
            for job in self.server.served.values()
            if job.uid not in rows
            or rows[job.uid]["row_count"] != job.counted
            or results[job.uid] != job.rows
        ]


@contextmanager
def call_syncs(server: JobsServer, folder: Path, **options: Any) -> Iterator[CallSyncs]:
    """Serves, and gives syncs of it."""
    with server.serving() as url:
        yield CallSyncs(server, url, folder, **options)
