"""Months of syncs against an API that fails all the time: what grows, and what is there in the end.

A sync that fails may have loaded nothing of what it could see, or all. After one that does not, the
tables hold exactly what is listed. What is listed no more (an old job, a deleted workflow) they
hold as it was last seen; where failed syncs alone could have seen it change, as it was before or
after.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from captaindata_source.sandbox import World
from tests.chaos.places import Place
from tests.support.faults import Fault, Faults
from tests.support.faulty_sandbox import FaultySandbox
from tests.support.harness import Harness
from tests.support.oracle import Oracle, assert_equal
from tests.support.processes import TIME_FACTOR

SYNCS_A_DAY = 4
FAULTY = 0.05
"""Share of the answers."""
FACTOR = 100
CHECK_EVERY = 40
"""Syncs; the next that ends with exit code 0 is held against the sandbox, as the last one is."""
WORLD = {"workspaces": 1, "workflows": 5, "days": 60, "jobs_per_day": 0.2, "mean_results": 6}
MIX: tuple[Mapping[str, Any], ...] = (
    {"kind": "status", "status": 429, "headers": {"Retry-After": "20"}},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 503},
    {"kind": "reset"},
    {"kind": "reset_body"},
    {"kind": "cut"},
    {"kind": "truncate"},
    {"kind": "html"},
    {"kind": "empty"},
    {"kind": "drip", "size": 400, "seconds": 0.002},
)


@dataclass(frozen=True, slots=True)
class Tick:
    """One sync: exit code, seconds, and peak memory of its process in MB."""

    code: int
    seconds: float
    peak: float


@dataclass(frozen=True, slots=True)
class Size:
    """What dlt keeps: rows of its state in the warehouse, the longest in bytes, and the MB and
    files of its folder."""

    state_rows: int
    state_bytes: int
    folder: float
    files: int


@dataclass(slots=True)
class Soak:
    """All syncs, and what they left."""

    ticks: list[Tick] = field(default_factory=list)
    early: Size | None = None
    """After a tenth of the syncs."""
    late: Size | None = None
    faults: int = 0
    """Answers that were faulty."""
    calls: int = 0
    checks: int = 0
    """How often all tables were compared."""
    undecided: int = 0
    """Jobs and workflows that only failed syncs could have seen change, and that are not listed."""
    wrong: str = ""


class _CountedFaults(Faults):
    taken = 0

    def take(self, path: str, workspace: str | None = None) -> Fault | None:
        fault = super().take(path, workspace)
        self.taken += fault is not None
        return fault


def mix(share: float) -> list[Fault]:
    """Rules that together spoil that share of all answers, each as often as the others."""
    each = share / len(MIX)
    # a rule is asked only where those before it let the request pass
    return [
        Fault(match="", chance=each / (1 - place * each), **rule) for place, rule in enumerate(MIX)
    ]


def soak(place: Place, *, days: int, seed: int = 0) -> Soak:
    """Lets so many days pass, with four syncs each."""
    world = World(seed, **WORLD)  # type: ignore[arg-type]
    found = Soak()
    faults = _CountedFaults(mix(FAULTY), seed=seed)
    sandbox = FaultySandbox(world, faults=faults)
    with sandbox, place.harness(sandbox) as harness:
        harness.extra[TIME_FACTOR] = str(FACTOR)
        sure, every = Oracle(world), Oracle(world)
        number = days * SYNCS_A_DAY
        next_check = CHECK_EVERY
        for index in range(number):
            every.look()
            tick = _sync(harness, found)
            found.ticks.append(tick)
            if tick.code not in (0, 1):
                found.wrong = f"sync {index} ended with {tick.code}"
                return found
            if tick.code == 0:
                sure.look()
                if index >= next_check and not _is_equal(harness, sure, every, found):
                    return found
                next_check = index - index % CHECK_EVERY + CHECK_EVERY
            if index + 1 == max(1, number // 10):
                found.early = _size(harness)
            world.advance(days=1 / SYNCS_A_DAY)
        found.late = _size(harness)
        found.faults = faults.taken
        faults.clear()
        every.look()
        sure.look()
        if (last := _sync(harness, found)).code != 0:
            found.wrong = f"the last sync, without faults, ended with {last.code}"
            return found
        _is_equal(harness, sure, every, found)
    return found


def _is_equal(harness: Harness, sure: Oracle, every: Oracle, found: Soak) -> bool:
    """Compares all tables after a sync that ended with exit code 0."""
    found.undecided += _decide(harness, sure, every)
    # an oracle marks its workflows when they are gone
    every.workflows = {key: dict(flow) for key, flow in sure.workflows.items()}
    every.jobs, every.results = dict(sure.jobs), dict(sure.results)
    found.checks += 1
    try:
        assert_equal(harness, sure)
    except AssertionError as error:
        found.wrong = f"after {len(found.ticks)} syncs: {error}"
    return not found.wrong


def _sync(harness: Harness, found: Soak) -> Tick:
    log = harness.sandbox.log
    log.clear()
    begun = time.monotonic()
    process, name = harness.start(data_dir=str(_data_dir(harness)))
    code = harness.finish(process, name).code
    seconds = time.monotonic() - begun
    usage = json.loads((harness.folder / f"{name}.usage").read_text(encoding="utf-8"))
    found.calls += len(log.entries)
    tick = Tick(code, seconds, usage["peak_kb"] / 1024)
    for file in harness.folder.glob(f"{name}.*"):
        file.unlink()
    return tick


def _data_dir(harness: Harness) -> Path:
    return harness.folder / "data"


def _size(harness: Harness) -> Size:
    states = harness.database.execute("select state from _dlt_pipeline_state")
    files = [path.stat().st_size for path in _data_dir(harness).rglob("*") if path.is_file()]
    return Size(len(states), max(len(row["state"]) for row in states), sum(files) / 1e6, len(files))


def _decide(harness: Harness, sure: Oracle, every: Oracle) -> int:
    """Puts into `sure`, of what the two saw differently, what the warehouse has; says how much.

    What both saw alike stays as it is.
    """
    undecided: set[tuple[str, str]] = set()
    for key in _different(sure.workflows, every.workflows):
        undecided.add(key)
        flows = harness.rows("workflows", where=f"uid = '{key[1]}'")
        seen = every.workflows.get(key)
        if not flows:
            sure.workflows.pop(key, None)
        elif seen and all(flows[0][name] == seen[name] for name in ("steps", "is_deleted")):
            sure.workflows[key] = seen
    for key in _different(sure.jobs, every.jobs):
        undecided.add(key)
        jobs = harness.rows("jobs", where=f"uid = '{key[1]}'")
        if not jobs:
            sure.jobs.pop(key, None)
        elif (job := every.jobs.get(key)) and jobs[0]["status"] == job["status"]:
            sure.jobs[key] = job
    for key in _different(sure.results, every.results):
        undecided.add(key)
        rows = harness.rows("job_results", where=f"job_uid = '{key[1]}' order by position")
        if not rows:
            sure.results.pop(key, None)
        elif [row["data"] for row in rows] == every.results.get(key):
            sure.results[key] = every.results[key]
    return len(undecided)


def _different(
    left: Mapping[tuple[str, str], object], right: Mapping[tuple[str, str], object]
) -> list[tuple[str, str]]:
    return [key for key in {*left, *right} if left.get(key) != right.get(key)]
