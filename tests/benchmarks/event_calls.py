"""Counts the calls of a day with events against those of hourly syncs: `make bench-events`.

    python -m tests.benchmarks.event_calls [--runs 10000] [--api v3|v4] [--workflows 24]

The real API, plan and extraction run against the sandbox by HTTP, with a dictionary as warehouse.
Events go through the real bodies, inbox and turns, by the clock of the sandbox; a turn takes a
second. A world is synced every hour; its twin receives events and is synced once a day.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from captaindata_source.events.bodies import read_event
from captaindata_source.events.inbox import Inbox, Stored
from captaindata_source.events.turns import Turns
from captaindata_source.extract.report import WorkspaceReport
from captaindata_source.extract.told_events import event_rows
from captaindata_source.http import Secret
from captaindata_source.sandbox import LoggedRequest, World
from captaindata_source.sandbox.dialect import Dialect
from captaindata_source.sandbox.event_drafts import EventOptions
from captaindata_source.sandbox.events import Event, events_between
from captaindata_source.sandbox.jobs import Job
from captaindata_source.sandbox.schedule import Schedule
from captaindata_source.sandbox.workflows import Workflow
from captaindata_source.settings.named_jobs import NamedJobs, Told
from captaindata_source.settings.sync_options import SyncOptions
from captaindata_source.settings.workspace import Settings
from captaindata_source.tables import CHECKPOINTS, JOB_RESULTS, JOBS, SUCCESSFUL_JOBS
from captaindata_source.warehouse.memory import Evidence, Memory
from tests.benchmarks.tables import align
from tests.support.faulty_sandbox import FaultySandbox
from tests.support.world_syncs import BY_NAME, WorldSyncs

HOUR = timedelta(hours=1)
SCHEDULE_HOURS = 24
TURN_SECONDS = 1.0
MEAN_RESULTS = 20
QUIET = 50
"""How many times as many jobs there are on the day that is measured as on those before."""
HEADER = ("", "runs", "events", "hourly", "with events", "ratio", "told turns", "wrong")


class _Looked:
    """Finds jobs among the rows, as a database would."""

    def __init__(self, syncs: EventSyncs, memory: Memory) -> None:
        self._syncs, self._memory = syncs, memory

    def look_up(self, uids: Sequence[str]) -> None:
        self._syncs.remember(self._memory, uids)

    def evidence(self) -> Evidence:
        return Evidence()

    def is_refuted(self) -> bool:
        counts = {row["uid"]: row["row_count"] for row in self._syncs.rows(JOBS.name)}
        ledger = self._syncs.rows("job_results_ledger")
        return any(row["result_rows"] and counts.get(row["job_uid"]) == 0 for row in ledger)

    def skipped(self, _workflow_uids: object, *, turn: int | None) -> list[str]:
        return []


class EventSyncs(WorldSyncs):
    """Syncs of a world, and short turns for events."""

    calls: Counter[str]

    def remember(self, memory: Memory, uids: Sequence[str]) -> None:
        """Adds what the rows say of jobs."""
        whole = self.tables
        key = self.workspace.uid
        self.tables = {
            **whole,
            **{
                name: {
                    (key, uid): whole[name][key, uid]
                    for uid in uids
                    if (key, uid) in whole.get(name, {})
                }
                for name in (JOBS.name, SUCCESSFUL_JOBS.name, "job_results_ledger")
            },
            CHECKPOINTS.name: {},
        }
        try:
            found = super()._memory({*self._wanted})
        finally:
            self.tables = whole
        memory.jobs.update(found.jobs)
        memory.results.update(found.results)
        memory.successful_jobs.update(found.successful_jobs)
        memory.workflows.update(found.workflows)

    _wanted: frozenset[str] = frozenset()
    _told: Told | None = None

    def _memory(self, wanted: set[str]) -> Memory:
        if self._told is None:
            return super()._memory(wanted)
        self._wanted = frozenset(wanted)
        memory = Memory(unclean={})
        self.remember(memory, [each.job_uid for each in self._told.events if each.job_uid])
        memory.finder = _Looked(self, memory)  # type: ignore[assignment]
        return memory

    def _count_results(self, uids: Sequence[str]) -> Any:
        whole = self.tables
        key = self.workspace.uid
        wanted = {*uids}
        results = {k: v for k, v in whole.get(JOB_RESULTS.name, {}).items() if k[1] in wanted}
        self.tables = {**whole, JOB_RESULTS.name: results}
        assert key
        try:
            return super()._count_results(uids)
        finally:
            self.tables = whole

    def load(self, _name: str, told: Told) -> WorkspaceReport:
        """A turn; see `EventLoads.load`."""
        self._told = told
        version = str(self.options["api_version"])
        named = NamedJobs(
            jobs=tuple(dict.fromkeys(each.job_uid for each in told.events if each.job_uid)),
            told=told,
        )
        settings = Settings(
            api_key=Secret("k"),
            project_uid=self.workspace.uid,
            api_version=version,
            named_jobs=named,
        )
        tables = [BY_NAME[name] for name in sorted(SyncOptions().wanted_of(settings))]
        try:
            synced = self.sync(*tables, named_jobs=named)
        finally:
            self._told = None
        assert self.last_plan is not None
        event_rows(
            told,
            self.last_plan,
            loaded=self.last_results,
            tables=frozenset(table.name for table in tables),
        )
        report = WorkspaceReport(name="acme", workspace_uid=self.workspace.uid)
        report.api_calls = len(synced.requests)
        return report


def quiet_before_it_starts(world: World) -> None:
    """Few jobs before the day that is measured: they would only take time and memory."""
    for workspace in world.workspaces:
        schedule = world.content(workspace).schedule
        usual, cell = schedule._jobs_per_day, schedule._cell

        def rarer(workflow: Workflow, day: int, *, of: Schedule = schedule) -> Iterator[Job]:
            of._jobs_per_day = usual if day >= 0 else usual / QUIET  # noqa: B023 - one workspace
            return iter(list(cell(workflow, day)))  # noqa: B023

        schedule._cell = rarer  # type: ignore[method-assign]


def make(api: str, runs: int, workflows: int, folder: Path) -> tuple[FaultySandbox, EventSyncs]:
    world = World(
        7,
        workspaces=1,
        workflows=workflows,
        days=10,
        jobs_per_day=runs / workflows,
        mean_results=MEAN_RESULTS,
        live_runs_per_day=0,
        dialect=Dialect(jobs_page_size=50),
    )
    quiet_before_it_starts(world)
    sandbox = FaultySandbox(world)
    folder.mkdir(exist_ok=True)
    options = {"api_version": api, "deep_listing_hours": 24}
    return sandbox, EventSyncs(sandbox, folder, options)


def at(sandbox: FaultySandbox, syncs: EventSyncs, moment: datetime) -> None:
    if (ahead := moment - sandbox.world.now) > timedelta():
        sandbox.world.advance(hours=ahead / HOUR)
    syncs.now = moment


def hourly(api: str, runs: int, workflows: int, folder: Path) -> tuple[int, EventSyncs]:
    sandbox, syncs = make(api, runs, workflows, folder)
    with sandbox:
        start = sandbox.world.now
        at(sandbox, syncs, start)
        syncs.sync()
        calls = 0
        for hour in range(1, 25):
            at(sandbox, syncs, start + hour * HOUR)
            calls += len(syncs.sync().requests)
    return calls, syncs


def with_events(
    api: str, runs: int, workflows: int, folder: Path
) -> tuple[int, int, int, EventSyncs]:
    """Calls, events, turns and the syncs."""
    sandbox, syncs = make(api, runs, workflows, folder)
    now = 0.0
    with sandbox:
        start = sandbox.world.now
        at(sandbox, syncs, start)
        syncs.sync()
        inbox = Inbox(folder / "inbox.db")
        settings = Settings(
            api_key=Secret("k"), project_uid=syncs.workspace.uid, api_version=api, name="acme"
        )
        turns = Turns(inbox, settings, syncs.load, clock=lambda: now)
        calls = events = taken = 0
        kinds = Counter[str]()
        busy_until = start
        schedule = start + SCHEDULE_HOURS * HOUR
        end = start + 24 * HOUR

        def go(moment: datetime) -> None:
            nonlocal now
            now = moment.timestamp()
            at(sandbox, syncs, moment)

        def serve(until: datetime) -> None:
            nonlocal calls, taken, busy_until
            while (due := inbox.next_due("acme")) is not None:
                moment = max(datetime.fromtimestamp(due, UTC), busy_until, sandbox.world.now)
                if moment > until:
                    return
                go(moment)
                if not (due_events := turns.begin()):
                    busy_until = moment + timedelta(seconds=5)
                    continue
                sandbox.log.clear()
                turns.take(due_events)
                calls += len(sandbox.log.entries)
                kinds.update(f"turn {kind(each)}" for each in sandbox.log.entries)
                taken += 1
                busy_until = moment + timedelta(seconds=TURN_SECONDS)

        for event in stream(sandbox, syncs, start, end, api):
            while schedule <= event.moment:
                serve(schedule)
                go(max(schedule, sandbox.world.now))
                synced = syncs.sync()
                calls += len(synced.requests)
                kinds.update(f"sync {kind(each)}" for each in synced.requests)
                schedule += SCHEDULE_HOURS * HOUR
            serve(event.moment)
            go(max(event.moment, sandbox.world.now))
            found = read_event(event.body, redact=None)
            inbox.add([Stored(workspace="acme", event=found, received_at=now)])
            events += 1
        serve(end)
        go(max(end, sandbox.world.now))
        synced = syncs.sync()
        calls += len(synced.requests)
        kinds.update(f"sync {kind(each)}" for each in synced.requests)
        inbox.close()
    print(", ".join(f"{count:,} {name}" for name, count in kinds.most_common()), flush=True)
    return calls, events, taken, syncs


def kind(request: LoggedRequest) -> str:
    """What a call is about: the last word of its path that is no uid."""
    words = [word for word in request.path.split("/") if word.isalpha()]
    is_one = not request.path.rstrip("/").endswith(words[-1])
    return f"{words[-1]}{' (one)' if is_one else ''}"


def stream(
    sandbox: FaultySandbox, syncs: EventSyncs, start: datetime, end: datetime, api: str
) -> Iterator[Event]:
    moment = start
    while moment < end:
        until = min(moment + HOUR / 2, end)
        yield from events_between(
            sandbox.world,
            syncs.workspace,
            moment,
            until,
            generation="v3" if api == "v3" else "v4",
            options=EventOptions(on="final"),
        )
        moment = until


def content(syncs: EventSyncs) -> dict[str, Any]:
    """What both must have in the end."""
    results = syncs.tables.get(JOB_RESULTS.name, {})
    return {
        row["uid"]: (
            row["status"],
            row["finish_time"],
            row["row_count"],
            sorted(
                str(each["data"]) for each in results.get((row["workspace_uid"], row["uid"]), [])
            ),
        )
        for row in syncs.rows(JOBS.name)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--workflows", type=int, default=24)
    parser.add_argument("--api", choices=("v3", "v4"), action="append")
    options = parser.parse_args()
    rows = []
    for api in options.api or ("v4", "v3"):
        with tempfile.TemporaryDirectory() as folder:
            one, two = Path(folder) / "hourly", Path(folder) / "events"
            usual, usual_syncs = hourly(api, options.runs, options.workflows, one)
            calls, events, taken, syncs = with_events(api, options.runs, options.workflows, two)
            left, right = content(usual_syncs), content(syncs)
            wrong = sum(left.get(uid) != right.get(uid) for uid in left.keys() | right.keys())
            row = (
                api,
                f"{options.runs:,}",
                f"{events:,}",
                f"{usual:,}",
                f"{calls:,}",
                f"{calls / usual:.3f}",
                f"{taken:,}",
                f"{wrong}",
            )
            print(row, flush=True)
            rows.append(row)
    print(align([HEADER, *rows]))


if __name__ == "__main__":
    main()
