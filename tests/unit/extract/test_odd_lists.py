"""Lists of jobs that are odd: nothing is missing for longer than a day, and nothing is doubled."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.calls_made import CallSyncs
from tests.support.odd_jobs_server import OddJobsServer

HOUR = timedelta(hours=1)
DAY = 24 * HOUR
HOURS = 10
"""Of changes; a day without follows."""
STEP = 3 * HOUR
"""Between syncs then."""


class Lists:
    """Hourly syncs of a server that changes between them."""

    def __init__(self, folder: Path, **server: Any) -> None:
        options = {"workflows": 2, "jobs": 40, "every": 6 * HOUR, "page_size": 10, **server}
        self.server = OddJobsServer(**options)
        self.syncs = CallSyncs(self.server, None, folder)
        self._chance = random.Random(1)

    def change(self) -> None:
        """Retries a job, and adds one of the past and two of the same moment."""
        server, chance = self.server, self._chance
        reach = 40 if server.version == "v3" else 2
        since = server.now - reach * DAY
        job = chance.choice([job for job in server.served.values() if job.started > since])
        server.retry(job, rows=chance.choice([rows for rows in range(4) if rows != job.rows]))
        server.add(0, server.now - chance.random() * reach * DAY)
        for _ in range(2):
            server.add(1)

    def sync(self) -> None:
        """Syncs, and looks whether what changed more than a day ago is there."""
        self.syncs.sync_of_now()
        late = [job for job in self.syncs.missing() if self.server.now - job.changed > DAY + STEP]
        assert not late

    def kill(self, *, after: int) -> None:
        """A sync that ends after so many calls, before anything is loaded."""
        before = {name: dict(rows) for name, rows in self.syncs.tables.items()}
        self.server.fails_after = after
        with pytest.raises(KeyboardInterrupt):
            self.syncs.sync_of_now()
        self.server.fails_after = None
        self.syncs.tables = before

    def settle(self) -> None:
        """Syncs for a day without changes: all must be there then."""
        for _ in range(DAY // STEP + 1):
            self.server.now += STEP
            self.sync()
        assert not self.syncs.missing()
        assert not self.syncs.surplus()


def later(odd: dict[str, Any]) -> Any:
    return pytest.param(odd, marks=pytest.mark.integration)


@pytest.mark.parametrize(
    "odd",
    [
        {"without_start": 3},
        later({"without_start": 1}),
        later({"hides": ("start_time",)}),
        {"hides": ("finish_time",)},
        {"rounds_to": DAY},
        {"beyond": "404"},
        {"beyond": "repeat", "order": "oldest"},
        later({"beyond": "repeat", "page_size": 1_000}),
        {"skew": 5 * DAY},
        later({"skew": -60 * DAY}),
        {"version": "v4", "skew": 5 * DAY},
        later({"version": "v4", "skew": -5 * DAY}),
        later({"order": "none", "beyond": "404"}),
        later({"version": "edges"}),
    ],
    ids=str,
)
def test_nothing_is_missing_for_long(tmp_path: Path, odd: dict[str, Any]) -> None:
    lists = Lists(tmp_path, **odd)
    lists.sync()
    for hour in range(HOURS):
        lists.server.advance(HOUR)
        if hour % 3 == 0:
            lists.change()
        lists.sync()
    lists.settle()


def test_pages_of_another_size_each_hour(tmp_path: Path) -> None:
    lists = Lists(tmp_path, order="none")
    lists.sync()
    for size in (20, 5, 50, 10, 7, 1_000, 3, 10):
        lists.server.page_size = size
        lists.server.advance(HOUR)
        lists.change()
        lists.sync()
    lists.settle()


def test_another_order_each_hour(tmp_path: Path) -> None:
    lists = Lists(tmp_path)
    lists.sync()
    for order in ("oldest", "newest", "none", "newest"):
        lists.server.order = order
        lists.server.advance(HOUR)
        lists.change()
        lists.sync()
    lists.settle()


@pytest.mark.parametrize("version", ["v3", "v4"])
def test_syncs_that_are_killed_between_lists(tmp_path: Path, version: str) -> None:
    lists = Lists(tmp_path, version=version, workflows=4)
    lists.kill(after=6)
    lists.sync()
    for after in (1, 3, 4, 5):
        lists.server.advance(HOUR)
        lists.change()
        lists.kill(after=after if version == "v3" else 2)
        lists.sync()
    lists.settle()


def test_lists_whose_window_moves_become_shorter(tmp_path: Path) -> None:
    lists = Lists(tmp_path, jobs=60, every=DAY)
    lists.sync()
    lists.server.every = 1_000 * DAY  # no new jobs
    for _ in range(20):
        lists.server.advance(DAY)
        lists.sync()
    assert len(lists.server.listed("w0")) < 60
    lists.settle()
    (row,) = {row["is_deleted"] for row in lists.syncs.rows("jobs")}
    assert row is False
