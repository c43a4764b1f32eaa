"""Live runs of a workspace, generated for each day independently."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from captaindata_source.sandbox.rng import poisson, stream, uid
from captaindata_source.sandbox.runs import Action, LiveRun
from captaindata_source.sandbox.workflows import Workflow

SECOND = 1 / 86_400
# Number of workflows of a workspace that have live runs too.
LIVE_WORKFLOWS = 4
FAILURE_CHANCE = 0.15
FAILURE = "The integration did not answer in time"


def live_runs(
    seed: int,
    workspace: int,
    day: int,
    *,
    mean: float,
    start: datetime,
    workflows: Sequence[Workflow],
    actions: dict[str, Action],
    user_uids: Sequence[str],
) -> Iterator[LiveRun]:
    """Yield the live runs of a day.

    Args:
        seed: The world's seed.
        workspace: The workspace's index.
        day: The day, counted from the world's start.
        mean: Mean number of runs a day.
        start: The world's start.
        workflows: The workspace's workflows.
        actions: Uid of a workflow to its action.
        user_uids: Members who can start a run.
    """
    rng = stream(seed, workspace, "live runs", day)
    for _ in range(poisson(rng, mean)):
        created = day + rng.random()
        workflow = rng.choice(workflows[:LIVE_WORKFLOWS])
        started = created + rng.uniform(0.05, 0.8) * SECOND
        failed = rng.random() < FAILURE_CHANCE
        outputs = rng.randrange(1, 26)
        yield LiveRun(
            uid=uid(rng),
            action=actions[workflow.uid],
            user_uid=rng.choice(user_uids),
            appears=started + rng.uniform(0.2, 6.0) * SECOND,
            created_day=created,
            created=start + timedelta(days=created),
            execution_mode="LIVE",
            parameters={"max_results": 25},
            started=started,
            error=FAILURE if failed else None,
            output_count=0 if failed else outputs,
        )
