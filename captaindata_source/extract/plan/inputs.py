"""Inputs of jobs, read once for each state of a job."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from captaindata_source.api import Record, is_flow
from captaindata_source.api.credentials import REMOVED, strip_record
from captaindata_source.api.statuses import FAILED, FINAL, PARTIAL, RESTING, Statuses
from captaindata_source.errors import ApiError, NotFoundError
from captaindata_source.extract.plan.context import Context
from captaindata_source.extract.queue import Package
from captaindata_source.extract.results.redaction import Redact
from captaindata_source.extract.rows import digest
from captaindata_source.extract.workers import Task
from captaindata_source.issues import Action, Kind
from captaindata_source.tables import DELETE_MARK, JOB_INPUTS, Row
from captaindata_source.warehouse.memory import KnownJob

__all__ = ["InputPlan"]

MAX_ROWS = 50_000
"""Inputs after which a load package gets no more."""
MAX_NOT_FOUND = 3
"""Jobs whose inputs are not found, before any are: the host has no such call."""
AT_REST = Statuses([*FINAL, *RESTING])
REDACTED = ("input_data", "custom_data", "data")
MIN_QUOTED = 3
"""Length of a redacted value that is looked for in the message of the error."""
UNDECIDED = "404"
"""Content in the ledger of a job whose inputs were not found."""


class _Job(NamedTuple):
    uid: str
    known: KnownJob
    is_listed: bool


class InputPlan:
    """Finds the jobs whose inputs are to be read, and reads them.

    Secrets among them are never loaded, whatever `keep_secrets` says: nothing would clean them
    later.

    A job is asked once for each state that its results have (`results_version`). Jobs that are too
    old are not asked: the API keeps nothing of them.

    Args:
        context: The sync.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known = context.memory.inputs
        is_all = context.settings.job_inputs_of == "all"
        self._statuses = Statuses([*AT_REST] if is_all else [*FAILED, *PARTIAL])
        self._jobs: dict[str, _Job] = {}
        self._not_found: list[_Job] = []
        self._has_found = False
        self._begun = 0
        self._read_rows = 0
        self._ledger: list[Row] = []
        self._lock = threading.Lock()
        self.rows: deque[Row] = deque()
        """Rows of `job_inputs`, those of a job one after the other."""

    def __len__(self) -> int:
        """How many jobs are left."""
        return len(self._jobs)

    def see(self, uid: str, known: KnownJob, *, is_listed: bool) -> None:
        """Notes a job whose inputs are to be read, in the state that it has now.

        Args:
            uid: The job.
            known: What is known of it.
            is_listed: Whether the API lists it still.
        """
        self._jobs.pop(uid, None)
        if JOB_INPUTS.name not in self._context.wanted or known.results_version is None:
            return
        if is_flow(uid):  # there is no call for them
            return
        loaded = self._known.get(uid)
        is_refresh = is_listed and self._context.settings.full_refresh
        if loaded is not None and loaded.version == known.results_version and not is_refresh:
            return
        wanted = self._statuses if loaded is None else AT_REST
        if known.status in wanted:
            self._jobs[uid] = _Job(uid, known, is_listed)

    def tasks(
        self,
        package: Package,
        *,
        threads: int,
        is_old: Callable[[KnownJob], bool],
        redact: Redact | None,
        hold_back: Callable[[], None],
    ) -> list[Task]:
        """The work of a load package.

        Args:
            package: Tells when its time is over.
            threads: How many tasks there may be.
            is_old: Whether a job is too old to be asked.
            redact: Takes what must not be stored; None: nothing.
            hold_back: Called between two jobs; may wait.
        """
        self._jobs = {
            uid: job for uid, job in self._jobs.items() if job.is_listed or not is_old(job.known)
        }
        self._begun = self._read_rows = 0

        def run() -> None:
            while (job := self._take(package)) is not None:
                self._read(job, redact)
                hold_back()

        return [run] * min(threads, len(self._jobs))

    def take_ledger(self) -> list[Row]:
        """Rows of the ledger, once all rows of the package are taken."""
        with self._lock:
            if self._has_found:
                for job in self._not_found:
                    self._note(job, rows=0, content=UNDECIDED)
                self._not_found.clear()
            rows, self._ledger = self._ledger, []
        return rows

    def _take(self, package: Package) -> _Job | None:
        with self._lock:
            if not self._has_found and len(self._not_found) >= MAX_NOT_FOUND:
                self._jobs.clear()
            if self._context.guard.quota is not None:
                return None
            is_full = package.is_over or self._read_rows >= MAX_ROWS
            if not self._jobs or (is_full and self._begun):
                return None
            self._begun += 1
            return self._jobs.pop(next(reversed(self._jobs)))

    def _read(self, job: _Job, redact: Redact | None) -> None:
        context, known = self._context, job.known
        with context.issues.about(workflow_uid=known.workflow_uid, job_uid=job.uid):
            try:
                pages = list(context.api.input_pages(job.uid))
                records = [_redacted(record, redact) for page in pages for record in page]
            except NotFoundError as error:
                context.guard.answered()
                context.issues.add(
                    Kind.NOT_FOUND, Action.KEPT, detail=f"There is no {error.path.split('?')[0]}"
                )
                with self._lock:
                    self._not_found.append(job)
                return
            except ApiError as error:
                context.guard.set_aside(error, f"Inputs of job {job.uid}")
                if context.guard.quota is not None:
                    with self._lock:
                        self._jobs[job.uid] = job
                return
            context.guard.answered()
            rows = [
                context.row(
                    JOB_INPUTS,
                    strip_record(record),
                    job_uid=job.uid,
                    workflow_uid=known.workflow_uid,
                    position=position,
                )
                for position, record in enumerate(records)
            ]
        self._keep(job, rows)

    def _keep(self, job: _Job, rows: list[Row]) -> None:
        content = _content(rows)
        loaded = self._known.get(job.uid)
        is_same = loaded is not None and (loaded.rows, loaded.content) == (len(rows), content)
        with self._lock:
            self._has_found = True
            self._read_rows += len(rows)
            self._note(job, rows=len(rows), content=content)
            if is_same:
                return
            for row in rows:
                self._context.keep(JOB_INPUTS, self.rows, row)
            if not rows and loaded is not None and loaded.rows:
                mark = {**self._ledger[-1], DELETE_MARK: True}
                names = ("workspace_uid", "job_uid", "loaded_at", DELETE_MARK)
                self._context.keep(JOB_INPUTS, self.rows, {name: mark[name] for name in names})

    def _note(self, job: _Job, *, rows: int, content: str) -> None:
        self._ledger.append(
            {
                "workspace_uid": self._context.settings.project_uid,
                "job_uid": job.uid,
                "fingerprint": job.known.results_version,
                "input_rows": rows,
                "content_hash": content,
                "loaded_at": self._context.now,
            }
        )


def _redacted(record: Record, redact: Redact | None) -> Record:
    if redact is None:
        return record
    names = [name for name in REDACTED if isinstance(record.get(name), msgspec.Raw)]
    before = [bytes(record[name]) for name in names]
    after = redact(before)
    found = {**record, **{n: msgspec.Raw(text) for n, text in zip(names, after, strict=True)}}
    message = record.get("error_message")
    if isinstance(message, str) and list(after) != before:
        gone = {*_texts(before)} - {*_texts(after)}
        for text in sorted(gone, key=len, reverse=True):
            if len(text) >= MIN_QUOTED:
                message = message.replace(text, REMOVED)
        found["error_message"] = message
    return found


def _texts(values: Sequence[bytes]) -> Iterator[str]:
    """Texts and numbers at any depth."""
    left: list[object] = [msgspec.json.decode(value) for value in values]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)
        elif value is not None and not isinstance(value, bool):
            yield str(value)


def _content(rows: Sequence[Row]) -> str:
    plain = [{name: row[name] for name in row if name != "loaded_at"} for row in rows]
    return digest(json.dumps(plain, sort_keys=True, default=str))
