"""Syncs of other kinds than a first load: nothing new, little new, many packages, many jobs."""

from __future__ import annotations

import statistics
from dataclasses import replace

from tests.benchmarks.cases import BASE, CHANGED, FEW_WORKFLOWS, LEDGER, MANY_WORKFLOWS, Case
from tests.benchmarks.extras import Bench
from tests.benchmarks.measure import BenchError
from tests.benchmarks.pages import JOBS_PER_PAGE
from tests.benchmarks.rig import DESTINATIONS, Synced, check_contents, check_fetched

PACKAGE_SIZES = {1: 1_000_000, 20: 5_000}
"""`package_max_results` that makes so many packages of 100,000 results."""
OTHER_LISTINGS = 3
"""Calls of every sync: the workspace, its users, its workflows."""


def nothing_new(bench: Bench) -> None:
    """A second sync, of few and of many workflows."""
    for case in (FEW_WORKFLOWS, MANY_WORKFLOWS):
        _second_syncs(bench, case, f"nothing_new_{case.workflows}", bench.rounds)


def ledger(bench: Bench) -> None:
    """A second sync, where very many jobs are loaded."""
    _second_syncs(bench, LEDGER, "ledger", rounds=1)


def _second_syncs(bench: Bench, case: Case, name: str, rounds: int) -> None:
    title = f"nothing new, {case.workflows:,} workflows, {case.jobs:,} jobs"
    with bench.serving(case) as (served, expected):
        for destination in DESTINATIONS:
            with bench.rig.place(destination) as place:
                bench.rig.sync(place)
                again = [bench.rig.sync(place) for _ in range(rounds)]
                check_contents(destination, place, expected)
            for synced in again:
                check_fetched(synced, fetched=0, skipped=served.jobs)
            seconds = [bench.after_imports(synced, destination) for synced in again]
            bench.note(name, f"{title}: beyond imports", seconds, "s", destination)
            peaks = [synced.usage.peak_mb for synced in again]
            bench.note(f"{name}_peak", f"{title}: peak memory", peaks, "MB", destination)
            calls = _listing_calls(again[-1], served)
            bench.note(f"{name}_calls", f"{title}: listings read", [calls], "calls", destination)


def _listing_calls(synced: Synced, case: Case) -> float:
    """Calls of a sync with nothing new.

    Raises:
        BenchError: They are not those of the listings, each page once.
    """
    jobs = [len(range(number, case.jobs, case.workflows)) for number in range(case.workflows)]
    listings = OTHER_LISTINGS + sum(-(-count // JOBS_PER_PAGE) + 1 for count in jobs)
    calls = int(synced.report["api_calls"])
    if calls != listings:
        raise BenchError(f"{calls} calls, where the listings have {listings} pages")
    return calls


def changed(bench: Bench) -> None:
    """A sync in which 1% of the jobs have more results than before."""
    title = f"{CHANGED.changed:,} of {CHANGED.jobs:,} jobs changed"
    before = replace(CHANGED, name="unchanged", changed=0)
    for destination in DESTINATIONS:
        found = []
        for _ in range(bench.rounds):
            with bench.serving(before), bench.rig.place(destination) as place:
                bench.rig.sync(place)
                with bench.serving(CHANGED) as (case, expected):
                    synced = bench.rig.sync(place)
                check_fetched(synced, fetched=case.changed, skipped=case.jobs - case.changed)
                check_contents(destination, place, expected)
            found.append(synced)
        seconds = [bench.after_imports(synced, destination) for synced in found]
        bench.note("changed", f"{title}: beyond imports", seconds, "s", destination)
        calls = [float(synced.report["api_calls"]) for synced in found[-1:]]
        bench.note("changed_calls", f"{title}: calls", calls, "calls", destination)


def packages(bench: Bench) -> None:
    """The base case in one load package, and in 20."""
    with bench.serving(replace(BASE, name="packages")) as (_, expected):
        for destination in DESTINATIONS:
            found: dict[int, list[float]] = {number: [] for number in PACKAGE_SIZES}
            for _ in range(bench.rounds):
                for number, size in PACKAGE_SIZES.items():
                    limit = str(max(1, round(size * bench.scale)))
                    env = {"SOURCES__CAPTAINDATA__PACKAGE_MAX_RESULTS": limit}
                    with bench.rig.place(destination) as place:
                        synced = bench.rig.sync(place, env)
                        check_contents(destination, place, expected)
                    if (made := synced.report["load_packages"]) != number and bench.scale == 1:
                        raise BenchError(f"{made} packages, not {number}")
                    found[number].append(synced.usage.wall)
            for number, walls in found.items():
                title = f"{number} package{'s' if number > 1 else ''}: wall"
                bench.note(f"packages_{number}", title, walls, "s", destination)
            one, many = (statistics.median(walls) for walls in found.values())
            bench.note(
                "packages_ratio",
                "20 packages against 1",
                [many / one],
                "times",
                destination,
            )
