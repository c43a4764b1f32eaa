"""Plain runs that are killed while they load, then run again, and the command after them."""

from __future__ import annotations

import itertools
import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import psycopg2

from captaindata_source.sandbox import World
from tests.chaos.places import Place
from tests.support import mishaps, processes
from tests.support.faulty_sandbox import FaultySandbox
from tests.support.harness import Harness
from tests.support.oracle import Oracle, assert_equal

KILLS_A_WORLD = 15
POLL_SECONDS = 0.002
LOAD_SECONDS = 0.6
"""About what the load of a package takes."""
DAYS = (1, 2, 3, 5)
"""That pass before a kill; chosen at random."""
COMMAND_EVERY = 3
"""After so many kills the command syncs too."""
SMALL_FILES = {
    mishaps.CONSTANTS: json.dumps(
        {
            "captaindata_source.extract.results.files:FILE_BYTES": 1,
            "captaindata_source.extract.results.files:ROW_GROUP_BYTES": 2_000,
        }
    )
}
"""A file takes the results of a job or two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainKill:
    """One plain run that was killed, and the runs after it.

    Args:
        keeps_folder: Whether the second run found dlt's working folder as the first left it.
        is_loading: Whether the kill hit the load.
        files: Of results in the package that was killed.
        wrong: How the tables differ, or why the second run failed; empty where all is well.
    """

    keeps_folder: bool
    is_loading: bool
    files: int
    wrong: str


def plain_kills(
    place: Place, *, number: int, jobs_per_day: float = 0.5, seed: int = 0
) -> list[PlainKill]:
    """Kills so many plain runs, each over another state of the world, and runs each again.

    Every third time, dlt's working folder is lost between the two.

    Args:
        place: Gives the databases.
        number: How many.
        jobs_per_day: Of each workflow of the worlds.
        seed: Chooses worlds, steps of their clocks, and moments.
    """
    found: list[PlainKill] = []
    for world_seed in itertools.count(seed * 1000):
        at_most = min(KILLS_A_WORLD, number - len(found))
        if at_most <= 0:
            return found
        world = World(world_seed, jobs_per_day=jobs_per_day, workflows=4, days=10, mean_results=12)
        with FaultySandbox(world) as sandbox, place.harness(sandbox) as harness:
            found += _kills_of(harness, at_most, seed=world_seed)
    return found


def _kills_of(harness: Harness, number: int, *, seed: int) -> Iterator[PlainKill]:
    rng = random.Random(seed)
    oracle = Oracle(harness.world)
    pipeline = harness.folder / "pipelines" / "own"
    for done in itertools.count(1):
        oracle.look(harness.world.workspaces[0])
        is_loading, files = _kill(harness, pipeline, rng.uniform(0, LOAD_SECONDS))
        keeps_folder = done % 3 != 0
        if not keeps_folder:
            shutil.rmtree(pipeline.parent)
        wrong = _run_again(harness, oracle)
        if not wrong and (done % COMMAND_EVERY == 0 or done == number):
            wrong = _sync(harness, oracle)
        yield PlainKill(keeps_folder=keeps_folder, is_loading=is_loading, files=files, wrong=wrong)
        if wrong or done == number:
            return  # what follows would only say so again
        harness.world.advance(days=rng.choice(DAYS))


def _kill(harness: Harness, pipeline: Path, after: float) -> tuple[bool, int]:
    """Kills a run so many seconds after its load began: whether it hit the load, and how many files
    of results the package has."""
    process, _ = harness.start_plainly(**SMALL_FILES)
    packages = pipeline / "load" / "normalized"
    while process.exitcode is None and not any(packages.glob("*/")):
        process.join(POLL_SECONDS)
    files = len(list(packages.glob("*/*_jobs/job_results.*.parquet")))
    process.join(after)
    is_loading = process.exitcode is None and any(packages.glob("*/"))
    process.kill()
    process.join()
    return is_loading, files


def _run_again(harness: Harness, oracle: Oracle) -> str:
    process, name = harness.start_plainly(**SMALL_FILES)
    try:
        completed = processes.finish(process, folder=harness.folder, name=name)
    except TimeoutError as error:
        return str(error)
    if completed.code:
        return f"exit {completed.code}: {completed.stderr[-2000:]}"
    return _difference(harness, oracle)


def _sync(harness: Harness, oracle: Oracle) -> str:
    config = harness.config(harness.world.workspaces[0])
    synced = harness.finish(*harness.start(configs=[config]))
    if synced.code:
        return f"captaindata sync, exit {synced.code}: {synced.summary}"
    return _difference(harness, oracle)


def _difference(harness: Harness, oracle: Oracle) -> str:
    try:
        assert_equal(harness, oracle)
    except (AssertionError, duckdb.Error, psycopg2.Error) as error:
        return str(error) or type(error).__name__
    return ""
