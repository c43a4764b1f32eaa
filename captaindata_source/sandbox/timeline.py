"""Turns the story of a job into the job with its phases, and its retries into sub-jobs."""

from __future__ import annotations

from random import Random
from typing import Any

from captaindata_source.sandbox.jobs import Job, Phase, Segment, take, total
from captaindata_source.sandbox.rng import uid
from captaindata_source.sandbox.stories import Outcome, Retry, Story
from captaindata_source.sandbox.workflows import Workflow

Json = dict[str, Any]
Segments = tuple[Segment, ...]

PAUSED_SHARE = 0.4
LABELS = ("nightly", "hand-made", "\U0001f501")
ERRORS: dict[Outcome, tuple[str | None, ...]] = {
    "success": (None,),
    "warning": ("Input is not valid: the profile does not exist", "Quota reached \u26a0\ufe0f"),
    "shutdown": ("Technical error", "Worker lost: timeout after 3600 s"),
    "stopped": (None, "Stopped by user"),
}


def make_jobs(
    rng: Random, story: Story, workflow: Workflow, *, accounts: list[Json]
) -> tuple[Job, ...]:
    """Return the job of a story, followed by a sub-job for each of its retries."""
    born = max(min(story.scheduled, story.appears), workflow.created)
    common: dict[str, Any] = {
        "workflow_uid": workflow.uid,
        "workflow_index": workflow.index,
        "workflow_name": workflow.name(born),
        "step_uid": workflow.steps(born)[-1].uid,
        "accounts": [rng.choice(accounts)] if accounts and rng.random() < 0.8 else [],
        "configuration": _configuration(rng),
    }
    job_uid = uid(rng)
    name = f"{common['workflow_name']} \u00b7 {rng.choice(LABELS)}"
    phases, sub_phases = _phases(rng, story, job_uid)
    main = Job(
        uid=job_uid,
        name=name,
        main=None,
        appears=story.appears,
        scheduled=story.scheduled,
        inputs=1 + story.rows // 3,
        phases=phases,
        **common,
    )
    subs = [
        Job(
            uid=uid(rng),
            name=f"{name} (retry {number})",
            main=main,
            appears=retry.begins,
            scheduled=retry.begins,
            inputs=1 + retry.amount // 3,
            phases=sub,
            **common,
        )
        for number, (retry, sub) in enumerate(zip(story.retries, sub_phases, strict=True), start=1)
    ]
    return (main, *subs)


def _configuration(rng: Random) -> Json:
    if rng.random() < 0.1:
        return {}
    return {
        "max_results": rng.choice((100, 500, 2500, None)),
        "schedule": {"repeat": rng.choice(("once", "daily")), "at": ["08:00", "20:00"]},
        "notify": rng.random() < 0.5,
        "label": rng.choice(("Q3 \U0001f3af", "dem\u00f3", "", "\u30c6\u30b9\u30c8")),
    }


def _phases(
    rng: Random, story: Story, job_uid: str
) -> tuple[tuple[Phase, ...], list[tuple[Phase, ...]]]:
    phases = [Phase(min(story.appears, story.scheduled), "pending")]
    subs: list[tuple[Phase, ...]] = []
    if story.starts is None:
        return tuple(phases), subs
    start = story.starts + story.start_ahead
    ends = story.ends if story.ends is not None else story.starts + 1.0
    segments = _segments(f"{job_uid}/0", story.starts, ends, story.rows)
    phases += _run(story, start, ends, segments)
    if story.ends is None:
        return tuple(phases), subs
    finish = None if story.finish_missing else max(story.ends - story.finish_lag, story.starts)
    error = rng.choice(ERRORS[story.outcome])
    phases.append(Phase(story.ends, story.outcome, start, finish, error, segments))
    for number, retry in enumerate(story.retries, start=1):
        before = segments
        segments, fresh = _retried(segments, f"{job_uid}/{number}", retry)
        error = rng.choice(ERRORS[retry.outcome])
        began = retry.begins + 0.001
        phases.append(Phase(retry.begins, "running", began, None, None, before))
        phases.append(Phase(retry.ends, retry.outcome, began, retry.ends, error, segments))
        subs.append(
            (
                Phase(retry.begins, "pending"),
                Phase(began, "running", began, None, None, fresh, 0.0, 1.0, retry.ends),
                Phase(retry.ends, retry.outcome, began, retry.ends, error, fresh),
            )
        )
    return tuple(phases), subs


def _run(story: Story, start: float, ends: float, segments: Segments) -> list[Phase]:
    began = story.starts or 0.0
    if story.paused is None:
        return [Phase(began, "running", start, None, None, segments, 0.0, 1.0, ends)]
    paused, resumed = story.paused
    share = PAUSED_SHARE
    phases = [
        Phase(began, "running", start, None, None, segments, 0.0, share, paused),
        Phase(paused, "paused", start, None, None, segments, share, share),
    ]
    if resumed is not None:
        phases.append(Phase(resumed, "running", start, None, None, segments, share, 1.0, ends))
    return phases


def _segments(stream: str, begins: float, ends: float, rows: int) -> Segments:
    return (Segment(stream, begins, ends, rows, 0, rows),) if rows else ()


def _retried(segments: Segments, stream: str, retry: Retry) -> tuple[Segments, Segments]:
    """Return the rows of the job after the retry, and the rows of the sub-job."""
    count = total(segments)

    def fresh(rows: int) -> Segments:
        return _segments(stream, retry.begins, retry.ends, rows)

    if retry.change == "grown":
        return segments + fresh(retry.amount), fresh(retry.amount)
    if retry.change == "shrunk":
        left = take(segments, (count + 1) // 2, count)
        return left, left
    if retry.change == "same":
        changed = (count + 2) // 3
        return fresh(changed) + take(segments, changed, count), fresh(changed)
    if retry.change == "zero":
        return (), ()
    return segments, ()
