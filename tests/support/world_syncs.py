"""Syncs of one workspace of a sandbox without dlt and a database.

The API, the plan and the extraction are the real ones, over HTTP. Rows are merged into dictionaries
as the destination would merge them, and the memory of the next sync is read from those.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import msgspec
import pyarrow.parquet as pq

from captaindata_source.api import Api, Coverage, is_flow
from captaindata_source.extract.extraction import Extraction
from captaindata_source.extract.guard import Guard
from captaindata_source.extract.opening import connect, redactor_of
from captaindata_source.extract.plan import Context, SyncPlan
from captaindata_source.extract.queue import Package
from captaindata_source.http import Secret
from captaindata_source.issues import Issue, IssueLog
from captaindata_source.sandbox import LoggedRequest
from captaindata_source.settings.workspace import Settings
from captaindata_source.tables import (
    CHANGE_TABLES,
    CHECKPOINTS,
    DELETE_MARK,
    EXTRA_TABLES,
    INPUTS_LEDGER,
    JOB_INPUTS,
    JOB_RESULTS,
    JOBS,
    LEDGER,
    SELECTABLE,
    SUCCESSFUL_JOBS,
    TABLES,
    WORKFLOWS,
    WORKSPACES,
    Row,
    Table,
)
from captaindata_source.warehouse.input_memory import KnownInputs
from captaindata_source.warehouse.loaded_rows import StoredCount, StoredResult
from captaindata_source.warehouse.memory import (
    KnownJob,
    KnownList,
    KnownRow,
    KnownWorkflow,
    Memory,
    OpenChange,
    OpenChanges,
)
from captaindata_source.warehouse.open_changes import KEYS, OF_RESULTS, as_committed
from tests.support.faulty_sandbox import FaultySandbox
from tests.support.reading import answer_of

__all__ = ["MakeSyncs", "WorldSynced", "WorldSyncs"]

BY_NAME = {
    table.name: table
    for table in (*SELECTABLE, LEDGER, INPUTS_LEDGER, CHECKPOINTS, *CHANGE_TABLES.values())
}


@dataclass(frozen=True, slots=True)
class WorldSynced:
    """What one sync did: the requests that the sandbox saw, rows by table, jobs set aside, and all
    issues."""

    requests: list[LoggedRequest]
    total: Counter[str]
    set_aside: list[Issue]
    skipped: int
    kinds: Counter[str] = field(default_factory=Counter)
    """Issues, by kind."""
    issues: list[Issue] = field(default_factory=list)

    def paths(self, ending: str) -> list[str]:
        """Paths of the requests that end so, in their order."""
        return [request.path for request in self.requests if request.path.endswith(ending)]


@dataclass
class WorldSyncs:
    """Syncs, one after the other.

    Args:
        sandbox: Serves; its clock stands unless a test moves it.
        folder: For files of results.
        options: Of the workspace.
    """

    sandbox: FaultySandbox
    folder: Path
    options: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, dict[tuple[Any, ...], list[Row]]] = field(default_factory=dict)
    """By name and key; `job_results` has several rows of a key."""
    loads: int = 0
    now: datetime | None = None
    """The time of the connector; None: that of the clock."""
    broken: set[int] = field(default_factory=set)
    """Loads whose rows are there, and that were never committed."""
    last_plan: SyncPlan | None = None
    """Of the last sync."""
    last_results: frozenset[str] = frozenset()
    """The jobs whose results it fetched."""
    _synced_at: datetime | None = None

    def __post_init__(self) -> None:
        self.world = self.sandbox.world
        self.workspace = self.world.workspaces[0]

    def lose(self, table: str, uid: str) -> None:
        """Removes a row, and says so to the checkpoint: as if the API had not listed it yet."""
        self.tables[table] = {
            key: rows for key, rows in self.tables[table].items() if rows and rows[0]["uid"] != uid
        }
        for row in self.rows(CHECKPOINTS.name):
            row["jobs"] -= 1

    def rows(self, table: str) -> list[Row]:
        """Rows of a table as a destination would hold them, JSON columns parsed."""
        return [row for rows in self.tables.get(table, {}).values() for row in rows]

    def row(self, table: str, uid: str) -> Row:
        """The row of a table with that uid."""
        (row,) = (row for row in self.rows(table) if row["uid"] == uid)
        return row

    def sync(self, *tables: Table, **options: Any) -> WorldSynced:
        """Syncs once; the request log starts empty.

        Args:
            tables: Those to load; none: the five.
            options: Of the workspace, for this sync.
        """
        self.sandbox.log.clear()
        self.loads += 1
        wanted = {table.name for table in tables or TABLES}
        version = {"api_version": "v3", "deep_listing_hours": 0, **self.options, **options}
        settings = Settings(**{**self._place(version["api_version"]), **version})
        issues = IssueLog()
        now = self.now or datetime.now(UTC)
        api = self._connect(settings, issues)
        plan = SyncPlan(
            Context(
                api=api,
                settings=settings,
                memory=self._memory(wanted),
                read_rows=self._read_rows,
                count_results=self._count_results,
                read_results=self._read_results,
                wanted=wanted,
                issues=issues,
                guard=Guard(issues),
                now=now,
            )
        )
        extraction = Extraction(
            plan=plan,
            api=api,
            settings=settings,
            package=Package(plan.queue, parallel=lambda: api.parallel),
            tables=wanted,
            folder=self.folder,
            load_id=f"load-{self.loads:03d}",
            redact=redactor_of(settings),
        )
        extraction.begin()
        try:
            total = Counter(
                {name: self._store(name, self._found(extraction, name)) for name in sorted(wanted)}
            )
            ledger = extraction.take_ledger()
            self._store(INPUTS_LEDGER.name, plan.inputs.take_ledger())
        finally:
            extraction.close()
        self._store(LEDGER.name, ledger)
        for name, changes in CHANGE_TABLES.items():
            self._store(changes.name, extraction.take_changes(BY_NAME[name]))
        self._store(CHECKPOINTS.name, extraction.checkpoints())
        self._synced_at = now
        self.last_plan, self.last_results = plan, frozenset(extraction.loaded_jobs.uids)
        requests = list(self.sandbox.log.entries)
        found = list(issues.take())
        kinds = Counter(str(issue.kind) for issue in found)
        return WorldSynced(requests, +total, issues.set_aside, plan.queue.skipped, kinds, found)

    def _place(self, version: str) -> dict[str, Any]:
        return {
            "api_key": Secret(self.workspace.api_key),
            "project_uid": self.workspace.uid,
            "base_url": self.sandbox.base_url_of(cast("Any", version)),
        }

    def _connect(self, settings: Settings, issues: IssueLog) -> Api:
        return connect(settings, issues=issues)

    def _found(self, extraction: Extraction, name: str) -> Iterator[Row]:
        for batch in extraction.streams[name].batches():
            for found in batch:
                if name == JOB_RESULTS.name:
                    yield from pq.read_table(found.path).to_pylist()
                elif name == WORKSPACES.name:
                    yield from [row for row in found[:1] if row]
                else:
                    yield found
        if name == WORKFLOWS.name and extraction.plan.named_workflows is None:
            yield from extraction.plan.workflows.vanished()
        if name in extraction.plan.extras:
            yield from extraction.plan.extras[name].vanished()

    def _store(self, name: str, rows: Iterator[Row] | Sequence[Row]) -> int:
        """Merges rows by their key, the later `loaded_at` first; gives the number that stay."""
        table = BY_NAME[name]
        stored = self.tables.setdefault(name, {})
        fresh: dict[tuple[Any, ...], list[Row]] = {}
        for row in sorted(map(dict, rows), key=_written_at):
            row["_load_id"] = self.loads
            key = tuple(row[each] for each in table.key)
            group = fresh.setdefault(key, [])
            if not table.replaces_by_key:
                group.clear()
            if row.get(DELETE_MARK):
                group.clear()
            else:
                group.append(_parsed(table, row))
        stored.update(fresh)
        return sum(map(len, fresh.values()))

    def _read_rows(self, table: Table, uids: Sequence[str] | None) -> Iterator[Row]:
        for row in self.rows(table.name):
            if uids is None or row["uid"] in uids:
                yield {
                    name: json.dumps(value) if isinstance(value, (dict, list)) else value
                    for name, value in row.items()
                    if value is not None and name != "_load_id"
                }

    def _count_results(self, uids: Sequence[str]) -> Mapping[str, StoredCount]:
        rows = self.rows(JOB_RESULTS.name)
        counts = Counter(row["job_uid"] for row in rows)
        workflows = {row["job_uid"]: row["workflow_uid"] for row in rows}
        return {uid: StoredCount(counts[uid], workflows[uid]) for uid in uids if counts[uid]}

    def _read_results(self, job_uid: str) -> Iterator[list[StoredResult]]:
        rows = [row for row in self.rows(JOB_RESULTS.name) if row["job_uid"] == job_uid]
        for row in sorted(rows, key=lambda row: (row["position"], row["result_uid"])):
            text = json.dumps(row["data"])
            yield [StoredResult(row["result_uid"], row["position"], text, row["created_at"])]

    def _memory(self, wanted: set[str]) -> Memory:
        memory = Memory(unclean={}, open_changes=self._open_changes())
        for row in self.rows(WORKSPACES.name):
            memory.workspace_hash = row["row_hash"]
        for row in self.rows(WORKFLOWS.name):
            known_workflow = KnownWorkflow(**self._fields(row, KnownWorkflow))
            memory.workflows[row["uid"]] = as_committed(
                memory, WORKFLOWS, (row["uid"],), known_workflow
            )
        for row in self.rows(JOBS.name):
            known_job = KnownJob(**self._fields(row, KnownJob))
            memory.jobs[row["uid"]] = as_committed(memory, JOBS, (row["uid"],), known_job)
        for row in self.rows(SUCCESSFUL_JOBS.name):
            memory.successful_jobs[row["uid"]] = row["row_hash"]
        for row in self._committed(LEDGER.name):
            memory.results[row["job_uid"]] = answer_of(row)
        lost = False
        for row in sorted(self._committed(CHECKPOINTS.name), key=lambda row: str(row["loaded_at"])):
            learned = KnownList(**_fields(row, KnownList))
            if row["covered"] is None:
                memory.lists[row["uid"]] = learned
            else:
                covered = Coverage.from_json(row["covered"])
                memory.see_spans(row["uid"], covered, read_at=learned.read_at)
            if len(memory.jobs) < row["jobs"]:
                lost = True
        if lost:
            memory.forget_lists()
        for row in self.rows(JOBS.name):
            if is_flow(row["uid"]):
                memory.flows.links.add(row["uid"], row["id"])
            elif row["flow_run_id"] and not row["main_job_uid"]:
                memory.flows.loose[row["uid"]] = row["flow_run_id"]
        memory.synced_at = self._synced_at
        for row in self.rows(INPUTS_LEDGER.name):
            memory.inputs[row["job_uid"]] = KnownInputs(
                row["fingerprint"], row["input_rows"], row["content_hash"]
            )
        memory.extras = {
            table.name: self._known_rows(table)
            for table in EXTRA_TABLES
            if table.name in wanted and table is not JOB_INPUTS
        }
        return memory

    def _committed(self, table: str) -> list[Row]:
        return [row for row in self.rows(table) if row["_load_id"] not in self.broken]

    def _open_changes(self) -> OpenChanges:
        found: OpenChanges = {}
        for name, table in CHANGE_TABLES.items():
            values = OF_RESULTS if name == JOB_RESULTS.name else ("old_value",)
            for row in self.rows(table.name):
                if row["_load_id"] in self.broken:
                    place = tuple(row[each] for each in KEYS[name])
                    change = OpenChange(row["uid"], *(row[each] for each in values))
                    found.setdefault(table.name, {})[place] = change
        return found

    def _fields(self, row: Row, known: Any) -> dict[str, Any]:
        """A row's values; without its hash where its load was not committed."""
        is_broken = row["_load_id"] in self.broken
        return _fields(row, known) | ({"row_hash": None} if is_broken else {})

    def _known_rows(self, table: Table) -> dict[tuple[str, ...], KnownRow]:
        key = [name for name in table.key if name != "workspace_uid"]
        return {
            tuple(row[name] for name in key): KnownRow(
                row["row_hash"],
                bool(row.get("is_deleted")),
                row.get("status"),
                row.get("created_at"),
            )
            for row in self.rows(table.name)
        }


def _written_at(row: Row) -> datetime:
    time: datetime = row["loaded_at"] if "loaded_at" in row else row["seen_at"]
    return time


def _fields(row: Row, known: Any) -> dict[str, Any]:
    return {name: row.get(name) for name in known._fields}


def _parsed(table: Table, row: Row) -> Row:
    """A row with every column of its table, and JSON values as a database gives them back."""
    found: Row = dict.fromkeys(table.columns)
    for name, value in row.items():
        is_json = table.columns.get(name, "json") == "json"
        if isinstance(value, msgspec.Raw):
            found[name] = msgspec.json.decode(value)
        elif is_json and isinstance(value, (str, bytes)) and name in table.columns:
            found[name] = json.loads(value)
        else:
            found[name] = value
    return found


MakeSyncs = Callable[..., WorldSyncs]
"""Makes syncs over a world, from its seed and options."""
