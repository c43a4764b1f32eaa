"""Syncs of a `JobsServer`, with the calls that each makes against the fewest that would do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, cast

from captaindata_source.api import Api
from captaindata_source.extract.opening import connect
from captaindata_source.http import Secret
from captaindata_source.issues import IssueLog
from captaindata_source.settings.workspace import Settings
from captaindata_source.tables import CHECKPOINTS, JOB_RESULTS, JOBS
from tests.support.jobs_server import BASE_PATH, JobsServer, ServedJob
from tests.support.world_syncs import WorldSynced, WorldSyncs

__all__ = ["CallSyncs", "Calls", "call_syncs"]

LOOKBACK = timedelta(days=3)
DAY = timedelta(days=1)


class Calls(NamedTuple):
    """What a sync took.

    Args:
        made: Calls.
        fewest: That would have done.
        deep: Of those made: what deep looks added.
    """

    made: int
    fewest: int
    deep: int = 0

    @property
    def ratio(self) -> float:
        """Without deep looks."""
        return (self.made - self.deep) / self.fewest


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
    """Syncs by the clock of the server.

    Args:
        server: Serves.
        url: Where; None: in this process.
        folder: For files of results.
        options: Of the workspace.
    """

    def __init__(self, server: JobsServer, url: str | None, folder: Path, **options: Any) -> None:
        self.server = server
        self._url = url or f"http://localhost/{BASE_PATH[server.version]}"
        self._transport = None if url else server.transport()
        self._state: dict[str, tuple[datetime, int]] = {}
        self._to_fetch: set[str] = set()
        self._routine: dict[str, int] = {}
        self._members_at: datetime | None = None
        super().__init__(
            cast("Any", _Log(server)),
            folder,
            {"api_version": server.version, "deep_listing_hours": 24, **options},
        )

    def __post_init__(self) -> None: ...

    def _place(self, version: str) -> dict[str, Any]:
        return {"api_key": Secret("key"), "project_uid": "w", "base_url": self._url}

    def _connect(self, settings: Settings, issues: IssueLog) -> Api:
        return connect(settings, issues=issues, transport=self._transport)

    def measured(self, *, lookback: timedelta | None = LOOKBACK) -> Calls:
        """Syncs once.

        Args:
            lookback: Of the fewest calls; None: lists as a whole.
        """
        now = self.server.now
        changed = [
            job
            for job in self.server.served.values()
            if self._state.get(job.uid) != (job.updated, job.rows)
        ]
        has_members = self._members_at is None or now - self._members_at >= DAY
        self._members_at = now if has_members else self._members_at
        fewest = self.server.fewest(lookback=lookback, changed=changed, members=has_members)
        self.sync_of_now()
        self._state.update({job.uid: (job.updated, job.rows) for job in changed})
        self._to_fetch.update(job.uid for job in changed if job.rows)
        return Calls(len(self.server.calls), fewest, self._deep(is_first=lookback is None))

    def _deep(self, *, is_first: bool) -> int:
        """Calls of the last sync for deep looks alone: what it read more of a list than the last
        sync without a deep look at it, and results of jobs that are skipped otherwise."""
        rows = self.rows(CHECKPOINTS.name)
        looked_at = {row["uid"] for row in rows if row["read_at"] == self.now}
        lists, added, asked = Counter[str](), 0, 0
        for path in self.server.calls:
            match path.split("/"):
                case [_, uid, "results" | "outputs"] if uid not in self._to_fetch:
                    asked += 1
                case [_, uid, "results" | "outputs"]:
                    self._to_fetch.discard(uid)
                case ["runs"] | [_, _, "jobs"]:
                    lists[path] += 1
        is_deep = False
        for path, made in lists.items():
            uids = {f"jobs of {path.split('/')[1]}"} if "/" in path else {"even", "odd"}
            if uids & looked_at:
                is_deep = True
                added += max(
                    0, made - (self._routine.get(path) or self.server.pages(LOOKBACK)[path])
                )
            else:
                self._routine[path] = made
        if is_first or not is_deep:
            return 0
        return added + asked

    def sync_of_now(self, **options: Any) -> WorldSynced:
        """Syncs once, by the clock of the server."""
        self.now = self.server.now
        return self.sync(**options)

    def kinds(self) -> Counter[str]:
        """The calls of the last sync, by the last word of their path."""
        return Counter(path.split("/")[-1] if "/" in path else path for path in self.server.calls)

    def missing(self) -> list[ServedJob]:
        """Jobs that are not loaded as the server has them."""
        return [job for job in self.server.served.values() if not self.is_loaded(job)]

    def is_loaded(self, job: ServedJob) -> bool:
        """Whether a job and its results are loaded as the server has them, each once."""
        rows = self.tables.get(JOBS.name, {}).get(("w", job.uid), [])
        results = self.tables.get(JOB_RESULTS.name, {}).get(("w", job.uid), [])
        return (
            [(row["status"], row["row_count"]) for row in rows] == [(job.status, job.counted)]
            and len(results) == job.rows
            and all(
                row["data"] == expected
                for row, expected in zip(
                    sorted(results, key=lambda row: int(row["position"])),
                    self.server.results_of(job),
                    strict=True,
                )
            )
        )

    def surplus(self) -> int:
        """Rows that are loaded beyond those of the server."""
        served = self.server.served.values()
        return (
            len(self.rows(JOBS.name))
            - len(self.server.served)
            + len(self.rows(JOB_RESULTS.name))
            - sum(job.rows for job in served)
        )


@contextmanager
def call_syncs(server: JobsServer, folder: Path, **options: Any) -> Iterator[CallSyncs]:
    """Serves, and gives syncs of it."""
    with server.serving() as url:
        yield CallSyncs(server, url, folder, **options)
