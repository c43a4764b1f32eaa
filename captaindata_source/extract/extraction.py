"""The work of one load package for one workspace."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from captaindata_source.api import Api
from captaindata_source.extract.plan import SyncPlan
from captaindata_source.extract.queue import Package
from captaindata_source.extract.results.files import ResultFile, ResultFiles
from captaindata_source.extract.results.reader import ResultReader
from captaindata_source.extract.results.redaction import Redact
from captaindata_source.extract.workers import Step, Steps, Stream, Task, Workers
from captaindata_source.settings.workspace import Settings
from captaindata_source.tables import (
    JOB_INPUTS,
    JOB_RESULTS,
    JOBS,
    SUCCESSFUL_JOBS,
    WORKFLOWS,
    WORKSPACES,
    Row,
    Table,
)
from captaindata_source.views.results.counting import Counted, ValueCounter
from captaindata_source.warehouse.appending import LoadedJobs

__all__ = ["Extraction", "Log"]

ROWS_PER_BATCH = 1_000
"""Rows that a resource yields at once; `add_limit` counts these batches."""
MOST_ROWS = 20_000
MOST_FILES = 16
"""Of each resource that are ready before the threads hold back."""


@dataclass(frozen=True, slots=True)
class Log:
    """What a load package says of the sync.

    Args:
        runs: Rows of `sync_runs`.
        issues: Rows of `sync_issues`.
        events: Rows of `webhook_events`.
    """

    runs: Sequence[Row] = ()
    issues: Sequence[Row] = ()
    events: Sequence[Row] = ()


class Extraction:
    """The work of one load package for one workspace.

    Args:
        plan: What is to be done.
        api: Where it is fetched.
        settings: Options of the workspace.
        package: Which results belong to this load package.
        tables: Tables that the package has rows of.
        is_loaded: Whether a pipeline loads the package; else its rows are only iterated.
        folder: For files of results; exists.
        load_id: The load package.
        log: Called once all rows are found.
        max_listed: Jobs of one long list that the package takes.
        marks_empty: Whether a job without results leaves a row that removes those it had.
        appends: Whether new jobs are exempt, as `appending` sees to them.
        counts_values: Whether to count what results hold, for the catalogue.
        redact: Redacts pages of results; None: nothing is redacted.
        loads_files: Whether files of results are loaded as they are.
    """

    def __init__(
        self,
        *,
        plan: SyncPlan,
        api: Api,
        settings: Settings,
        package: Package,
        tables: Collection[str],
        folder: Path,
        load_id: str,
        log: Callable[[], Log] = Log,
        is_loaded: bool = True,
        max_listed: float = math.inf,
        marks_empty: bool = True,
        appends: bool = False,
        counts_values: bool = False,
        redact: Redact | None = None,
        loads_files: bool = True,
    ) -> None:
        self.plan = plan
        self.settings = settings
        self.log = log
        self.is_loaded = is_loaded
        self.loads_files = loads_files
        self.tables = frozenset(tables)
        self._api = api
        self._package = package
        self._marks_empty = marks_empty
        self._appends = appends
        self._redact = redact
        self.counted: Counted | None = None
        """What the results hold, once closed."""
        self._counter = (
            ValueCounter(workspace_uid=settings.project_uid, load_id=load_id)
            if counts_values
            else None
        )
        self._finished_files: deque[ResultFile] = deque()
        self._files = ResultFiles(
            folder=folder,
            workspace_uid=settings.project_uid,
            load_id=load_id,
            loaded_at=datetime.now(UTC),
            on_file=self._finished_files.append,
            on_rows=self._counter.add if self._counter else None,
            on_job=plan.context.changes.see_results,
        )
        self._workspace: deque[tuple[Row | None, Row | None]] = deque()
        named = plan.named_workflows
        self._workflows: deque[Row] = deque() if named is None else named.rows
        workers = Workers(most=settings.max_parallel_requests, on_stop=package.cancel)
        self._workers = workers
        self.streams = self._streams()
        """By table: what is found of it. Rows; of `workspaces` its row and a reading of the quota,
        or None of each; of `job_results` files."""
        plan.listing.begin_round(package, max_jobs=max_listed, hold_back=workers.hold_back)

    def _streams(self) -> Mapping[str, Stream[Any]]:
        plan, workers = self.plan, self._workers
        row_tables: dict[str, deque[Row]] = {
            WORKFLOWS.name: self._workflows,
            JOBS.name: plan.jobs.rows,
            SUCCESSFUL_JOBS.name: plan.jobs.successful_rows,
            JOB_INPUTS.name: plan.inputs.rows,
            **{name: extra.rows for name, extra in plan.extras.items()},
        }
        return {
            WORKSPACES.name: workers.stream(self._workspace, batch=1, most=1),
            JOB_RESULTS.name: workers.stream(self._finished_files, batch=1, most=MOST_FILES),
            **{
                name: workers.stream(rows, batch=ROWS_PER_BATCH, most=MOST_ROWS)
                for name, rows in row_tables.items()
            },
        }

    def begin(self) -> None:
        """Begins to fetch what the tables need; what is not loaded is not asked for."""
        plan, workers, tables = self.plan, self._workers, self.tables
        listed = {JOBS.name, SUCCESSFUL_JOBS.name}
        if plan.named_workflows is not None:
            listed.add(WORKFLOWS.name)
        elif WORKFLOWS.name in tables:
            Steps(workers, self._read_workflows, self._end(WORKFLOWS.name)).begin()
        if WORKSPACES.name in tables:
            Steps(workers, self._read_workspace, self._end(WORKSPACES.name)).begin()
        if tables & {*listed, JOB_RESULTS.name, JOB_INPUTS.name}:
            end = self._end(*listed)
            last = (self._read_results_and_inputs, self._end_results, self._end(JOB_INPUTS.name))
            Steps(workers, *plan.listing.stages, end, *last).begin()
        for name in tables & plan.extras.keys():
            Steps(workers, *plan.extras[name].stages, self._end(name)).begin()

    def take_changes(self, table: Table) -> list[Row]:
        """What changed in a table, once all its rows are found; nothing where it is not loaded."""
        return self.plan.context.changes.take(table) if self.is_loaded else []

    def take_ledger(self) -> list[Row]:
        """Rows of the ledger, once all files are taken."""
        return self._files.take_ledger()

    def checkpoints(self) -> list[Row]:
        """How far the lists are read, once all rows of the package are found; none where it is not
        loaded."""
        if not self.is_loaded:
            return []
        members = self.plan.workspace.checkpoint()
        return [*self.plan.listing.checkpoints(), *([members] if members else [])]

    @property
    def loaded_jobs(self) -> LoadedJobs:
        """The jobs whose results are complete."""
        return self._files.jobs

    def close(self) -> None:
        """Ends the threads and closes files and connections; a second call does nothing.

        The next extraction opens its own connections.
        """
        self._workers.stop()
        if self._counter is not None and self.counted is None:
            self.counted = self._counter.finish()
        self._files.close()
        self._api.close()

    def _end(self, *tables: str) -> Step:
        """A step that says that all is found of the tables."""

        def end() -> Sequence[Task]:
            for name in tables:
                self.streams[name].finish()
            return ()

        return end

    def _read_workspace(self) -> Sequence[Task]:
        return [lambda: self._workspace.append(self.plan.workspace.rows())]

    def _read_workflows(self) -> list[Task]:
        def read(fetch: Callable[[], Row | None]) -> None:
            if (row := fetch()) is not None:
                self._workflows.append(row)

        changed: list[Task] = [partial(read, fetch) for fetch in self.plan.workflows.changed()]
        self._workflows.extend(self.plan.workflows.without_kind())
        return changed

    def _read_results_and_inputs(self) -> list[Task]:
        self.plan.expect()
        if JOB_INPUTS.name not in self.tables:
            return self._read_results()
        inputs = self.plan.inputs.tasks(
            self._package,
            threads=self.settings.max_parallel_requests,
            is_old=self.plan.jobs.results.rereads.is_old,
            redact=self._redact,
            hold_back=self._workers.hold_back,
        )
        return [*self._read_results(), *inputs]

    def _read_results(self) -> list[Task]:
        if JOB_RESULTS.name not in self.tables:
            return []
        self._files.add_ledger(self.plan.jobs.results.rereads.take_ledger())
        readers = min(self.settings.max_parallel_requests, len(self.plan.queue))
        return [self._reader().run for _ in range(readers)]

    def _end_results(self) -> Sequence[Task]:
        self._files.finish()
        self._files.add_ledger(self.plan.jobs.results.empty.take_ledger())
        self.streams[JOB_RESULTS.name].finish()
        return ()

    def _reader(self) -> ResultReader:
        told = self.settings.told
        return ResultReader(
            api=self._api,
            package=self._package,
            workspace_uid=self.settings.project_uid,
            files=self._files,
            marks_empty=lambda job: self._marks_empty and not (self._appends and job.is_new),
            issues=self.plan.issues,
            guard=self.plan.guard,
            redact=self._redact,
            empty=self.plan.jobs.results.empty,
            trust=self.plan.trust,
            hold_back=self._workers.hold_back,
            read_stored=self.plan.context.read_results,
            delivered=told.delivered if told else None,
        )
