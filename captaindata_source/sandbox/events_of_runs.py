"""Callbacks of v4: a run has brought a batch of outputs, or has ended."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from captaindata_source.sandbox.contents import Workspace
from captaindata_source.sandbox.event_drafts import Draft, EventOptions
from captaindata_source.sandbox.events_of_jobs import end_of
from captaindata_source.sandbox.inputs import given
from captaindata_source.sandbox.jobs import Job, Segment, total
from captaindata_source.sandbox.results import dumps
from captaindata_source.sandbox.rng import stream, uid
from captaindata_source.sandbox.run_book import ARCHIVED_DAYS
from captaindata_source.sandbox.runs import ENDED, JobRun, last_error, number_of
from captaindata_source.sandbox.world import World

Json = dict[str, Any]

NO_RESULTS = b"null"
# A batch is told of this much later where rounding would tell of it a row too early.
NUDGE_DAYS = 1e-9
NUDGES = 100
MOST_BATCHES = 10**6


def run_events(
    world: World, workspace: Workspace, start: float, end: float, *, options: EventOptions
) -> Iterator[Draft]:
    """Yield the callbacks of a workspace. A run has a last one each time that it ends: at first,
    after a retry, and after it was continued."""
    for run in world.content(workspace).runs.changing(start, end):
        if options.callbacks == "named" and run.callback_url is None:
            continue
        latest = min(end, run.created_day + ARCHIVED_DAYS)
        for draft in _Callbacks(world, workspace, run, options).drafts(start, latest):
            if start < draft.day <= latest:
                yield draft


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Outputs `first` to `last` (exclusive) of those that the API shows on day `shown`; they are
    part of the run's attempt `attempt`, and its batch `number`."""

    attempt: int
    number: int
    first: int
    last: int
    shown: float


class _Callbacks:
    """Makes the callbacks of a run."""

    def __init__(
        self, world: World, workspace: Workspace, run: JobRun, options: EventOptions
    ) -> None:
        self._world = world
        self._workspace = workspace
        self._run = run
        self._options = options
        mixed = "all" if number_of(run.uid) % 2 else "final"
        self._has_batches = "all" in {options.on, mixed if options.on == "mixed" else ""}

    def drafts(self, start: float, end: float) -> Iterator[Draft]:
        """Yield the callbacks of all attempts that may have some after `start` and until `end`."""
        job, appears = self._run.job, self._run.appears
        ended = [phase for phase in job.phases if phase.status in ENDED]
        ends = [
            (end_of(phase, appears, before_api=self._options.before_api), phase.at)
            for phase in ended
        ]
        ends += [(batch.ends, batch.ends) for batch in self._run.batches]
        for attempt, (told, shown) in enumerate(ends or [(math.inf, job.phases[-1].at)]):
            # Only the first attempt shows its outputs one by one.
            grows = self._has_batches and attempt == 0 and (bool(ended) or not ends)
            if told <= start or (told > end and not grows):
                continue
            parts = self._parts(attempt, shown)
            for part in parts if self._has_batches else ():
                day = min(told, max(_first_shown(job, part.last), appears)) if grows else told
                yield self._batch(part, day)
            yield self._final(attempt, parts, told=told, shown=shown)

    def _parts(self, attempt: int, shown: float) -> list[_Part]:
        """Return the batches of an attempt."""
        count = total(self._segments(shown))
        size = self._options.batch_rows
        return [
            _Part(
                attempt=attempt,
                number=number,
                first=number * size,
                last=min((number + 1) * size, count),
                shown=shown,
            )
            for number in range(-(-count // size))
        ]

    def _segments(self, shown: float) -> tuple[Segment, ...]:
        all_answers = self._world.dialect.continued_outputs == "all"
        return self._run.outputs(shown, all_answers=all_answers)

    def _batch(self, part: _Part, day: float) -> Draft:
        ref, batch_uid = self._uids(part.attempt, part.number)

        def body() -> bytes:
            head = self._head(ref, batch_uid, "RUNNING", number=part.number)
            return self._joined(head, self._rows(part.shown, part.first, part.last))

        order = part.attempt * MOST_BATCHES + part.number
        return Draft(day=day, order=order, kind="batch", subject=self._run.uid, uid=ref, body=body)

    def _final(self, attempt: int, parts: list[_Part], *, told: float, shown: float) -> Draft:
        ref, batch_uid = self._uids(attempt, "final")
        first, last = self._repeated(parts)

        def body() -> bytes:
            moment = self._run.moment(shown)
            head = self._head(
                ref,
                batch_uid if first is not None else None,
                moment.status,
                error=last_error(moment.error, moment.status),
            )
            is_empty = first is None or (not parts and moment.error is not None)
            return self._joined(head, None if is_empty else self._rows(shown, first or 0, last))

        order = (attempt + 1) * MOST_BATCHES - 1
        return Draft(day=told, order=order, kind="final", subject=self._run.uid, uid=ref, body=body)

    def _repeated(self, parts: list[_Part]) -> tuple[int | None, int]:
        """Return which outputs the last POST of an attempt carries; None: its results are null."""
        last = parts[-1].last if parts else 0
        if not self._has_batches:
            return (0 if self._options.final_results else None), last
        if self._options.final_repeats and parts:
            return parts[-1].first, last
        return None, last

    def _head(
        self, ref: str, batch_uid: str | None, status: str, *, number: int = 0, error: object = None
    ) -> Json:
        run = self._run
        data, custom = given(self._world.seed, run.uid, number % run.job.inputs)
        return {
            **({"callback_ref_uid": ref} if self._options.has_refs else {}),
            "run": {"run_uid": run.uid, "batch_uid": batch_uid, "status": status},
            "input": data,
            "custom_data": custom,
            "error": error,
        }

    def _rows(self, shown: float, first: int, last: int) -> list[bytes]:
        return self._world.v4.outputs_of(self._workspace, self._run, shown, first=first, last=last)

    def _joined(self, head: Json, rows: list[bytes] | None) -> bytes:
        results = NO_RESULTS if rows is None else b"[" + b",".join(rows) + b"]"
        start = dumps(head, ascii_json=self._world.dialect.ascii_json)
        return start[:-1] + b',"results":' + results + b"}"

    def _uids(self, attempt: int, number: int | str) -> tuple[str, str]:
        rng = stream(self._world.seed, "callback", self._run.uid, attempt, number)
        return uid(rng), uid(rng)


def _first_shown(job: Job, rows: int) -> float:
    """Return the day from which the API shows so many rows of the job's first attempt."""
    for phase in job.phases:
        if phase.status in ENDED:
            return phase.at
        need = rows / (total(phase.segments) or 1)
        if phase.segments and need <= phase.high:
            day = phase.at
            if need > phase.low:
                pace = (phase.until - phase.at) / (phase.high - phase.low)
                day += (need - phase.low) * pace
            for _ in range(NUDGES):
                if job.state(day).row_count >= rows:
                    break
                day = min(day + NUDGE_DAYS, phase.until)
            return day
    return math.inf
