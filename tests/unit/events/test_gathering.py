"""Events wait for others: not long in a rush, and for few calls on a calm day."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from captaindata_source.events.bodies import CREATED, FINAL, SUCCEEDED
from captaindata_source.events.gathering import (
    FREE_CALLS,
    FREE_CALLS_PER_SECOND,
    OF_ALL,
    OF_WORKFLOWS,
    Gathering,
    Pace,
)
from captaindata_source.events.inbox import Waiting

TURN_SECONDS = 0.8
DAY = 86_400.0


def day_of(
    rate: float, *, seconds: float, pace: Pace = OF_ALL, workflows: int = 1
) -> tuple[list[float], int]:
    """How long each event waited, and how many calls read jobs, of events at random times."""
    rng = random.Random(1)
    now = 0.0
    gathering = Gathering(pace, clock=lambda: now)
    arrivals: list[float] = []
    moment = rng.expovariate(rate)
    while moment < seconds:
        arrivals.append(moment)
        moment += rng.expovariate(rate)
    waits: list[float] = []
    waiting: dict[int, Waiting] = {}
    arrived = calls = 0
    while arrived < len(arrivals) or waiting:
        now += 0.1 if rate >= 1 else 5.0
        while arrived < len(arrivals) and arrivals[arrived] <= now:
            moment, of = arrivals[arrived], f"workflow {rng.randrange(workflows)}"
            waiting[arrived] = Waiting(
                arrived, str(arrived), FINAL, f"job {arrived}", of, None, 1, moment, 0, 1
            )
            arrived += 1
        if due := gathering.due(waiting.values()):
            waits += [now - event.received_at for event in due]
            by_workflow = {event.workflow_uid for event in due}
            calls += len(by_workflow) if pace.by_workflow else 1
            for event in due:
                del waiting[event.id]
            now += TURN_SECONDS
    return waits, calls


@pytest.mark.parametrize(
    ("pace", "workflows", "rate", "seconds", "longest", "calls"),
    [
        (OF_ALL, 1, 10.0, 600.0, 3.0, 0.1),
        (OF_ALL, 1, 1.0, 7200.0, 40.0, 0.06),
        (OF_ALL, 1, 10_000 / DAY, DAY, OF_ALL.max_wait + 6, 0.07),
        (OF_ALL, 1, 20 / DAY, DAY, 6.0, 1.0),
        (OF_WORKFLOWS, 1, 10.0, 600.0, 1.5, 0.15),
        (OF_WORKFLOWS, 24, 10.0, 600.0, 62.0, 0.2),
        (OF_WORKFLOWS, 24, 10_000 / DAY, DAY, OF_WORKFLOWS.max_wait + 6, 0.18),
        (OF_WORKFLOWS, 24, 20 / DAY, DAY, 6.0, 1.0),
        (replace(OF_WORKFLOWS, max_wait=0), 24, 1_000 / DAY, DAY, 6.0, 1.0),
    ],
)
def test_events_wait_for_others(
    pace: Pace, workflows: int, rate: float, seconds: float, longest: float, calls: float
) -> None:
    waits, taken = day_of(rate, seconds=seconds, pace=pace, workflows=workflows)
    assert sorted(waits)[int(0.99 * len(waits))] <= longest
    assert taken <= calls * len(waits)
    assert taken >= min(len(waits), FREE_CALLS + seconds * FREE_CALLS_PER_SECOND) - 20


def test_new_jobs_wait_for_their_end() -> None:
    """They are not what calls are kept for; accounts and retries never wait."""
    now = 1000.0
    gathering = Gathering(OF_WORKFLOWS, clock=lambda: now)

    def event(number: int, kind: str, **changes: object) -> Waiting:
        made = Waiting(
            number, str(number), kind, f"job {number}", f"w {number}", None, 0, now, 0, 1
        )
        return made._replace(**changes)  # type: ignore[arg-type]

    created = [event(number, CREATED) for number in range(50)]
    taken = len(gathering.due(created))
    assert 0 < taken < FREE_CALLS
    ended = [event(number, SUCCEEDED) for number in range(100, 150)]
    assert len(gathering.due(created + ended)) == FREE_CALLS - taken
    assert gathering.due(created + ended) == []
    for other in (
        event(200, SUCCEEDED, tries=1),
        event(201, SUCCEEDED, workflow_uid=None),
        event(202, "integration_auth_failed", job_uid=None, workflow_uid=None),
    ):
        assert gathering.due([*ended, other]) == [other]
    now += OF_WORKFLOWS.max_wait
    assert len(gathering.due(created)) == 50
