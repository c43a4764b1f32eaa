"""The dlt source of one workspace."""

from __future__ import annotations

import logging
import shutil
import weakref
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

import dlt
import httpx
from dlt.common.runtime import signals
from dlt.common.typing import TSecretStrValue
from dlt.extract import DltSource

from captaindata_source.api import DEFAULT_VERSION, VERSIONS, Api
from captaindata_source.dlt_internals.extraction import is_mapped_or_filtered
from captaindata_source.dlt_internals.files import read_arrow_tables
from captaindata_source.dlt_internals.load_step import load_packages_as_a_whole
from captaindata_source.errors import ConfigError
from captaindata_source.extract.guard import Guard
from captaindata_source.extract.plan import Context, SyncPlan
from captaindata_source.extract.queue import Package
from captaindata_source.extract.resources import build_resources
from captaindata_source.extract.results.files import ResultFiles
from captaindata_source.extract.results.reader import ResultReader
from captaindata_source.extract.results.redaction import UNSALTED, Redactor, redactor
from captaindata_source.http import (
    AdaptiveThrottle,
    Clock,
    HttpClient,
    RequestBudget,
    RetryPolicy,
    Secret,
    Throttle,
    TransientError,
)
from captaindata_source.issues import RETRIED, IssueLog
from captaindata_source.settings.unknown import refuse_unknown
from captaindata_source.settings.workspace import (
    DEFAULT_DETAILS_MAX_AGE_DAYS,
    DEFAULT_LOOKBACK_DAYS,
    DEFAULT_MAX_PARALLEL_REQUESTS,
    DEFAULT_NAME,
    Settings,
)
from captaindata_source.tables import JOB_RESULTS, SELECTABLE, Row
from captaindata_source.views.results.counting import Counted, ValueCounter
from captaindata_source.waiting import Waits
from captaindata_source.warehouse.appending import LoadedJobs
from captaindata_source.warehouse.loaded_rows import LoadedRows
from captaindata_source.warehouse.memory import remember
from captaindata_source.warehouse.stored_secrets import StoredSecrets

__all__ = [
    "SOURCE_NAME",
    "Extraction",
    "captaindata",
    "connect",
    "redactor_of",
    "remember_and_plan",
    "source_of",
]

logger = logging.getLogger(__name__)

SOURCE_NAME = "captaindata"
FILES_FOLDER = "result_files"

read_arrow_tables()


class Extraction:
    """The work of one load package, shared by the resources that fill it.

    Args:
        plan: What is to be done.
        api: Where it is fetched.
        settings: Options of the workspace.
        package: Which results belong to this load package.
        marks_empty: Whether a job without results leaves a row that removes those it had.
        appends: Whether new jobs are exempt, as `appending` sees to them.
        counts_values: Whether to count what results hold, for the catalogue.
        redact: Redacts pages of results; None: nothing is redacted.
    """

    def __init__(
        self,
        *,
        plan: SyncPlan,
        api: Api,
        settings: Settings,
        package: Package,
        marks_empty: bool = True,
        appends: bool = False,
        counts_values: bool = False,
        redact: Redactor | None = None,
    ) -> None:
        self.plan = plan
        self.max_parallel = settings.max_parallel_requests
        self._api = api
        self._settings = settings
        self._package = package
        self._marks_empty = marks_empty
        self._appends = appends
        self._redact = redact
        load_id = dlt.current.load_package_state()["load_id"]
        parent = Path(dlt.current.pipeline().working_dir) / FILES_FOLDER
        shutil.rmtree(parent, ignore_errors=True)  # of a process that was killed
        folder = parent / load_id
        folder.mkdir(mode=0o700, parents=True)
        self._remove_files = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.counted: Counted | None = None
        """What the results hold, once closed."""
        self._counter = (
            ValueCounter(workspace_uid=settings.project_uid, load_id=load_id)
            if counts_values
            else None
        )
        self._files = ResultFiles(
            folder=folder,
            workspace_uid=settings.project_uid,
            load_id=load_id,
            loaded_at=datetime.now(UTC),
            on_rows=self._counter.add if self._counter else None,
        )

    @property
    def jobs(self) -> LoadedJobs:
        """The jobs whose results are complete."""
        return self._files.jobs

    def close(self) -> None:
        """Removes the files of results, which dlt has linked, and closes the connections.

        The threads that opened them end with the extraction; the next one opens its own.
        """
        if self._counter is not None:
            self.counted = self._counter.finish()
        self._files.close()
        self._remove_files()
        self._api.close()

    def reader(self) -> ResultReader:
        """A reader of results for one thread."""
        return ResultReader(
            api=self._api,
            package=self._package,
            workspace_uid=self._settings.project_uid,
            files=self._files,
            marks_empty=lambda job: self._marks_empty and not (self._appends and job.is_new),
            issues=self.plan.issues,
            guard=self.plan.guard,
            redact=self._redact,
            trust=self.plan.trust,
        )

    def add_ledger(self, rows: Sequence[Row]) -> None:
        """Adds rows of the ledger that need no call; a reader is to follow."""
        self._files.add_ledger(rows)

    def issue_rows(self) -> list[Row]:
        """Rows of `sync_issues` since the last call."""
        return [
            issue.as_row(workspace_uid=self._settings.project_uid)
            for issue in self.plan.issues.take()
        ]


def connect(
    settings: Settings,
    *,
    issues: IssueLog | None = None,
    retry: RetryPolicy | None = None,
    transport: httpx.BaseTransport | None = None,
    waits: Waits | None = None,
) -> Api:
    """Opens the API of a workspace. Sends nothing yet.

    Args:
        settings: Options of the workspace.
        issues: Told what goes wrong without ending the sync.
        retry: How long to keep trying; by default a quarter of an hour a call.
        transport: Replaces the network, for tests.
        waits: Told of each wait.
    """
    issues = issues or IssueLog()
    waits = waits or Waits()
    clock = Clock(sleep=waits.sleep, check=signals.raise_if_signalled)
    throttle: Throttle
    if settings.requests_per_minute is None:
        throttle = AdaptiveThrottle(max_parallel=settings.max_parallel_requests, clock=clock)
    else:
        throttle = RequestBudget(per_minute=settings.requests_per_minute, clock=clock)
    version = VERSIONS[settings.api_version]

    def note_retry(error: TransientError) -> None:
        issues.add(error.kind, RETRIED, detail=str(error))
        waits.because(error.kind)

    client = HttpClient(
        base_url=settings.url,
        headers=version.headers(settings.project_uid),
        key_header=version.key_header,
        key=Secret(version.key_value(settings.api_key.reveal())),
        throttle=throttle,
        retry=retry,
        transport=transport,
        clock=clock,
        on_retry=note_retry,
        route_of=version.route_of,
        explain=version.explain,
    )
    return version.open(client, issues, workspace_uid=settings.project_uid)


def redactor_of(settings: Settings) -> Redactor | None:
    """Redacts results as the options of a workspace say; None where they say nothing."""
    return redactor(
        exclude=settings.exclude_fields, hashed=settings.hash_fields, salt=settings.hash_salt
    )


def remember_and_plan(
    settings: Settings,
    api: Api,
    pipeline: dlt.Pipeline,
    *,
    issues: IssueLog,
    wanted: Collection[str],
    fresh: Collection[str] = (),
    is_strict: bool = False,
) -> SyncPlan:
    """Reads what the pipeline's destination holds and makes a plan.

    Args:
        settings: Options of the workspace.
        api: The workspace; adds to the same issues.
        pipeline: Gives the destination.
        issues: What goes wrong without ending the sync.
        wanted: See `Context`.
        fresh: Tables that are about to be emptied.
        is_strict: Whether the first failure ends the sync.

    Raises:
        ConfigError: The destination holds what another version of the API said.
    """
    loaded = LoadedRows(pipeline, workspace_uid=settings.project_uid)
    memory = remember(loaded, wanted=wanted, fresh=fresh)
    if not settings.keep_secrets:
        stored = StoredSecrets(pipeline, workspace_uid=settings.project_uid)
        memory.unclean = stored.find(loaded.rows, fresh=fresh)
    if memory.api_version not in (None, api.version):
        raise ConfigError(
            f"Workspace {settings.name!r} was loaded through API {memory.api_version}: what "
            f"{api.version} says of it can't be told from that. Load it into another dataset "
            f"(--dataset), or set api_version back to {memory.api_version!r}"
        )
    return SyncPlan(
        Context(
            api=api,
            settings=settings,
            memory=memory,
            read_rows=loaded.rows,
            count_results=loaded.count_results,
            wanted=wanted,
            issues=issues,
            guard=Guard(issues, is_strict=is_strict),
            now=datetime.now(UTC),
        )
    )


def source_of(begin: Callable[[], Extraction]) -> DltSource:
    """The source whose resources do the work that `begin` gives. Does no I/O."""

    @dlt.source(name=SOURCE_NAME, section=SOURCE_NAME, max_table_nesting=0)
    def workspace_source() -> object:
        return build_resources(begin, loads_issues=False)  # the sync's log does

    return workspace_source()


@dlt.source(name=SOURCE_NAME, section=SOURCE_NAME, max_table_nesting=0)
def captaindata(
    *,
    api_key: str = dlt.secrets.value,
    project_uid: str = dlt.config.value,
    workspace_name: str = DEFAULT_NAME,
    api_version: str = DEFAULT_VERSION,
    base_url: str | None = None,
    result_statuses: Sequence[str] | None = None,
    max_parallel_requests: int = DEFAULT_MAX_PARALLEL_REQUESTS,
    requests_per_minute: int | None = None,
    details_max_age_days: float = DEFAULT_DETAILS_MAX_AGE_DAYS,
    lookback_days: float = DEFAULT_LOOKBACK_DAYS,
    extra_tables: Sequence[str] = (),
    exclude_fields: Sequence[str] = (),
    hash_fields: Sequence[str] = (),
    hash_salt: TSecretStrValue | None = None,
    keep_secrets: bool = False,
    full_refresh: bool = False,
) -> object:
    """One Captain Data workspace: workspaces, workflows, jobs, successful_jobs, job_results.

    Loads what changed since the last load, compared with what the pipeline's destination holds.
    Building the source does no I/O. Everything of one `pipeline.run` is one load package; the
    command line cuts a sync into several. The first error ends the run.

    Args:
        api_key: The workspace's API key.
        project_uid: The workspace's UID.
        workspace_name: Goes into `workspaces.configured_name`.
        api_version: Version of the API, "v3" or "v4".
        base_url: Root of the API; https unless local. None: where the vendor serves the version.
        result_statuses: Job statuses whose results are loaded; None: those of success.
        max_parallel_requests: Requests in flight at once; dlt's `extract.workers` bounds it too.
        requests_per_minute: Budget; None: learn from the API's rate limit headers.
        details_max_age_days: Age at which a workflow's details are fetched again.
        lookback_days: How far before the last change that is loaded the list of runs is read again
            (v4).
        extra_tables: Resources to select beside the five: identities, integrations,
            workspace_members (v4), accounts (v3).
        exclude_fields: Keys of results that are dropped before anything is written.
        hash_fields: Keys of results whose values are hashed before anything is written.
        hash_salt: Secret key of those hashes; None: plain SHA-256.
        keep_secrets: Load jobs and workflows with the session cookies, tokens and passwords that
            they were given.
        full_refresh: Fetch everything again, whatever is loaded already; removes nothing.

    Returns:
        A dlt source with one resource for each table; those of `extra_tables` are not selected
        unless named.

    Raises:
        ConfigError: An option can't work.
    """
    refuse_unknown(more=["full_refresh"])
    settings = Settings(
        api_key=Secret(api_key if isinstance(api_key, str) else ""),
        project_uid=project_uid,
        name=workspace_name,
        api_version=api_version,
        base_url=base_url,
        result_statuses=result_statuses,
        max_parallel_requests=max_parallel_requests,
        requests_per_minute=requests_per_minute,
        details_max_age_days=details_max_age_days,
        lookback_days=lookback_days,
        extra_tables=extra_tables,
        exclude_fields=exclude_fields,
        hash_fields=hash_fields,
        hash_salt=None if hash_salt is None else Secret(hash_salt),
        keep_secrets=keep_secrets,
        full_refresh=full_refresh,
    )
    load_packages_as_a_whole()
    current: list[tuple[str, Extraction]] = []

    def begin() -> Extraction:
        load_id = dlt.current.load_package_state()["load_id"]
        if not current or current[0][0] != load_id:
            current[:] = [(load_id, _begin_all(settings))]
        return current[0][1]

    return build_resources(begin, extra_tables=extra_tables)


def _begin_all(settings: Settings) -> Extraction:
    """Everything there is to do, as one load package; errors are raised."""
    wanted, fresh = _selected_tables()
    issues = IssueLog()
    api = connect(settings, issues=issues)
    plan = remember_and_plan(
        settings,
        api,
        dlt.current.pipeline(),
        issues=issues,
        wanted=wanted,
        fresh=fresh,
        is_strict=True,
    )
    if settings.hash_fields and settings.hash_salt is None:
        logger.warning(UNSALTED)
    return Extraction(
        plan=plan,
        api=api,
        settings=settings,
        redact=redactor_of(settings),
        package=Package(plan.queue, parallel=lambda: api.parallel),
        marks_empty=JOB_RESULTS.name not in fresh,
    )


def _selected_tables() -> tuple[set[str], set[str]]:
    """The tables that the current extraction loads, and those of them that start empty."""
    selected = dlt.current.source().selected_resources
    state = dlt.current.load_package_state()["state"]
    emptied = {
        table["name"]
        for table in (*state.get("dropped_tables", ()), *state.get("truncated_tables", ()))
    }
    names = {table.name for table in SELECTABLE}
    wanted = names & set(selected)
    for name in wanted:
        if selected[name].table_name != name:
            raise ConfigError(
                f"The table of {name} can't be renamed: what is loaded is looked up there. "
                "Rename it in a view"
            )
    if JOB_RESULTS.name in wanted and is_mapped_or_filtered(selected[JOB_RESULTS.name]):
        raise ConfigError(
            "job_results can't be mapped or filtered: results travel as files that are not parsed. "
            "Do it in SQL, over the column data"
        )
    replaced = {name for name in wanted if selected[name].write_disposition == "replace"}
    return wanted, emptied | replaced
