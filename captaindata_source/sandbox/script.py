"""Stories that every workspace lives through, so that each kind of change comes within ten days."""

from __future__ import annotations

from dataclasses import replace

from captaindata_source.sandbox.rng import stream
from captaindata_source.sandbox.stories import Change, Outcome, Retry, Story, plain

# The one big job of a workspace has this many times the mean number of rows.
BIG_JOB_FACTOR = 10


def scripted_stories(
    seed: int, workspace: int, *, days: int, mean_results: int
) -> tuple[Story, ...]:
    """Return the stories; with a history shorter than 60 days the oldest move to its beginning."""
    rng = stream(seed, workspace, "script")

    def at(day: float) -> float:
        return max(day, 0.6 - days) + rng.uniform(-0.04, 0.04)

    def rows(factor: float = 1.0) -> int:
        return max(4, int(mean_results * factor * rng.uniform(0.5, 1.5)))

    def retry(begins: float, outcome: Outcome, change: Change, *, took: float = 0.06) -> Retry:
        begins += rng.uniform(-0.04, 0.04)
        return Retry(
            begins=begins, ends=begins + took, outcome=outcome, change=change, amount=rows(0.4)
        )

    def retried(scheduled: float, outcome: Outcome, count: int, *retries: Retry) -> Story:
        story = plain(at(scheduled), took=0.03, rows=count, outcome=outcome)
        return replace(story, retries=retries)

    def running(scheduled: float, ends: float, outcome: Outcome = "success") -> Story:
        begun = at(scheduled)
        return plain(begun, took=at(ends) - begun, rows=rows(), outcome=outcome)

    def waiting(scheduled: float, starts: float) -> Story:
        begun = at(scheduled)
        return plain(begun, wait=at(starts) - begun, took=0.04, rows=rows())

    def paused(scheduled: float, resumes: float | None) -> Story:
        begun = plain(at(scheduled), took=0.05, rows=rows())
        ends = None if resumes is None else resumes + 0.05
        return replace(begun, paused=(begun.scheduled + 0.02, resumes), ends=ends)

    def late(scheduled: float, ends: float, lag: float) -> Story:
        return replace(running(scheduled, ends), finish_lag=lag)

    def odd(scheduled: float, **changes: float | bool) -> Story:
        story = plain(at(scheduled), took=0.05, rows=rows())
        return replace(story, **changes)  # type: ignore[arg-type]

    hidden = plain(at(-2.0), took=0.05, rows=rows())
    return (
        # Successes that are retried and succeed again.
        retried(-6.0, "success", rows(), retry(0.6, "success", "grown")),
        retried(-5.0, "success", rows(), retry(1.3, "success", "shrunk")),
        retried(-4.0, "success", rows(), retry(2.2, "success", "zero")),
        retried(-9.0, "success", rows(), retry(1.7, "success", "same")),
        retried(-3.5, "success", 0, retry(2.6, "success", "grown")),
        # Successes that are retried and fail; the second is mended later.
        retried(-7.0, "success", rows(), retry(0.8, "warning", "keep")),
        retried(
            -8.5, "success", rows(),
            retry(3.3, "shutdown", "shrunk"), retry(5.4, "success", "grown"),
        ),
        # A success that is being retried while a day ends.
        retried(-2.5, "success", rows(), retry(1.8, "success", "grown", took=0.5)),
        # Failures that are retried and succeed.
        retried(-3.0, "warning", 0, retry(0.4, "success", "grown")),
        retried(-2.0, "shutdown", rows(0.3), retry(1.8, "success", "grown")),
        # Jobs that run for weeks, and end after they have left the listing.
        running(-58.4, 3.3),
        running(-57.9, 6.1),
        running(-58.2, 8.9, "warning"),
        # What is under way when the clock starts.
        running(-0.2, 0.3),
        running(-1.2, 1.5, "stopped"),
        waiting(-0.3, 0.7),
        paused(-1.0, 1.1),
        paused(-4.4, None),
        # Odd clocks.
        late(-3.0, 2.0, 2.4),
        replace(hidden, appears=1.2),
        odd(0.5, start_ahead=0.01),
        odd(0.9, finish_missing=True),
        plain(at(-1.5), took=0.1, rows=0),
        plain(at(-2.2), took=0.1, rows=0, outcome="stopped"),
        plain(at(-12.0), took=0.2, rows=mean_results * BIG_JOB_FACTOR),
    )  # fmt: skip
