"""Jobs: a story as phases, and the job as the API shows it at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from captaindata_source.sandbox.dialect import Dialect, TimeStyle
from captaindata_source.sandbox.stories import Outcome

Json = dict[str, Any]
Status = Outcome | Literal["pending", "running", "paused"]


@dataclass(frozen=True, slots=True)
class Segment:
    """Rows `first` to `last` (exclusive) of the rows that one run made.

    `begins` and `ends` are the run's times in days, `size` is the length of the whole stream.
    """

    stream: str
    begins: float
    ends: float
    size: int
    first: int
    last: int

    @property
    def count(self) -> int:
        """How many rows these are."""
        return self.last - self.first


@dataclass(frozen=True, slots=True)
class Phase:
    """State of a job from `at` on; its rows grow from `low` to `high` until `until`."""

    at: float
    status: Status
    start: float | None = None
    finish: float | None = None
    error: str | None = None
    segments: tuple[Segment, ...] = ()
    low: float = 1.0
    high: float = 1.0
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class State:
    """A job at a moment."""

    phase: Phase
    segments: tuple[Segment, ...]

    @property
    def row_count(self) -> int:
        """How many rows the job has at the moment."""
        return sum(segment.count for segment in self.segments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job with its whole timeline."""

    uid: str
    name: str
    workflow_uid: str
    workflow_index: int
    workflow_name: str
    step_uid: str
    main: Job | None
    appears: float
    scheduled: float
    inputs: int
    accounts: list[Json] = field(repr=False)
    configuration: Json = field(repr=False)
    phases: tuple[Phase, ...] = field(repr=False)

    def state(self, day: float) -> State:
        """Return the state on `day` (not before the job appears)."""
        phase = self.phase(day)
        return State(phase, _visible(phase, day))

    def phase(self, day: float) -> Phase:
        """Return the phase that the job is in on `day`."""
        phase = self.phases[0]
        for later in self.phases:
            if later.at > day:
                break
            phase = later
        return phase

    def render(self, day: float, start: datetime, dialect: Dialect) -> Json:
        """Return the job as the API shows it on `day`."""
        state = self.state(day)
        phase = state.phase
        own = dialect.main_job == "own"
        main = self.main or (self if own else None)

        def time(at: float | None) -> str | None:
            return None if at is None else iso(start + timedelta(days=at), dialect.time_style)

        rows = None if phase.status == "pending" else state.row_count
        return {
            "uid": self.uid,
            "name": self.name,
            "workflow_uid": self.workflow_uid,
            "workflow_name": self.workflow_name,
            "main_job_uid": None if main is None else main.uid,
            "main_job_name": None if main is None else main.name,
            "step_uid": self.step_uid,
            "status": self._word(phase.status, dialect),
            "scheduled_time": time(self.scheduled),
            "start_time": time(phase.start),
            "finish_time": time(phase.finish),
            "number_inputs": self.inputs,
            "row_count": rows,
            "total_row_count": rows,
            "error_message": phase.error,
            "accounts": list(self.accounts),
            "configuration": dict(self.configuration),
        }

    def _word(self, status: Status, dialect: Dialect) -> str:
        if status != "success":
            return status
        if dialect.success == "mixed":
            return "finished" if self.workflow_index % 2 == 0 else "completed"
        return dialect.success


def iso(moment: datetime, style: TimeStyle) -> str:
    """Return a UTC time in one of the API's ways to write it."""
    text = moment.replace(tzinfo=None).isoformat()
    return text + {"naive": "", "offset": "+00:00", "zulu": "Z"}[style]


def take(segments: tuple[Segment, ...], first: int, last: int) -> tuple[Segment, ...]:
    """Return rows `first` to `last` (exclusive) of `segments`, as segments."""
    taken = []
    offset = 0
    for segment in segments:
        low, high = max(first - offset, 0), min(last - offset, segment.count)
        if low < high:
            taken.append(
                Segment(
                    segment.stream, segment.begins, segment.ends, segment.size,
                    segment.first + low, segment.first + high,
                )
            )  # fmt: skip
        offset += segment.count
    return tuple(taken)


def total(segments: tuple[Segment, ...]) -> int:
    """Return how many rows `segments` have."""
    return sum(segment.count for segment in segments)


def _visible(phase: Phase, day: float) -> tuple[Segment, ...]:
    share = phase.high
    if day < phase.until:
        share = phase.low + (phase.high - phase.low) * (day - phase.at) / (phase.until - phase.at)
    if share >= 1.0:
        return phase.segments
    return take(phase.segments, 0, int(total(phase.segments) * share))
