"""Events of v4 wait for others: not long in a rush, and for few calls on a calm day."""

from __future__ import annotations

import random

import pytest

from captaindata_source.events.bodies import FINAL
from captaindata_source.events.gathering import (
    FREE_CALLS,
    FREE_CALLS_PER_SECOND,
    MAX_WAIT_SECONDS,
    Gathering,
)
from captaindata_source.events.inbox import Waiting

TURN_SECONDS = 0.8
DAY = 86_400.0


def day_of(rate: float, *, seconds: float) -> tuple[list[float], int]:
    """How long each event waited, and how many turns were taken, of events at random times."""
    rng = random.Random(1)
    now = 0.0
    gathering = Gathering(clock=lambda: now)
    arrivals: list[float] = []
    moment = rng.expovariate(rate)
    while moment < seconds:
        arrivals.append(moment)
        moment += rng.expovariate(rate)
    waits: list[float] = []
    turns = taken = 0
    while taken < len(arrivals):
        now += 0.1 if rate >= 1 else 5.0
        there = [
            Waiting(n, str(n), FINAL, f"job {n}", None, None, 1, arrivals[n], 0, 1)
            for n in range(taken, min(taken + 100, len(arrivals)))
            if arrivals[n] <= now
        ]
        if there and gathering.is_due(there):
            waits += [now - event.received_at for event in there]
            taken += len(there)
            turns += 1
            now += TURN_SECONDS
    return waits, turns


@pytest.mark.parametrize(
    ("rate", "seconds", "longest", "calls"),
    [
        (10.0, 600.0, 3.0, 0.1),
        (1.0, 7200.0, 40.0, 0.06),
        (10_000 / DAY, DAY, MAX_WAIT_SECONDS + 6, 0.07),
        (20 / DAY, DAY, 6.0, 1.0),
    ],
)
def test_events_wait_for_others(rate: float, seconds: float, longest: float, calls: float) -> None:
    waits, turns = day_of(rate, seconds=seconds)
    assert sorted(waits)[int(0.99 * len(waits))] <= longest
    assert turns <= calls * len(waits)
    assert turns >= min(len(waits), FREE_CALLS + seconds * FREE_CALLS_PER_SECOND)
