"""All runs of a workspace, sorted and filtered as the clock needs them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta

from captaindata_source.sandbox.flows import FlowBook
from captaindata_source.sandbox.jobs import Job
from captaindata_source.sandbox.live_runs import live_runs
from captaindata_source.sandbox.rng import stream, uid
from captaindata_source.sandbox.runs import Action, Batch, JobRun, Run, number_of
from captaindata_source.sandbox.schedule import Schedule
from captaindata_source.sandbox.workflows import Workflow

SORT_FIELDS = ("created_at", "updated_at", "status")
DEFAULT_SORT = "-created_at"
Filters = Mapping[str, Collection[str]]
"""Names of fields to the values of which a run must have one."""
FILTERS = ("status", "action_name", "execution_mode", "uid", "user_uid", "flow_run_id")
# So many orders are kept while the clock stands.
CACHED_ORDERS = 16
# Runs are archived so many days after they were created.
ARCHIVED_DAYS = 90.0
SCHEDULED_WORKFLOWS = 3
UNDER_WAY = ("CREATED", "QUEUED", "SCHEDULED", "RUNNING")


class RunBook:
    """The runs of one workspace, made as far as the clock needs them.

    Args:
        seed: The world's seed.
        workspace: The workspace's index.
        workspace_uid: Its uid.
        start: The world's start.
        schedule: Its jobs.
        workflows: Its workflows.
        user_uids: Members who may have started a run.
        days: Days of history before the start.
        live_runs_per_day: Mean number of live runs a day.
        flows: Its flows, which made some of the runs.
    """

    def __init__(
        self,
        *,
        seed: int,
        workspace: int,
        workspace_uid: str,
        start: datetime,
        schedule: Schedule,
        workflows: tuple[Workflow, ...],
        user_uids: tuple[str, ...],
        days: int,
        live_runs_per_day: float,
        flows: FlowBook,
    ) -> None:
        self.workspace_uid = workspace_uid
        self.actions = make_actions(seed, workspace, workflows)
        self._seed = seed
        self._workspace = workspace
        self._start = start
        self._schedule = schedule
        self._workflows = workflows
        self._user_uids = user_uids
        self._live_runs_per_day = live_runs_per_day
        self._flows = flows
        self._live_until = -days
        self._jobs_seen = 0
        self._runs: dict[str, Run] = {}
        self._removed: set[str] = set()
        self._continued: dict[str, None] = {}
        self._cached_day = math.nan
        self._orders: dict[tuple[object, ...], list[Run]] = {}

    def find(self, run_uid: str, day: float) -> Run | None:
        """Return the run of a uid if it has appeared by `day` and is not removed."""
        self._make_until(day)
        run = self._runs.get(run_uid)
        return run if run is not None and self._is_there(run, day) else None

    def remove(self, run_uid: str) -> None:
        """Take a run out for good."""
        self._removed.add(run_uid)
        self._orders.clear()

    def continue_run(self, run_uid: str, batch: Batch | None) -> None:
        """Make a run incremental, and continue it by a batch if there is one.

        Raises:
            ValueError: If the run keeps no outputs, or is at work then.
        """
        run = self._runs.get(run_uid)
        if not isinstance(run, JobRun):
            raise ValueError("there is no such run, or it keeps no outputs")  # noqa: TRY004
        if batch is not None and run.status(batch.begins) in UNDER_WAY:
            raise ValueError("a run is continued once it rests")
        batches = run.batches if batch is None else (*run.batches, batch)
        self._continued[run_uid] = None
        self._runs[run_uid] = dataclasses.replace(run, sync_mode="incremental", batches=batches)
        self._orders.clear()

    def listed(
        self, day: float, *, sort: str = DEFAULT_SORT, filters: Filters | None = None
    ) -> list[Run]:
        """Return the runs that are there on `day`; the list must not be changed.

        Args:
            day: The day.
            sort: One of `SORT_FIELDS`, after a `-` from the last to the first. Runs that are
                equal in it are sorted by their uid.
            filters: The runs must meet all; keys are from `FILTERS`.
        """
        self._make_until(day)
        wanted = dict(filters or {})
        if "uid" in wanted:
            found = [self.find(uid, day) for uid in set(wanted.pop("uid"))]
            runs = [run for run in found if run is not None and _meets(run, day, wanted)]
            return _sorted(runs, day, sort)
        if self._cached_day != day or len(self._orders) >= CACHED_ORDERS:
            self._orders.clear()
            self._cached_day = day
        key = (sort, *[tuple(wanted.get(name, ())) for name in FILTERS])
        if key not in self._orders:
            if wanted:
                runs = [r for r in self.listed(day, sort=sort) if _meets(r, day, wanted)]
            else:
                there = [run for run in self._runs.values() if self._is_there(run, day)]
                runs = _sorted(there, day, sort)
            self._orders[key] = runs
        return self._orders[key]

    def changing(self, start: float, end: float) -> list[JobRun]:
        """Return the runs that there are until `end`, keep outputs, and change on `start` or later;
        others that were continued are among them."""
        self._make_until(end)
        uids = [job.uid for job in self._schedule.changing(start, end) if job.main is None]
        runs = [self._runs[uid] for uid in dict.fromkeys([*uids, *self._continued])]
        return [run for run in runs if isinstance(run, JobRun) and run.uid not in self._removed]

    def _is_there(self, run: Run, day: float) -> bool:
        is_archived = day - run.created_day > ARCHIVED_DAYS
        return run.appears <= day and not is_archived and run.uid not in self._removed

    def _make_until(self, day: float) -> None:
        for job in self._schedule.made(day, skip=self._jobs_seen):
            self._jobs_seen += 1
            if job.main is None:
                self._runs[job.uid] = self._job_run(job)
        while self._live_until <= day:
            for run in self._live(self._live_until):
                self._runs[run.uid] = run
            self._live_until += 1

    def _live(self, day: int) -> Iterator[Run]:
        return live_runs(
            self._seed,
            self._workspace,
            day,
            mean=self._live_runs_per_day,
            start=self._start,
            workflows=self._workflows,
            actions=self.actions,
            user_uids=self._user_uids,
        )

    def _job_run(self, job: Job) -> JobRun:
        dice = number_of(job.uid)
        action = self.actions[job.workflow_uid]
        daily = job.configuration.get("schedule", {}).get("repeat") == "daily"
        maker = self._flows.maker_of(job.uid, job.scheduled)
        hook = f"https://hooks.example.com/captain-data/{job.uid[:8]}"
        return JobRun(
            uid=job.uid,
            action=action,
            user_uid=self._user_uids[dice % len(self._user_uids)],
            appears=job.appears,
            created_day=job.scheduled,
            created=self._start + timedelta(days=job.scheduled),
            execution_mode="ASYNC",
            scheduled_run_uid=action.schedule_uid if daily else None,
            callback_url=hook if dice % 3 == 0 else None,
            parameters=job.configuration,
            name=job.name,
            flow_run_id=None if maker is None else maker.uid,
            job=job,
        )


def make_actions(seed: int, workspace: int, workflows: tuple[Workflow, ...]) -> dict[str, Action]:
    """Return the action of each workflow's uid; a workflow's new name or step changes nothing."""
    rng = stream(seed, workspace, "actions")
    actions: dict[str, Action] = {}
    used: dict[str, int] = {}
    for workflow in workflows:
        slug = workflow.kind.steps[-1].permalink
        used[slug] = used.get(slug, 0) + 1
        name = slug if used[slug] == 1 else f"{slug}-{used[slug]}"
        schedule = uid(rng)
        actions[workflow.uid] = Action(
            number=number_of(workflow.uid) % 10**9,
            name=name,
            schedule_uid=schedule if workflow.index < SCHEDULED_WORKFLOWS else None,
        )
    return actions


def _sorted(runs: list[Run], day: float, sort: str) -> list[Run]:
    runs.sort(key=_by_uid)
    field = sort.removeprefix("-")
    descending = sort != field
    if field == "created_at":
        runs.sort(key=_by_created, reverse=descending)
    elif field == "updated_at":
        # The order is that of what is shown, which has microseconds.
        runs.sort(key=lambda run: timedelta(days=run.updated(day)), reverse=descending)
    else:
        runs.sort(key=lambda run: run.status(day), reverse=descending)
    return runs


def _meets(run: Run, day: float, wanted: Filters) -> bool:
    return all(_value(run, name, day) in values for name, values in wanted.items())


def _value(run: Run, name: str, day: float) -> str | None:
    if name == "status":
        return run.status(day)
    if name == "action_name":
        return run.action.name
    value: str | None = getattr(run, name)
    return value


def _by_uid(run: Run) -> str:
    return run.uid


def _by_created(run: Run) -> datetime:
    return run.created
