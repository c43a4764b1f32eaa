"""Webhooks of v3: a job was created, has succeeded or has failed."""

from __future__ import annotations

from collections.abc import Iterator

from captaindata_source.sandbox.contents import Workspace
from captaindata_source.sandbox.event_drafts import Draft, EventKind, EventOptions
from captaindata_source.sandbox.jobs import Job, Phase
from captaindata_source.sandbox.results import dumps
from captaindata_source.sandbox.rng import stream, uid
from captaindata_source.sandbox.runs import ENDED
from captaindata_source.sandbox.world import World

KINDS: dict[str, EventKind] = {"success": "succeeded", "warning": "failed", "shutdown": "failed"}
WORDS: dict[EventKind, str] = {
    "created": "created",
    "succeeded": "finished",
    "failed": "failed",
}


def job_events(
    world: World, workspace: Workspace, start: float, end: float, *, options: EventOptions
) -> Iterator[Draft]:
    """Yield the webhooks of a workspace: while its workflow exists, a job has one when it is
    created and one when it first ends, unless somebody stopped it. Its retries are jobs of their
    own."""
    content = world.content(workspace)
    for job in content.schedule.changing(start, end):
        workflow = content.workflows[job.workflow_index]
        for order, (day, kind, phase) in enumerate(_steps(job, before_api=options.before_api)):
            if start < day <= end and workflow.exists(day):
                yield _draft(world, workspace, job, day=day, order=order, kind=kind, phase=phase)


def _steps(job: Job, *, before_api: bool) -> Iterator[tuple[float, EventKind, Phase]]:
    first = job.phases[0]
    yield min(first.at, job.appears) if before_api else job.appears, "created", first
    ended = next((phase for phase in job.phases if phase.status in ENDED), None)
    if ended is not None and ended.status in KINDS:
        yield end_of(ended, job.appears, before_api=before_api), KINDS[ended.status], ended


def end_of(phase: Phase, appears: float, *, before_api: bool) -> float:
    """Return when the end of a job is told of; `phase` is the state that it ended in."""
    if not before_api:
        return max(phase.at, appears)
    return phase.at if phase.finish is None else min(phase.finish, phase.at)


def _draft(
    world: World,
    workspace: Workspace,
    job: Job,
    *,
    day: float,
    order: int,
    kind: EventKind,
    phase: Phase,
) -> Draft:
    event_uid = uid(stream(world.seed, "job event", job.uid, kind))

    def body() -> bytes:
        event = {
            "uid": event_uid,
            "job_uid": job.uid,
            "recipe_ref": job.uid,
            "workflow_uid": job.workflow_uid,
            "workflow_name": job.workflow_name,
            "job_name": job.name,
            "project_uid": workspace.uid,
            "message": f"Job {job.name} {WORDS[kind]}",
            "error": (phase.error or "Job failed") if kind == "failed" else None,
        }
        return dumps(event, ascii_json=world.dialect.ascii_json)

    return Draft(day=day, order=order, kind=kind, subject=job.uid, uid=event_uid, body=body)
