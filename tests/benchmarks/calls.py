"""Counts the calls of syncs against the fewest that would do: `make bench-calls`.

    python -m tests.benchmarks.calls [--part loads|days] [--api v3|v4|edges] [--days 30]

The real API, plan and extraction run against `tests.support.jobs_server`, without sockets and
without a database. Each world is a process.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.tables import align
from tests.support.calls_made import LOOKBACK, Calls, CallSyncs
from tests.support.jobs_server import JobsServer, Order, ServedJob

PARTS = ("loads", "days")
APIS = ("v3", "v4", "edges")
PAGE_SIZES = (50, 20, 1_000)
ORDERS: tuple[Order, ...] = ("newest", "oldest", "none")
DAYS = 30
HOUR = timedelta(hours=1)
OLD = timedelta(days=21)
"""So old are jobs that are retried."""
RETRIED_EVERY = 5
"""Days between two of them."""
UNCHANGED = 2
"""Days at the end without one: a deep look finds them within a day."""
FIRST_BOUND, BOUND = 1.05, 1.2
"""Of calls made to the fewest, on v4 and on lists that are newest first."""
STALE_HOURS = 25
HEADER = (
    *("", "syncs", "calls", "fewest", "ratio", "deep looks", "whole lists", "most", "stale h"),
    "wrong",
)
LEGEND = (
    "Calls: without those of deep looks. Whole lists: pages of all lists at the end. Most: calls "
    "of one sync, deep looks\nincluded. Stale: hours until the last change of a job was loaded, at "
    "worst. Wrong: jobs that were not loaded\nas the server has them in the end, and rows too many."
)


class World(NamedTuple):
    """A server: version of the API, and of v3 the order and pages of its lists."""

    api: str
    order: Order = "newest"
    page_size: int = 50

    @property
    def title(self) -> str:
        if self.api != "v3":
            return self.api
        order = "in no order" if self.order == "none" else f"{self.order} first"
        return f"v3, {order}, pages of {self.page_size:,}"

    @property
    def is_bound(self) -> bool:
        return self.order == "newest"


WORLDS = (
    *(World("v3", order, size) for order in ORDERS for size in PAGE_SIZES),
    World("v4"),
    World("edges"),
)


@dataclass(slots=True)
class Counted:
    """What syncs of a scenario took; see `HEADER`."""

    world: World
    scenario: str
    syncs: int = 0
    made: int = 0
    fewest: int = 0
    deep: int = 0
    whole: int = 0
    most: int = 0
    stale: timedelta | None = None
    wrong: int = 0

    def add(self, calls: Calls) -> None:
        self.syncs += 1
        self.made += calls.made - calls.deep
        self.fewest += calls.fewest
        self.deep += calls.deep
        self.most = max(self.most, calls.made)

    def end(self, syncs: CallSyncs) -> Counted:
        """Sees what is loaded at the end."""
        self.whole = sum(syncs.server.pages(None).values())
        self.wrong = len(syncs.missing()) + abs(syncs.surplus())
        return self

    @property
    def ratio(self) -> float:
        return self.made / self.fewest

    @property
    def exceeded(self) -> str | None:
        """What is worse than it should be."""
        bound = FIRST_BOUND if self.scenario == "first load" else BOUND
        found = []
        if self.world.is_bound and self.ratio > bound:
            found.append(f"{self.ratio:.3f} times the fewest calls, at most {bound}")
        if self.stale is not None and self.stale > STALE_HOURS * HOUR:
            found.append(f"a change was seen after {self.stale / HOUR:.1f} h")
        if self.wrong:
            found.append(f"{self.wrong} jobs or rows are wrong")
        return f"{self.world.title}, {self.scenario}: {'; '.join(found)}" if found else None

    def cells(self) -> list[str]:
        stale = "" if self.stale is None else f"{self.stale / HOUR:.1f}"
        numbers = (self.deep, self.whole, self.most)
        return [
            *(f"  {self.scenario}", str(self.syncs), f"{self.made:,}", f"{self.fewest:,}"),
            *(f"{self.ratio:.2f}", *(f"{number:,}" for number in numbers), stale, str(self.wrong)),
        ]


def loads(world: World, folder: Path) -> Iterator[Counted]:
    """20 workflows of 300 jobs, two thirds of them without results: three syncs."""
    server = _server(world, workflows=20, jobs=300, every=timedelta(hours=4), failed=7)
    syncs = CallSyncs(server, None, folder)
    yield _once(syncs, world, "first load", lookback=None)
    server.now += timedelta(minutes=5)
    yield _once(syncs, world, "nothing new")
    server.now += timedelta(minutes=5)
    for number in range(server.workflows):
        server.retry(server.add(number), rows=2)
    yield _once(syncs, world, "a new job per workflow")


def hourly_jobs(world: World, folder: Path) -> Iterator[Counted]:
    """20 workflows of a job each hour over the two months that the API lists."""
    syncs = CallSyncs(_server(world, workflows=20, jobs=1_440, every=HOUR), None, folder)
    syncs.measured(lookback=None)
    syncs.server.now += timedelta(minutes=5)
    yield _once(syncs, world, "nothing new, hourly jobs over two months")


def days(world: World, folder: Path, *, number: int, every: timedelta) -> Counted:
    """Syncs on a schedule; four workflows of a job each twelve hours, old ones are retried."""
    schedule = "hourly" if every == HOUR else "daily"
    counted = Counted(world, f"{number} days, {schedule}", stale=timedelta())
    server = _server(world, workflows=4, jobs=120, every=12 * HOUR)
    syncs = CallSyncs(server, None, folder)
    syncs.measured(lookback=None)
    begin, chance, retried = server.now, random.Random(1), 0
    pending: dict[str, ServedJob] = {}
    while server.now < begin + timedelta(days=number):
        before = server.now
        server.advance(every / 2)
        day = (server.now - begin).days
        if retried * RETRIED_EVERY <= day < number - UNCHANGED:
            old = [job for job in server.served.values() if _is_old(job, server)]
            server.retry(chance.choice(old), rows=chance.randrange(5))
            retried += 1
        server.advance(every / 2)
        pending |= {job.uid: job for job in server.served.values() if job.changed >= before}
        counted.add(syncs.measured())
        for job in [job for job in pending.values() if syncs.is_loaded(job)]:
            del pending[job.uid]
            counted.stale = max(counted.stale or timedelta(), server.now - job.changed)
    return counted.end(syncs)


def count(world: World, part: str, number: int) -> list[Counted]:
    """Counts a part in a world."""
    with tempfile.TemporaryDirectory(prefix="captaindata-calls-") as name:
        folder = Path(name)
        if part == "days":
            return [days(world, folder, number=number, every=each) for each in (HOUR, 24 * HOUR)]
        found = [*loads(world, folder)]
        if world in (WORLDS[0], World("v4")):
            found += hourly_jobs(world, folder)
        return found


def as_text(found: Sequence[Counted]) -> str:
    """Everything, for people."""
    rows = [list(HEADER)]
    title = None
    for each in found:
        if each.world.title != title:
            title = each.world.title
            rows += [[""], [title]]
        rows.append(each.cells())
    return f"{align(rows)}\n{LEGEND}"


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="calls", description="Count the calls of syncs.")
    add = parser.add_argument
    add("--part", action="append", choices=PARTS, help="this part only (repeatable)")
    add("--api", action="append", choices=APIS, help="this version only (repeatable)")
    add("--days", type=int, default=DAYS, help=f"simulated days (default {DAYS})")
    add("--processes", type=int, default=os.cpu_count(), help="at once (default: one per core)")
    add("--json", type=Path, metavar="FILE", help="gets all numbers as JSON")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 if a bound was exceeded or something is wrong at the end."""
    options = build_parser().parse_args(arguments)
    worlds = [world for world in WORLDS if world.api in (options.api or APIS)]
    parts = [part for part in PARTS if part in (options.part or PARTS)]
    found: list[Counted] = []
    with ProcessPoolExecutor(options.processes) as pool:
        calls = [
            pool.submit(count, world, part, options.days) for part in parts for world in worlds
        ]
        for call in calls:
            counted = call.result()
            for each in counted:
                print(each.world.title, *each.cells(), sep=" ", file=sys.stderr, flush=True)
            found += counted
    print(as_text(found))
    if options.json is not None:
        rows = [{**asdict(each), "world": each.world._asdict()} for each in found]
        options.json.write_text(json.dumps(rows, default=str, indent=1))
    exceeded = [each.exceeded for each in found if each.exceeded]
    print(*exceeded, sep="\n")
    return 1 if exceeded else 0


def _server(world: World, **options: object) -> JobsServer:
    make: Callable[..., JobsServer] = JobsServer
    return make(version=world.api, order=world.order, page_size=world.page_size, **options)


def _once(
    syncs: CallSyncs, world: World, scenario: str, *, lookback: timedelta | None = LOOKBACK
) -> Counted:
    counted = Counted(world, scenario)
    counted.add(syncs.measured(lookback=lookback))
    return counted.end(syncs)


def _is_old(job: ServedJob, server: JobsServer) -> bool:
    return timedelta() <= server.now - OLD - job.started <= timedelta(days=3)


if __name__ == "__main__":
    sys.exit(main())
