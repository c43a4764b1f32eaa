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
    teller = _Teller(seed, workspace, days=days, mean_results=mean_results)
    hidden = plain(teller.at(-2.0), took=0.05, rows=teller.rows())
    return (
        *_retried_successes(teller),
        *_retried_failures(teller),
        *_long_and_under_way(teller),
        *_odd_clocks(teller, hidden),
        plain(teller.at(-1.5), took=0.1, rows=0),
        plain(teller.at(-2.2), took=0.1, rows=0, outcome="stopped"),
        plain(teller.at(-12.0), took=0.2, rows=mean_results * BIG_JOB_FACTOR),
    )


class _Teller:
    """Draws times and numbers of rows near those that a story names."""

    def __init__(self, seed: int, workspace: int, *, days: int, mean_results: int) -> None:
        self._rng = stream(seed, workspace, "script")
        self._days = days
        self._mean_results = mean_results

    def at(self, day: float) -> float:
        return max(day, 0.6 - self._days) + self._rng.uniform(-0.04, 0.04)

    def rows(self, factor: float = 1.0) -> int:
        return max(4, int(self._mean_results * factor * self._rng.uniform(0.5, 1.5)))

    def retry(
        self, begins: float, outcome: Outcome, change: Change, *, took: float = 0.06
    ) -> Retry:
        begins += self._rng.uniform(-0.04, 0.04)
        return Retry(
            begins=begins, ends=begins + took, outcome=outcome, change=change, amount=self.rows(0.4)
        )

    def retried(self, scheduled: float, outcome: Outcome, count: int, *retries: Retry) -> Story:
        story = plain(self.at(scheduled), took=0.03, rows=count, outcome=outcome)
        return replace(story, retries=retries)

    def running(self, scheduled: float, ends: float, outcome: Outcome = "success") -> Story:
        begun = self.at(scheduled)
        return plain(begun, took=self.at(ends) - begun, rows=self.rows(), outcome=outcome)

    def waiting(self, scheduled: float, starts: float) -> Story:
        begun = self.at(scheduled)
        return plain(begun, wait=self.at(starts) - begun, took=0.04, rows=self.rows())

    def paused(self, scheduled: float, resumes: float | None) -> Story:
        begun = plain(self.at(scheduled), took=0.05, rows=self.rows())
        ends = None if resumes is None else resumes + 0.05
        return replace(begun, paused=(begun.scheduled + 0.02, resumes), ends=ends)

    def odd(self, scheduled: float, **changes: float | bool) -> Story:
        story = plain(self.at(scheduled), took=0.05, rows=self.rows())
        return replace(story, **changes)  # type: ignore[arg-type]


def _retried_successes(teller: _Teller) -> tuple[Story, ...]:
    retried, retry, rows = teller.retried, teller.retry, teller.rows
    return (
        retried(-6.0, "success", rows(), retry(0.6, "success", "grown")),
        retried(-5.0, "success", rows(), retry(1.3, "success", "shrunk")),
        retried(-4.0, "success", rows(), retry(2.2, "success", "zero")),
        retried(-9.0, "success", rows(), retry(1.7, "success", "same")),
        retried(-3.5, "success", 0, retry(2.6, "success", "grown")),
        # They fail then; the second is mended later.
        retried(-7.0, "success", rows(), retry(0.8, "warning", "keep")),
        retried(
            -8.5, "success", rows(),
            retry(3.3, "shutdown", "shrunk"), retry(5.4, "success", "grown"),
        ),
        # It is being retried while a day ends.
        retried(-2.5, "success", rows(), retry(1.8, "success", "grown", took=0.5)),
    )  # fmt: skip


def _retried_failures(teller: _Teller) -> tuple[Story, ...]:
    retried, retry = teller.retried, teller.retry
    return (
        retried(-3.0, "warning", 0, retry(0.4, "success", "grown")),
        retried(-2.0, "shutdown", teller.rows(0.3), retry(1.8, "success", "grown")),
    )


def _long_and_under_way(teller: _Teller) -> tuple[Story, ...]:
    return (
        # Jobs that run for weeks, and end after they have left the listing.
        teller.running(-58.4, 3.3),
        teller.running(-57.9, 6.1),
        teller.running(-58.2, 8.9, "warning"),
        # What is under way when the clock starts.
        teller.running(-0.2, 0.3),
        teller.running(-1.2, 1.5, "stopped"),
        teller.waiting(-0.3, 0.7),
        teller.paused(-1.0, 1.1),
        teller.paused(-4.4, None),
    )


def _odd_clocks(teller: _Teller, hidden: Story) -> tuple[Story, ...]:
    return (
        replace(teller.running(-3.0, 2.0), finish_lag=2.4),
        replace(hidden, appears=1.2),
        teller.odd(0.5, start_ahead=0.01),
        teller.odd(0.9, finish_missing=True),
    )
