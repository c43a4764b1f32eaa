"""Processes that begin together: each workspace's first load of one fresh Postgres dataset."""

from __future__ import annotations

from captaindata_source.sandbox import World
from tests.chaos.places import Place
from tests.support.faulty_sandbox import FaultySandbox
from tests.support.oracle import Oracle, assert_equal
from tests.support.side_by_side import complaints, first_loads


def together(place: Place, *, rounds: int, seed: int = 0, workspaces: int = 2) -> list[str]:
    """Starts a process for each workspace, again and again.

    Args:
        place: Gives Postgres databases.
        rounds: How often, each with another world.
        seed: Of the first world.
        workspaces: Processes.

    Returns:
        What was wrong, in which round.
    """
    wrong = []
    for number in range(rounds):
        world = World(
            seed + number, jobs_per_day=0.1, mean_results=6, workspaces=workspaces, workflows=5
        )
        oracle = Oracle(world)
        oracle.look()
        with FaultySandbox(world) as sandbox, place.harness(sandbox) as harness:
            found = complaints(harness, first_loads(harness))
            try:
                assert_equal(harness, oracle)
            except AssertionError as error:
                found.append(str(error).splitlines()[0])
        wrong += [f"round {number}: {each}" for each in found]
    return wrong
