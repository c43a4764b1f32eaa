"""The workflows of a workspace and what happens to them while the clock moves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeVar

from captaindata_source.sandbox.catalogue import EXPORT, KINDS, Kind, StepKind, columns
from captaindata_source.sandbox.rng import stream, uid

Json = dict[str, Any]
_T = TypeVar("_T")

NEVER = math.inf
# Job changes that nobody could see any more are not made up: from this many days before a
# workflow is deleted, jobs that are final stay as they are until it comes back.
QUIET_DAYS = 2.0


@dataclass(frozen=True)
class Step:
    """A step of one workflow."""

    uid: str
    step_uid: str
    kind: StepKind


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """The whole life of a workflow; all times are days from the world's start."""

    index: int
    uid: str
    kind: Kind
    created: float
    project_id: int
    template_uid: str | None
    names: tuple[tuple[float, str], ...]
    step_lists: tuple[tuple[float, tuple[Step, ...]], ...]
    gone: tuple[float, float] = (NEVER, NEVER)

    def exists(self, day: float) -> bool:
        """Tell whether the workflow is there on `day`."""
        return self.created <= day and not self.gone[0] <= day < self.gone[1]

    def may_retry(self, day: float) -> bool:
        """Tell whether a job that is final may change on `day`."""
        return not self.gone[0] - QUIET_DAYS <= day < self.gone[1]

    def name(self, day: float) -> str:
        """Return the name on `day`."""
        return _latest(self.names, day)

    def steps(self, day: float) -> tuple[Step, ...]:
        """Return the steps on `day`."""
        return _latest(self.step_lists, day)

    def listing(self, day: float, start: datetime) -> Json:
        """Return the workflow as `GET /workflows` lists it."""
        created = start + timedelta(days=self.created)
        return {
            "uid": self.uid,
            "name": self.name(day),
            "created_at": created.replace(tzinfo=None).isoformat(),
            "project_id": self.project_id,
            "template_uid": self.template_uid,
            "steps": [
                {"name": step.kind.name, "step_uid": step.step_uid, "uid": step.uid}
                for step in self.steps(day)
            ],
        }

    def details(self, day: float) -> Json:
        """Return the workflow as `GET /workflows/{uid}/details` gives it."""
        return {
            "name": self.name(day),
            "uid": self.uid,
            "steps": [
                _step_details(step, position)
                for position, step in enumerate(self.steps(day), start=1)
            ],
        }


def _latest(versions: tuple[tuple[float, _T], ...], day: float) -> _T:
    return next(value for at, value in reversed(versions) if at <= day)


def _step_details(step: Step, position: int) -> Json:
    kind = step.kind
    return {
        "step_uid": step.step_uid,
        "step_name": kind.name,
        "position": position,
        "permalink": kind.permalink,
        "integrations": list(kind.integrations),
        "input_schema": [
            {"name": name, "type": "string", "required": n == 0}
            for n, name in enumerate(kind.inputs)
        ],
        "output_schema": list(columns(kind.rows)),
        "parameters_schema": {
            "max_results": {"type": "integer", "default": 100, "maximum": 2500},
            "enrich": {"type": "boolean", "default": False},
        },
    }


def make_workflows(seed: int, workspace: int, *, count: int, days: int) -> tuple[Workflow, ...]:
    """Return the workflows of a workspace, with those that appear while the clock moves.

    The first is renamed at about day 1.2; of the others one is deleted at about day 1.6, one gets
    a step at about day 6, and one goes at about day 3 and is back at about day 8 (as far as there
    are so many). Two more are created at about day 1.4 and day 5.
    """
    rng = stream(seed, workspace, "workflows")
    kinds = list(KINDS)
    rng.shuffle(kinds)
    project_id = rng.randrange(1000, 90000)
    made = []
    for index in range(count + 2):
        created = -days - 10.0 - rng.uniform(0, 400)
        if count >= 8 and index in {count - 2, count - 1}:
            created = (-35.0 if index == count - 2 else -12.0) + rng.random()
        elif index >= count:
            created = (1.4 if index == count else 5.0) + rng.uniform(-0.08, 0.08)
        made.append(
            _make(rng, kinds, index=index, created=created, project_id=project_id, count=count)
        )
    return tuple(made)


def _make(
    rng: Random, kinds: list[Kind], *, index: int, created: float, project_id: int, count: int
) -> Workflow:
    kind = kinds[index % len(kinds)]
    name = kind.name if index < len(kinds) else f"{kind.name} {index // len(kinds) + 1}"
    names: tuple[tuple[float, str], ...] = ((created, name),)
    steps = tuple(Step(uid(rng), uid(rng), step) for step in kind.steps)
    step_lists: tuple[tuple[float, tuple[Step, ...]], ...] = ((created, steps),)
    added = Step(uid(rng), uid(rng), EXPORT)
    at = rng.uniform(-0.05, 0.05)
    gone = (NEVER, NEVER)
    if index == 0:
        names += ((1.2 + at, f"{name} \u2013 v2 \u2728"),)
    elif index == 1 and count >= 2:
        gone = (1.6 + at, NEVER)
    elif index == 2 and count >= 3:
        step_lists += ((6.0 + at, (*steps, added)),)
    elif index == 3 and count >= 4:
        gone = (3.0 + at, 8.0 + at)
    return Workflow(
        index=index,
        uid=uid(rng),
        kind=kind,
        created=created,
        project_id=project_id,
        template_uid=uid(rng) if rng.random() < 0.6 else None,
        names=names,
        step_lists=step_lists,
        gone=gone,
    )
