"""The ways to load all results, each measured in a fresh process and then compared."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.benchmarks.cases import BASE, SMALL, Case
from tests.benchmarks.measure import BenchError, TooLargeError, Usage
from tests.benchmarks.records import AGAIN, Records, Run
from tests.benchmarks.rig import (
    DESTINATIONS,
    PYTHON,
    Expected,
    Place,
    Rig,
    check_contents,
    check_fetched,
    progress,
)

HERE = Path(__file__).parent
TITLES = {
    "duckdb": "captaindata sync, DuckDB",
    f"duckdb{AGAIN}": "  the same again, nothing new",
    "postgres": "captaindata sync, Postgres",
    f"postgres{AGAIN}": "  the same again, nothing new",
    "defaults": "rest_api, defaults, append, DuckDB",
    "append": "rest_api, tuned, append, DuckDB",
    "merge": "rest_api, tuned, merge, DuckDB",
    "floor-duckdb": "floor, DuckDB",
    "floor-postgres": "floor, Postgres",
    "reqwest-floor-duckdb": "floor by reqwest, DuckDB",
    "reqwest-floor-postgres": "floor by reqwest, Postgres",
    "fetch": "fetching alone, no insert",
}
WAYS = tuple(way for way in TITLES if not way.endswith(AGAIN))
RIVALS = ("defaults", "append", "merge")
RIVAL_MOST_MB = 16_000
TWO_CASES = {"defaults": "it takes minutes", "append": "it does less than we do"}
"""Ways that are run in the base case and with 10,000 results, and why not in the others."""
FLOORS = {
    "floor-duckdb": ("duckdb", ""),
    "floor-postgres": ("postgres", ""),
    "reqwest-floor-duckdb": ("duckdb", "reqwest"),
    "reqwest-floor-postgres": ("postgres", "reqwest"),
    "fetch": ("none", ""),
}
"""Where each floor loads, and by which client if not by httpx."""


def reason_not_to_run(way: str, case: Case) -> str | None:
    """Why a way is left out of a case; None: it is run."""
    if way in TWO_CASES and case.name not in (BASE.name, SMALL.name):
        return TWO_CASES[way]
    return None


def measure_imports(rig: Rig, records: Records, way: str, times: int) -> None:
    """Measures how long a way's imports take."""
    if way in records.imports:
        return
    walls = []
    for _ in range(times):
        with rig.place("duckdb") as place:
            usage, _output = rig.run([PYTHON, str(HERE / "imports.py"), way], place)
        walls.append(usage.wall)
    records.imports[way] = walls
    records.save()


def measure_way(
    rig: Rig, records: Records, way: str, case: Case, expected: Expected, number: int
) -> None:
    """Measures one load, and for ours a second with nothing new; adds them to the records.

    Args:
        way: One of WAYS.
        case: The case that is served.
        expected: What a load has to bring.
        number: Of the round.
    """
    if reason := reason_not_to_run(way, case):
        records.add_run(Run(case=case.name, way=way, round=number, not_run=reason))
        return
    attempt = partial(_attempt, records, case, number)
    with rig.place("postgres" if way.endswith("postgres") else "duckdb") as place:
        if way in DESTINATIONS:
            first, again = (
                partial(_sync, rig, way, case, expected, place, is_again=is_again)
                for is_again in (False, True)
            )
            if attempt(way, first):
                attempt(f"{way}{AGAIN}", again)
        elif way in RIVALS:
            attempt(way, partial(_rival, rig, way, expected, place))
        else:
            attempt(way, partial(_floor, rig, way, case, expected, place))


def _attempt(
    records: Records, case: Case, number: int, way: str, load: Callable[[], Usage]
) -> bool:
    title = TITLES[way].strip()
    try:
        usage = load()
    except TooLargeError as error:
        progress(f"{title}: {error}")
        records.add_run(Run(case=case.name, way=way, round=number, not_run=str(error)))
        return False
    except BenchError as error:
        progress(f"{title}: FAILED: {error}")
        records.add_run(Run(case=case.name, way=way, round=number, failure=str(error)))
        return False
    progress(f"{title}: {usage.wall:.2f} s, {usage.cpu:.2f} s CPU, {usage.peak_mb:,.0f} MB")
    records.add_run(Run(case=case.name, way=way, round=number, usage=usage))
    return True


def _sync(
    rig: Rig, way: str, case: Case, expected: Expected, place: Place, *, is_again: bool
) -> Usage:
    synced = rig.sync(place)
    fetched = 0 if is_again else case.jobs
    check_fetched(synced, fetched=fetched, skipped=case.jobs - fetched)
    check_contents(way, place, expected)
    return synced.usage


def _rival(rig: Rig, way: str, expected: Expected, place: Place) -> Usage:
    command = [PYTHON, str(HERE / "rest_api_rival.py"), rig.base_url, way]
    usage, _ = rig.run(command, place, most_mb=RIVAL_MOST_MB)
    check_contents(way, place, expected)
    return usage


def _floor(rig: Rig, way: str, case: Case, expected: Expected, place: Place) -> Usage:
    script, sizes = str(HERE / "floor.py"), (str(case.jobs), str(case.pages))
    destination, client = FLOORS[way]
    arguments = [script, rig.base_url, *sizes, destination, place.address, client]
    usage, _ = rig.run([PYTHON, *arguments], place)
    if destination != "none":
        check_contents(way, place, expected)
    return usage
