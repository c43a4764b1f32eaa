"""What the destination already holds of a workspace.

The warehouse itself is the connector's memory: a load that was lost is a load that is made again,
and losing dlt's working folder or its state loses nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from captaindata_source.api import FLOW_RUNS, RUNS, Coverage
from captaindata_source.warehouse.answers import Answer
from captaindata_source.warehouse.flow_memory import FlowMemory
from captaindata_source.warehouse.input_memory import KnownInputs

__all__ = [
    "FLOW_KIND",
    "FLOW_RUNS",
    "INCREMENTAL",
    "RUNS",
    "Evidence",
    "Facts",
    "Finder",
    "JobTotals",
    "KnownJob",
    "KnownList",
    "KnownRow",
    "KnownWorkflow",
    "Memory",
    "OpenChange",
    "OpenChanges",
]

FLOW_KIND = "flow"
"""`kind` of workflows that are flows."""
INCREMENTAL = "incremental"
"""`sync_mode` of runs that can be continued (documented in API v4)."""


class KnownWorkflow(NamedTuple):
    """A row of `workflows`, as far as it decides what to do next.

    `row_hash` is None where the row's load was not committed as a whole: it is there, but must be
    written again.
    """

    row_hash: str | None
    details_fetched_at: datetime | None
    is_deleted: bool
    created_at: datetime | None = None
    updated_at: datetime | None = None
    name: str | None = None
    kind: str | None = None


class KnownJob(NamedTuple):
    """A row of `jobs`, as far as it decides what to do next; `row_hash` as in `workflows`."""

    row_hash: str | None
    workflow_uid: str | None
    status: str | None
    results_version: str | None
    finish_time: datetime | None
    row_count: int | None
    total_row_count: int | None
    is_deleted: bool
    created_at: datetime | None = None
    updated_at: datetime | None = None
    retry_count: int | None = None
    scheduled_time: datetime | None = None
    is_archived: bool = False
    sync_mode: str | None = None

    @property
    def can_continue(self) -> bool:
        """Whether it may be continued under its uid: its newest answer may lack earlier results."""
        return (self.sync_mode or "").strip().lower() == INCREMENTAL


class KnownList(NamedTuple):
    """A list of jobs, or of members, as far as earlier syncs learned it."""

    is_newest_first: bool | None = None
    page_size: int | None = None
    read_at: datetime | None = None
    listed_at: datetime | None = None


class KnownRow(NamedTuple):
    """A row of another table; `row_hash` as in `workflows`."""

    row_hash: str | None
    is_deleted: bool
    status: str | None = None
    created_at: datetime | None = None


class OpenChange(NamedTuple):
    """A row of a table of changes whose load was not committed.

    What the table holds may be of that load already; `old` is what was committed.

    Args:
        uid: Of the row.
        old: The old value; of results the old workflow.
        rows: Of results: how many there were.
    """

    uid: str
    old: str | None
    rows: int | None = None


OpenChanges = dict[str, dict[tuple[str | None, ...], OpenChange]]
"""By name of a table of changes: key of what changed and field, to the change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What tells which jobs a sync has something to do for.

    Args:
        now: The time of the sync.
        recent_since: The time since when a job is recent.
        final: Statuses that a job leaves only when someone retries it.
        success: Statuses of success.
        wanted: Statuses of jobs whose results are loaded.
        count_fields: Fields of a job that say how many results it has.
        has_results: Whether results are loaded.
        has_successes: Whether successful jobs are.
    """

    now: datetime
    recent_since: datetime
    final: Collection[str]
    success: Collection[str]
    wanted: Collection[str]
    count_fields: Sequence[str]
    has_results: bool
    has_successes: bool


@dataclass(slots=True, kw_only=True)
class JobTotals:
    """Totals of all known jobs; a counter is by workflow.

    Args:
        count: All of them.
        newest: When the last one ended or was to begin, since the epoch.
        recent: Those that their list should hold still.
        created: When the first and the last one were created.
        loaded: Those whose results are loaded.
        is_ledger_lost: Whether there should be results, and none are loaded.
    """

    count: int = 0
    newest: timedelta = timedelta()
    recent: Counter[str | None] = field(default_factory=Counter)
    created: dict[str, tuple[datetime | None, datetime | None]] = field(default_factory=dict)
    loaded: Counter[str | None] = field(default_factory=Counter)
    is_ledger_lost: bool = False


@dataclass(slots=True, kw_only=True)
class Evidence:
    """What all known jobs tell of their counts, by workflow; needed only to fetch results.

    Args:
        fitting: Jobs whose results are as many as counted.
        differing: Those whose results are not, for sure.
        asked: Those whose counts are 0 that were asked for results.
    """

    fitting: Counter[str | None] = field(default_factory=Counter)
    differing: Counter[str | None] = field(default_factory=Counter)
    asked: Counter[str | None] = field(default_factory=Counter)


class Finder(Protocol):
    """Finds jobs that are not remembered."""

    def look_up(self, uids: Sequence[str]) -> None:
        """Remembers jobs that may be known."""

    def named(self, workflow_uids: Collection[str], since: datetime | None) -> Sequence[str]:
        """Uids of jobs.

        Args:
            workflow_uids: Of these workflows; empty: of all.
            since: With a time at or after it; None: all.
        """

    def evidence(self) -> Evidence:
        """What all jobs tell of their counts."""

    def is_refuted(self) -> bool:
        """Whether any job whose counts are 0 has results."""

    def skipped(self, workflow_uids: Collection[str | None], *, turn: int | None) -> Sequence[str]:
        """Remembers jobs that were skipped since their counts are 0.

        Args:
            workflow_uids: Of these workflows; None in it: of all.
            turn: One in a hundred of them, another with each number; None: all.

        Returns:
            Their uids.
        """


@dataclass(slots=True, kw_only=True)
class Memory:
    """What the destination holds of one workspace; empty on a first load.

    Args:
        api_version: Version of the API that it was last loaded through, or begun to; None where it
            was not, or nothing tells.
        workspace_hash: `row_hash` of its row in `workspaces`.
        workflows: By uid.
        jobs: By uid; every job ever seen.
        unread_times: By uid of a job: texts of times that could not be read when it was loaded, by
            column.
        successful_jobs: uid to `row_hash`, None as above.
        results: By uid of a job whose results are completely loaded.
        quota_readings: uid to `row_hash`, None as above.
        covered: Spans of time within which every job that changed is in `jobs`.
        checkpoint: Under which uid that was found; None where it was not.
        lists: By uid of the checkpoint of a list: what was learned of it; those of v4 are `RUNS`
            and `FLOW_RUNS`.
        flows: What is known of flows.
        synced_at: When the last sync that did not fail began; None: nothing tells.
        extras: By name of an extra table: key, but for the workspace, to row.
        inputs: By uid of a job whose inputs are loaded.
        open_changes: Changes whose load was not committed.
        totals: Of all jobs, where not all are remembered.
        finder: Finds the others; None: all are remembered.
        strangers: Uids that were looked up and are not known.
        unclean: By name of a table: uids of the rows that may hold a secret and are not written
            again yet.
    """

    api_version: str | None = None
    workspace_hash: str | None = None
    workflows: dict[str, KnownWorkflow] = field(default_factory=dict)
    jobs: dict[str, KnownJob] = field(default_factory=dict)
    unread_times: dict[str, dict[str, str]] = field(default_factory=dict)
    successful_jobs: dict[str, str | None] = field(default_factory=dict)
    results: dict[str, Answer] = field(default_factory=dict)
    quota_readings: dict[str, str | None] = field(default_factory=dict)
    covered: Coverage = field(default_factory=Coverage)
    checkpoint: str | None = None
    lists: dict[str, KnownList] = field(default_factory=dict)
    flows: FlowMemory = field(default_factory=FlowMemory)
    synced_at: datetime | None = None
    extras: dict[str, dict[tuple[str, ...], KnownRow]] = field(default_factory=dict)
    inputs: dict[str, KnownInputs] = field(default_factory=dict)
    unclean: dict[str, set[str]] = field(default_factory=dict)
    open_changes: OpenChanges = field(default_factory=dict)
    totals: JobTotals | None = None
    finder: Finder | None = None
    strangers: set[str] = field(default_factory=set)

    @property
    def count(self) -> int:
        """How many jobs are known."""
        return len(self.jobs) if self.totals is None else self.totals.count

    def see_spans(self, uid: str, covered: Coverage, *, read_at: datetime | None) -> None:
        """Remembers how far a list of v4 is read.

        Args:
            uid: Of the checkpoint; that of flow runs ends with their name.
            covered: As far as the checkpoint says.
            read_at: When the list was last read deep.
        """
        is_of_flows = uid.endswith(FLOW_RUNS)
        known = self.flows if is_of_flows else self
        known.covered, known.checkpoint = covered, uid
        self.lists[FLOW_RUNS if is_of_flows else RUNS] = KnownList(read_at=read_at)

    def forget_lists(self) -> None:
        """Forgets how far any list is read: rows are lost."""
        self.covered = self.flows.covered = Coverage()
        self.lists.clear()

    def look_up(self, uids: Sequence[str]) -> None:
        """Remembers what is known of jobs, where not all are remembered."""
        if self.finder is not None:
            self.finder.look_up(uids)
