"""`failing_workflows.is_slower`: how often it is wrong, over workflows whose durations are known.

Each workflow has 10 recent runs, and earlier runs with durations of one distribution. Of those that
did not change, few may be listed; of those that take twice as long, most must be, where the spread
allows it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from captaindata_source.tables import JOBS
from tests.support.databases import Database, DuckDb, Postgres, Row, open_file
from tests.support.raw_tables import create_raw_tables, create_views, insert, view_rows
from tests.support.slowness import times_as_long

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = timedelta(hours=7)
"""Runs go around the clock."""
WORKFLOWS = 80
RECENT = 10
Durations = Callable[[Random, datetime], float]
"""Seconds that a run takes, by its start."""


def lognormal(sigma: float) -> Durations:
    return lambda random, _: 600 * random.lognormvariate(0, sigma)


def gamma(shape: float) -> Durations:
    return lambda random, _: 600 * random.gammavariate(shape, 1 / shape)


def peaks(share: float, times: float) -> Durations:
    """Some runs take a multiple of the time of the others."""
    return lambda random, _: (
        600 * random.lognormvariate(0, 0.2) * (times if random.random() < share else 1)
    )


def nights(times: float, until: int = 6) -> Durations:
    """Runs take a multiple of the time in the first hours of a day."""
    return lambda random, start: (
        600 * random.lognormvariate(0, 0.3) * (times if start.hour < until else 1)
    )


UNCHANGED: dict[str, Durations] = {
    **{f"lognormal {sigma}": lognormal(sigma) for sigma in (0.3, 0.4, 0.5, 0.6, 0.7)},
    **{f"gamma {shape}": gamma(shape) for shape in (1, 2, 4, 10)},
    "two peaks": peaks(0.5, 3),
    "a second peak": peaks(0.3, 5),
    "a rare peak": peaks(0.1, 20),
    "night": nights(3, until=8),
    "half a day": nights(2, until=12),
    "a few hours": nights(10, until=4),
}
DOUBLED = {
    ("lognormal 0.3", 10): lognormal(0.3),
    ("lognormal 0.4", 20): lognormal(0.4),
    ("lognormal 0.5", 60): lognormal(0.5),
    ("gamma 10", 20): gamma(10),
    ("night", 60): nights(3, until=8),
    ("half a day", 60): nights(2, until=12),
}
"""With the number of earlier runs from which a doubling is seen."""
SIZES = (6, 30)


def test_few_workflows_that_did_not_change_are_listed_and_most_that_doubled(
    tmp_path: Path,
) -> None:
    database = DuckDb(tmp_path)
    database.hold()
    try:
        found = listed(database, world(WORKFLOWS))
    finally:
        database.release()
    for name in UNCHANGED:
        wrong = sum(found[f"{name}/{size}"] for size in SIZES)
        assert wrong < 0.02 * WORKFLOWS * len(SIZES), name
    for name, size in DOUBLED:
        assert found[f"twice {name}/{size}"] > 0.9 * WORKFLOWS, (name, size)


def test_the_same_workflows_are_listed_on_both_databases(
    tmp_path: Path, postgres_folder: Path
) -> None:
    jobs = [run for run in world(4) if run["workspace_uid"].endswith(("/6", "/20"))]
    judged = []
    for database in (DuckDb(tmp_path), Postgres(postgres_folder)):
        create_raw_tables(database)
        for some in range(0, len(jobs), 500):
            insert(database, JOBS, jobs[some : some + 500])
        create_views(database)
        found = view_rows(database, "failing_workflows")
        judged.append(sorted(map(repr, found)))
        assert {
            (row["workspace_id"], row["workflow_id"]): row["times_as_long"] for row in found
        } == dict(slower_of(jobs))
    assert judged[0] == judged[1]
    assert len(judged[0]) >= 5


def slower_of(jobs: Iterable[Row]) -> Iterator[tuple[tuple[str, str], float | None]]:
    """The workflows that are slower, and how many times as long they take."""
    found: dict[tuple[str, str], list[Row]] = {}
    for run in jobs:
        seconds = (run["finish_time"] - run["start_time"]).total_seconds()
        timed = {"run_at": run["start_time"], "duration_seconds": seconds}
        found.setdefault((run["workspace_uid"], run["workflow_uid"]), []).append(timed)
    for key, timed_runs in found.items():
        longer, is_slower = times_as_long(timed_runs[-RECENT:], timed_runs[:-RECENT])
        if is_slower:
            yield key, longer


@pytest.mark.parametrize(
    ("earlier", "recent", "times"),
    [
        ([60.0] * 5, [120.0] * 10, 2.0),
        ([60.0] * 5, [90.0] * 10, None),  # not over 1.5
        ([60.0] * 5, [90.1] * 10, 1.502),
        ([60.0] * 4, [120.0] * 10, None),  # too few
        ([0.0] * 9, [1.0] * 10, None),  # below a second
        ([200.0] * 80 + [60.0] * 100, [120.0] * 10, None),  # all earlier runs count
        ([60.0] * 30, [60.0] * 8 + [9e5] * 2, None),  # two that hung
    ],
)
def test_a_few_durations(
    database: Database, earlier: list[float], recent: list[float], times: float | None
) -> None:
    create_raw_tables(database)
    starts = [BEGIN + timedelta(days=n) for n in range(len(earlier) + len(recent))]
    insert(database, JOBS, runs("a", "w", zip(starts, earlier + recent, strict=True)))
    create_views(database)
    found = [row["times_as_long"] for row in view_rows(database, "failing_workflows")]
    assert found == ([] if times is None else [times])


def test_runs_of_a_time_of_day_that_was_not_seen_before_are_not_judged(
    database: Database,
) -> None:
    create_raw_tables(database)
    by_day = [(BEGIN + timedelta(days=n, hours=4), 60.0) for n in range(20)]
    by_night = [(BEGIN + timedelta(days=n, hours=15), 180.0) for n in range(20, 30)]
    earlier_nights = [(BEGIN + timedelta(days=n, hours=15), 180.0) for n in range(5)]
    insert(database, JOBS, runs("a", "new at night", [*by_day, *by_night]))
    insert(database, JOBS, runs("a", "always slow at night", [*by_day, *by_night, *earlier_nights]))
    slower = [(start, 400.0) for start, _ in by_night]
    insert(database, JOBS, runs("a", "slower", [*by_day, *slower, *earlier_nights]))
    # slower all day: its runs of that day are not what they are compared with
    one_day = [(BEGIN + timedelta(days=20, hours=n), 400.0) for n in range(12)]
    insert(database, JOBS, runs("a", "slower all day", [*by_day, *one_day]))
    # the nearest third, but at least five, of those about that time
    recent = [(BEGIN + timedelta(days=n, hours=4), 150.0) for n in range(40, 50)]
    at_four = [(BEGIN + timedelta(days=n, hours=4), 60.0) for n in range(10)]
    at_eight = [(BEGIN + timedelta(days=n, hours=8), 400.0) for n in range(20)]
    insert(database, JOBS, runs("a", "slower at four", [*at_four, *at_eight, *recent]))
    insert(database, JOBS, runs("a", "few at four", [*at_four[:2], *at_eight[:4], *recent]))
    # of the recent runs too few can be compared
    known = [(BEGIN + timedelta(days=n, hours=4), 400.0) for n in range(20, 27)]
    insert(database, JOBS, runs("a", "some at night", [*by_day, *known, *slower[7:]]))
    few = runs("a", "few durations", [*by_day, *known[:4], *slower[4:]])
    insert(database, JOBS, few[:25])
    insert(database, JOBS, [{**run, "finish_time": None} for run in few[25:]])
    create_views(database)
    rows = view_rows(database, "failing_workflows", columns="workflow_id, times_as_long")
    assert {row["workflow_id"]: row["times_as_long"] for row in rows} == {
        "slower": 2.222,
        "slower all day": 6.667,
        "slower at four": 2.5,
    }


def world(count: int) -> Iterator[Row]:
    """Runs of `count` workflows of each kind; the workspace is named after the kind."""
    kinds: dict[str, tuple[Durations, int, float]] = {
        f"{name}/{size}": (durations, size, 1)
        for name, durations in UNCHANGED.items()
        for size in SIZES
    }
    kinds |= {f"twice {name}/{size}": (kind, size, 2) for (name, size), kind in DOUBLED.items()}
    for kind, (durations, earlier, factor) in kinds.items():
        random = Random(kind)
        for number in range(count):
            begin = BEGIN + timedelta(hours=random.randrange(24))
            starts = [begin + EVERY * n for n in range(earlier + RECENT)]
            yield from runs(
                kind,
                f"w{number}",
                (
                    (start, durations(random, start) * (1 if n < earlier else factor))
                    for n, start in enumerate(starts)
                ),
            )


def runs(workspace: str, workflow: str, timed: Iterable[tuple[datetime, float]]) -> list[Row]:
    return [
        {
            "workspace_uid": workspace,
            "uid": f"{workflow}-{start:%m%d%H}",
            "workflow_uid": workflow,
            "status": "finished",
            "start_time": start,
            "finish_time": start + timedelta(seconds=math.floor(seconds * 1000) / 1000),
        }
        for start, seconds in timed
    ]


def listed(database: DuckDb, jobs: Iterable[Row]) -> Counter[str]:
    """How many workflows of each workspace the view lists as slower."""
    create_raw_tables(database)
    create_views(database)
    names = ("workspace_uid", "uid", "workflow_uid", "status", "start_time", "finish_time")
    columns: list[list[Any]] = [
        list(each) for each in zip(*(run.values() for run in jobs), strict=True)
    ]
    table = pa.table(dict(zip(names, columns, strict=True)))
    with open_file(database.path) as connection:
        connection.register("runs_to_add", table)
        connection.execute(f"insert into {database.dataset}.jobs by name select * from runs_to_add")
        connection.unregister("runs_to_add")
    found = view_rows(database, "failing_workflows", columns="workspace_id", where="is_slower")
    return Counter(row["workspace_id"] for row in found)
