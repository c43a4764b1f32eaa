"""Stories of jobs: what happens to a job from its schedule to its last retry, as plain data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

Outcome = Literal["success", "warning", "shutdown", "stopped"]
# What a retry does to the rows of the job that it belongs to.
Change = Literal["grown", "shrunk", "zero", "same", "keep"]

SUCCESS_CHANGES: tuple[Change, ...] = ("grown", "grown", "shrunk", "zero", "same")
# A job changes only while it is surely listed, see `Story.trimmed`.
MAX_RETRY_AGE_DAYS = 40.0


@dataclass(frozen=True, kw_only=True)
class Retry:
    """A retry, which is a sub-job of its own; times are days from the world's start."""

    begins: float
    ends: float
    outcome: Outcome
    change: Change
    amount: int = 0


@dataclass(frozen=True, kw_only=True)
class Story:
    """All that ever happens to a job; times are days from the world's start.

    Attributes:
        scheduled: The scheduled time.
        appears: When the API begins to list the job.
        starts: When it starts; None if it stays pending for ever.
        ends: When it is seen to have ended; None if it never ends.
        outcome: How it ends.
        rows: Its outputs at its first end.
        paused: When it is paused, and when it goes on (None: never).
        retries: Later retries, in order.
        finish_lag: How much earlier than `ends` the finish time says it was.
        finish_missing: Whether the finish time stays null.
        start_ahead: How far the clock that wrote the start time is ahead.
    """

    scheduled: float
    appears: float
    starts: float | None
    ends: float | None
    outcome: Outcome = "success"
    rows: int = 0
    paused: tuple[float, float | None] | None = None
    retries: tuple[Retry, ...] = ()
    finish_lag: float = 0.0
    finish_missing: bool = False
    start_ahead: float = 0.0

    def trimmed(self, retries: int) -> Story:
        """Return the story with its first `retries` retries only."""
        return replace(self, retries=self.retries[:retries])


def plain(
    scheduled: float, *, took: float, rows: int, outcome: Outcome = "success", wait: float = 0.002
) -> Story:
    """Return the story of a job that is scheduled, starts soon, and ends after `took` days."""
    return Story(
        scheduled=scheduled,
        appears=scheduled,
        starts=scheduled + wait,
        ends=scheduled + wait + took,
        outcome=outcome,
        rows=rows,
    )


def random_story(rng: Random, scheduled: float, *, mean_results: int) -> Story:
    """Return the story of an everyday job."""
    dice = rng.random()
    outcome: Outcome = "success"
    rows = int(min(rng.expovariate(1.0), 6.0) * mean_results)
    if dice < 0.06:
        rows = 0
    elif dice < 0.12:
        outcome, rows = "warning", rows // rng.choice((2, 3, 1000))
    elif dice < 0.16:
        outcome, rows = "shutdown", rows // rng.choice((2, 1000))
    elif dice < 0.19:
        outcome, rows = "stopped", rows // 2
    took = rng.expovariate(1.0) * (0.02 if rng.random() < 0.85 else 0.3)
    if rng.random() < 0.03:
        took = rng.uniform(1.0, 6.0)
    story = plain(
        scheduled, took=took + 0.0005, rows=rows, outcome=outcome, wait=rng.uniform(0.0002, 0.01)
    )
    return _with_retry(rng, _with_oddity(rng, story), mean_results)


def _with_oddity(rng: Random, story: Story) -> Story:
    (oddity,) = rng.choices(list(ODDITIES), weights=list(ODDITIES.values()))
    return oddity(rng, story)


def _ordinary(_rng: Random, story: Story) -> Story:
    return story


def _never_starts(_rng: Random, story: Story) -> Story:
    return replace(story, starts=None, ends=None)


def _without_finish(_rng: Random, story: Story) -> Story:
    return replace(story, finish_missing=True)


def _clock_ahead(rng: Random, story: Story) -> Story:
    return replace(story, start_ahead=rng.uniform(0.001, 0.02))


def _seen_late(rng: Random, story: Story) -> Story:
    return replace(story, appears=story.scheduled + rng.uniform(0.5, 4.0))


def _seen_early(rng: Random, story: Story) -> Story:
    return replace(story, appears=story.scheduled - rng.uniform(0.01, 0.08))


def _finished_late(rng: Random, story: Story) -> Story:
    lag = rng.uniform(0.5, 3.0)
    return replace(story, ends=_end(story) + lag, finish_lag=lag)


def _paused(rng: Random, story: Story) -> Story:
    pause = _pause(story)
    away = rng.uniform(0.1, 3.0)
    return replace(story, paused=(pause, pause + away), ends=_end(story) + away)


def _paused_for_ever(_rng: Random, story: Story) -> Story:
    pause = _pause(story)
    return replace(story, paused=(pause, None), ends=None)


def _pause(story: Story) -> float:
    begun = story.scheduled if story.starts is None else story.starts
    return begun + (_end(story) - begun) * 0.4


def _end(story: Story) -> float:
    return story.scheduled if story.ends is None else story.ends


# What may be odd about a job, and its share of a thousand jobs.
ODDITIES: dict[Callable[[Random, Story], Story], int] = {
    _ordinary: 860,
    _never_starts: 6,
    _without_finish: 15,
    _clock_ahead: 15,
    _seen_late: 15,
    _seen_early: 40,
    _finished_late: 15,
    _paused: 29,
    _paused_for_ever: 5,
}


def _with_retry(rng: Random, story: Story, mean_results: int) -> Story:
    if story.ends is None or story.finish_missing:
        return story
    begins = max(story.ends, story.appears)
    amount = 1 + int(rng.random() * mean_results)
    if story.outcome == "success":
        if rng.random() > 0.07:
            return story
        begins += rng.uniform(0.1, 15.0)
        fails = rng.random() < 0.3
        retry = Retry(
            begins=begins,
            ends=begins + rng.uniform(0.005, 0.6),
            outcome=rng.choice(("warning", "shutdown")) if fails else "success",
            change="keep" if fails else rng.choice(SUCCESS_CHANGES),
            amount=amount,
        )
    else:
        if story.outcome == "stopped" or rng.random() > 0.45:
            return story
        begins += rng.uniform(0.1, 5.0)
        retry = Retry(
            begins=begins, ends=begins + 0.05, outcome="success", change="grown", amount=amount
        )
    return replace(story, retries=(retry,))
