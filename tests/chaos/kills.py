"""Syncs that are killed at random moments, then run again: nothing stuck, lost or doubled."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import duckdb
import psycopg2

from captaindata_source.sandbox import Generation, LoggedRequest, World
from tests.chaos.phases import AFTER, BETWEEN, RESULTS, litter, phase_of
from tests.chaos.places import Place
from tests.chaos.striking import Killed, Syncs
from tests.support.faulty_sandbox import FaultySandbox
from tests.support.harness import PARALLEL_REQUESTS, Harness
from tests.support.oracle import Oracle, assert_equal

KILLS_A_WORLD = 20
"""Then world and database are made anew: a world is slower the older it is."""
PACKAGE_RESULTS = 10
LOAD_SECONDS = 0.4
"""About what the load of a package takes."""
DAYS = (0.5, 1, 2, 3, 5)
"""That pass before a kill; chosen at random."""
JOBS_PER_DAY = 0.5
"""Of each workflow; each package takes the results of a job or two."""
WORLD = {"workflows": 4, "days": 10, "mean_results": 6}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One sync that was killed, and the one after it.

    Args:
        phase: In which it hit; one of `phases.PHASES`.
        keeps_folder: Whether the second found dlt's working folder as the first left it.
        stuck: Why the second was not the end of it; empty where it was.
        wrong: How the tables differ from what the sandbox holds; empty where they don't.
        litter: What is left in dlt's working folder for good, as paths.
        listing: Calls but for results that the two made beyond those of a sync without a kill.
        results: Calls for results beyond.
        is_beyond: Whether more results were fetched twice than fit in what may be lost.
    """

    phase: str
    keeps_folder: bool
    stuck: str
    wrong: str
    litter: list[str]
    listing: int
    results: int
    is_beyond: bool


def kills(
    place: Place,
    *,
    number: int,
    has_twin: bool = True,
    is_aimed: bool = False,
    jobs_per_day: float = JOBS_PER_DAY,
    seed: int = 0,
) -> list[Kill]:
    """Kills so many syncs, each over another state of the world, and runs each again.

    Every other time, dlt's working folder is lost between the two.

    Args:
        place: Gives the databases.
        number: How many.
        has_twin: Whether each sync first runs, without a kill, into a database of its own: that
            tells how long it takes, and which calls it makes. Without, the sync before tells.
        is_aimed: Whether they hit loads alone, where a moment's difference matters most, instead of
            any moment alike.
        jobs_per_day: Of each workflow of the worlds: how many packages a sync has.
        seed: Chooses worlds, steps of their clocks, and moments.
    """
    found: list[Kill] = []
    for world_seed in itertools.count(seed * 1000):
        if len(found) >= number:
            break
        world = World(
            world_seed,
            workspaces=1 + world_seed % 2,
            jobs_per_day=jobs_per_day,
            **WORLD,  # type: ignore[arg-type]
        )
        at_most = min(KILLS_A_WORLD, number - len(found))
        found += _kills_in_a_world(
            place, world, world_seed, at_most, has_twin=has_twin, is_aimed=is_aimed
        )
    return found


def _kills_in_a_world(
    place: Place, world: World, seed: int, number: int, *, has_twin: bool, is_aimed: bool
) -> Iterator[Kill]:
    rng = random.Random(seed)
    versions = _versions(world, seed)
    with FaultySandbox(world) as sandbox, ExitStack() as stack:
        oracle = Oracle(world, versions=versions)
        struck, unhurt = (
            Syncs(
                stack.enter_context(place.harness(sandbox)),
                package_results=PACKAGE_RESULTS,
                versions=versions,
            )
            for _ in range(2)
        )
        twin = unhurt if has_twin else None
        clean: list[LoggedRequest] | None = None
        oracle.look()
        seconds = 0.0 if twin else struck.run()[1]
        done = 0
        while done < number:
            if twin:
                clean, seconds = twin.run()
            else:
                world.advance(days=rng.choice(DAYS))
                oracle.look()
            if is_aimed:
                killed = struck.kill(rng.uniform(0, LOAD_SECONDS), load=rng.choice((0, 0, 1)))
            else:
                killed = struck.kill(rng.uniform(0, seconds))
            if killed is None:
                struck.run()
            else:
                done += 1
                keeps_folder = (seed + done) % 2 == 0
                kill, seconds = _run_again(struck, killed, oracle, clean, keeps_folder=keeps_folder)
                yield kill
                if kill.stuck or kill.wrong:
                    return  # what follows would only say so again
            if twin:
                world.advance(days=rng.choice(DAYS))
                oracle.look()


def _versions(world: World, seed: int) -> dict[str, Generation]:
    """Every other workspace is read through v4."""
    return {
        workspace.uid: "v4" for workspace in world.workspaces if (seed + workspace.index) % 2 == 0
    }


def _run_again(
    syncs: Syncs,
    killed: Killed,
    oracle: Oracle,
    clean: Sequence[LoggedRequest] | None,
    *,
    keeps_folder: bool,
) -> tuple[Kill, float]:
    """Ends a killed sync; also gives the seconds of the second.

    Without `clean`, a sync without a kill counts as one that makes each of their calls once.
    """
    phase = phase_of(killed.folder, killed.requests, loaded_before=killed.loaded_before)
    if not keeps_folder:
        syncs.lose_folder()
    stuck, after, seconds = syncs.end()
    if phase == BETWEEN and not _results(after):
        phase = AFTER
    made = [*killed.requests, *after]
    clean = clean or list({(r.workspace_uid, r.path, r.query): r for r in made}.values())
    kill = Kill(
        phase=phase,
        keeps_folder=keeps_folder,
        stuck=stuck,
        wrong="" if stuck else _difference(syncs.harness, oracle),
        litter=litter(syncs.folder),
        listing=len(_listing(made)) - len(_listing(clean)),
        results=len(_results(made)) - len(_results(clean)),
        is_beyond=_is_beyond(killed.requests, after, oracle, packages=1 if keeps_folder else 2),
    )
    return kill, seconds


def _difference(harness: Harness, oracle: Oracle) -> str:
    try:
        assert_equal(harness, oracle)
    except (AssertionError, duckdb.Error, psycopg2.Error) as error:
        return str(error) or type(error).__name__
    return ""


def _is_beyond(
    before: Sequence[LoggedRequest],
    after: Sequence[LoggedRequest],
    oracle: Oracle,
    *,
    packages: int,
) -> bool:
    """A job is handed out while its package is not full, that is, all but those in flight have
    fewer results together than a package takes. One package is being fetched while another one is
    loaded, which is lost too where the folder is."""
    again = {key: len(oracle.results.get(key, ())) for key in _jobs(before) & _jobs(after)}
    for owner in {owner for owner, _ in again}:
        sizes = sorted(rows for (of, _), rows in again.items() if of == owner)
        if sum(sizes[: -packages * PARALLEL_REQUESTS]) >= packages * PACKAGE_RESULTS:
            return True
    return False


def _jobs(requests: Sequence[LoggedRequest]) -> set[tuple[str, str]]:
    return {(r.workspace_uid or "", r.path.split("/")[3]) for r in _results(requests)}


def _results(requests: Sequence[LoggedRequest]) -> list[LoggedRequest]:
    return [request for request in requests if request.path.endswith(RESULTS)]


def _listing(requests: Sequence[LoggedRequest]) -> list[LoggedRequest]:
    return [request for request in requests if not request.path.endswith(RESULTS)]
