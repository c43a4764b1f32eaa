"""Runs: what v4 makes of a job of v3, and the live runs that v3 does not know."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Literal

from captaindata_source.sandbox.dialect import AwareTimeStyle
from captaindata_source.sandbox.jobs import Job, Phase, Segment, iso, total

Json = dict[str, Any]
ExecutionMode = Literal["LIVE", "ASYNC"]

EXECUTION_MODES: tuple[ExecutionMode, ...] = ("LIVE", "ASYNC")
RUN_STATUSES = (
    "CREATED", "INVALID", "QUEUED", "SCHEDULED", "BLOCKED", "RUNNING", "STOPPED", "FAILED",
    "PARTIAL_SUCCEEDED", "SUCCEEDED",
)  # fmt: skip
ENDED = frozenset({"success", "warning", "shutdown", "stopped"})
STATUS_OF = {
    "pending": "QUEUED",
    "running": "RUNNING",
    "paused": "BLOCKED",
    "stopped": "STOPPED",
    "shutdown": "FAILED",
    "warning": "FAILED",
    "success": "SUCCEEDED",
}
ERROR_LABELS = {
    "FAILED": "EXECUTION_FAILED",
    "INVALID": "INVALID_INPUT",
    "STOPPED": "STOPPED_BY_USER",
}


@dataclass(frozen=True, slots=True)
class Action:
    """What runs are of; there is one for each workflow."""

    number: int
    name: str
    schedule_uid: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What of a run changes with the clock; times are days from the world's start."""

    status: str
    error: str | None
    output_count: int
    retry_count: int
    started: float | None
    finished: float | None


@dataclass(frozen=True, slots=True)
class Batch:
    """What a run brought after it was continued; times are days from the world's start."""

    begins: float
    ends: float
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(ABC):
    """A run.

    Attributes:
        uid: Its uid, that of the job if it is one.
        action: What it is of.
        user_uid: The member who started it.
        appears: The day on which the API begins to list it.
        created_day: The creation time that it shows, in days.
        created: The same as a moment, to sort by.
        execution_mode: Only ASYNC runs keep their outputs.
        scheduled_run_uid: The schedule that it came from.
        callback_url: Where its outputs are delivered.
        parameters: How it was configured.
        name: Its name.
        sync_mode: Goes into its parameters; an `incremental` run can be continued.
        flow_run_id: Uid of the flow run that made it.
    """

    uid: str
    action: Action
    user_uid: str
    appears: float
    created_day: float
    created: datetime
    execution_mode: ExecutionMode
    scheduled_run_uid: str | None = None
    callback_url: str | None = None
    parameters: Json
    name: str | None = None
    sync_mode: str | None = None
    flow_run_id: str | None = None

    @abstractmethod
    def status(self, day: float) -> str:
        """Return the status on `day` (not before the run appears)."""

    @abstractmethod
    def updated(self, day: float) -> float:
        """Return the day of the last change until `day`."""

    @abstractmethod
    def moment(self, day: float) -> Moment:
        """Return what the run is like on `day`."""

    def render(
        self, day: float, start: datetime, style: AwareTimeStyle, workspace_uid: str
    ) -> Json:
        """Return the run as the API shows it on `day`."""
        moment = self.moment(day)

        def time(at: float | None) -> str | None:
            return None if at is None else iso(start + timedelta(days=at), style)

        return {
            "id": number_of(self.uid),
            "uid": self.uid,
            "name": self.name,
            "action_id": self.action.number,
            "action_name": self.action.name,
            "retry_count": moment.retry_count,
            "user_uid": self.user_uid,
            "workspace_uid": workspace_uid,
            "execution_mode": self.execution_mode,
            "last_error": last_error(moment.error, moment.status),
            "last_info": last_info(moment),
            "parameters": self.parameters
            | ({} if self.sync_mode is None else {"sync_mode": self.sync_mode}),
            "callback": {"url": self.callback_url},
            "status": moment.status,
            "output_count": moment.output_count,
            "scheduled_run_uid": self.scheduled_run_uid,
            "scheduled_run_name": self.action.name if self.scheduled_run_uid else None,
            "flow_run_id": self.flow_run_id,
            "postponed_until": time(self.created_day) if moment.status == "SCHEDULED" else None,
            "started_at": time(moment.started),
            "finished_at": time(moment.finished),
            "created_at": iso(self.created, style),
            "updated_at": time(self.updated(day)),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRun(Run):
    """A job of v3 as a run. `batches` came when it was continued, in their order."""

    job: Job
    batches: tuple[Batch, ...] = ()

    def outputs(self, day: float, *, all_answers: bool) -> tuple[Segment, ...]:
        """Return the outputs on `day`: all there are, or the newest batch alone."""
        batches = [batch for batch in self.batches if batch.ends <= day]
        if batches and not all_answers:
            return batches[-1].segments
        return sum((batch.segments for batch in batches), self.job.state(day).segments)

    def _batch(self, day: float) -> Batch | None:
        return next((b for b in reversed(self.batches) if b.begins <= day), None)

    def status(self, day: float) -> str:
        """Return the status on `day`; some of its finer words depend on the uid alone."""
        if (batch := self._batch(day)) is not None:
            return "RUNNING" if day < batch.ends else "SUCCEEDED"
        return self._status(self.job.phase(day), day)

    def _status(self, phase: Phase, day: float) -> str:
        dice = int(self.uid[-2:], 16)
        if phase.status == "pending":
            if self.job.scheduled > day:
                return "SCHEDULED"
            return "CREATED" if dice % 4 == 0 else "QUEUED"
        if phase.status == "success" and dice % 8 == 0:
            return "PARTIAL_SUCCEEDED"
        if phase.status == "warning" and dice % 2 == 0 and not phase.segments:
            return "INVALID"
        return STATUS_OF[phase.status]

    def updated(self, day: float) -> float:
        """Return when the job came into its phase, or into sight, or was due, whatever is last."""
        if (batch := self._batch(day)) is not None:
            return batch.begins if day < batch.ends else batch.ends
        at = max(self.job.phase(day).at, self.appears)
        return max(at, self.job.scheduled) if self.job.scheduled <= day else at

    def moment(self, day: float) -> Moment:
        """Return what the run is like on `day`."""
        state = self.job.state(day)
        phase = state.phase
        if (batch := self._batch(day)) is not None:
            return Moment(
                status=self.status(day),
                error=None,
                output_count=total(self.outputs(day, all_answers=True)),
                retry_count=_retries(self.job.phases, day),
                started=batch.begins,
                finished=None if day < batch.ends else batch.ends,
            )
        return Moment(
            status=self._status(phase, day),
            error=phase.error,
            output_count=state.row_count,
            retry_count=_retries(self.job.phases, day),
            started=phase.start,
            finished=phase.finish,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRun(Run):
    """A run whose caller waited for its outputs; it has ended when it appears."""

    started: float
    error: str | None
    output_count: int

    def status(self, day: float) -> str:  # noqa: ARG002
        """Return the status, which never changes."""
        return "SUCCEEDED" if self.error is None else "FAILED"

    def updated(self, day: float) -> float:  # noqa: ARG002
        """Return when it ended."""
        return self.appears

    def moment(self, day: float) -> Moment:
        """Return what the run is like."""
        return Moment(
            status=self.status(day),
            error=self.error,
            output_count=self.output_count,
            retry_count=0,
            started=self.started,
            finished=self.appears,
        )


def number_of(uid: str) -> int:
    """Return a number of 48 bits for a uid."""
    return int(uid[:8] + uid[9:13], 16)


def last_error(message: str | None, status: str) -> Json | None:
    """Return the object that describes an error; without a message there is none."""
    if message is None:
        return None
    label = ERROR_LABELS.get(status, "UNKNOWN")
    return {"label": label, "message": message, "params": {}}


def last_info(moment: Moment) -> Json | None:
    """Return what a run says that succeeded without any output."""
    if moment.status != "SUCCEEDED" or moment.output_count:
        return None
    return {"label": "NO_RESULTS", "message": "The run found nothing", "params": {}}


def _retries(phases: tuple[Phase, ...], day: float) -> int:
    return sum(
        phase.status == "running" and before.status in ENDED and phase.at <= day
        for before, phase in pairwise(phases)
    )
