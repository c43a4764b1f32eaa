"""The dlt source of one workspace."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from functools import partial

import dlt
import httpx
from dlt.common.runtime import signals
from dlt.common.typing import TSecretStrValue
from dlt.extract import DltSource
from dlt.extract.items_transform import FilterItem, LimitItem, MapItem, YieldMapItem

from captaindata_source.api import VERSIONS, Api
from captaindata_source.dlt_internals import load_packages_as_a_whole, read_arrow_tables
from captaindata_source.errors import ConfigError
from captaindata_source.extract.extraction import Extraction, Log
from captaindata_source.extract.guard import Guard
from captaindata_source.extract.package_work import CurrentWork, NewPackage, PackageWork
from captaindata_source.extract.plan import Context, SyncPlan
from captaindata_source.extract.queue import Package
from captaindata_source.extract.resources import build_resources
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
from captaindata_source.settings.workspace import Settings
from captaindata_source.tables import JOB_RESULTS, SELECTABLE
from captaindata_source.waiting import Waits
from captaindata_source.warehouse.memory import Warehouse
from captaindata_source.warehouse.stored_secrets import StoredSecrets

__all__ = [
    "SOURCE_NAME",
    "captaindata",
    "connect",
    "redactor_of",
    "remember_and_plan",
    "source_of",
]

logger = logging.getLogger(__name__)

SOURCE_NAME = "captaindata"
USER_STEPS = (MapItem, YieldMapItem, FilterItem)

read_arrow_tables()


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
    warehouse = Warehouse(pipeline, workspace_uid=settings.project_uid)
    memory = warehouse.remember(wanted=wanted, fresh=fresh)
    if not settings.keep_secrets:
        stored = StoredSecrets(pipeline, workspace_uid=settings.project_uid)
        memory.unclean = stored.find(warehouse.rows, fresh=fresh)
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
            read_rows=warehouse.rows,
            count_results=warehouse.count_results,
            wanted=wanted,
            issues=issues,
            guard=Guard(issues, is_strict=is_strict),
            now=datetime.now(UTC),
        )
    )


def source_of(begin: CurrentWork) -> DltSource:
    """The source whose resources do the work that `begin` gives. Does no I/O."""

    @dlt.source(name=SOURCE_NAME, section=SOURCE_NAME, max_table_nesting=0)
    def workspace_source() -> object:
        return build_resources(begin)

    return workspace_source()


@dlt.source(name=SOURCE_NAME, section=SOURCE_NAME, max_table_nesting=0)
def captaindata(
    *,
    api_key: str = dlt.secrets.value,
    project_uid: str = dlt.config.value,
    workspace_name: str = Settings.name,
    api_version: str = Settings.api_version,
    base_url: str | None = Settings.base_url,
    result_statuses: Sequence[str] | None = Settings.result_statuses,
    max_parallel_requests: int = Settings.max_parallel_requests,
    requests_per_minute: int | None = Settings.requests_per_minute,
    details_max_age_days: float = Settings.details_max_age_days,
    lookback_days: float = Settings.lookback_days,
    extra_tables: Sequence[str] = Settings.extra_tables,
    exclude_fields: Sequence[str] = Settings.exclude_fields,
    hash_fields: Sequence[str] = Settings.hash_fields,
    hash_salt: TSecretStrValue | None = None,
    keep_secrets: bool = Settings.keep_secrets,
    full_refresh: bool = Settings.full_refresh,
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
    current = CurrentWork(partial(_begin_all, settings))
    return build_resources(current, extra_tables=extra_tables)


def _begin_all(settings: Settings, package: NewPackage) -> PackageWork:
    """Everything there is to do, as one load package; errors are raised."""
    wanted, fresh, limited = _selected_tables()
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

    def log() -> Log:
        uid = settings.project_uid
        return Log(issues=[issue.as_row(workspace_uid=uid) for issue in issues.take()])

    extraction = Extraction(
        plan=plan,
        api=api,
        settings=settings,
        package=Package(plan.queue, parallel=lambda: api.parallel),
        tables=wanted,
        folder=package.folder,
        load_id=package.load_id,
        log=log,
        marks_empty=JOB_RESULTS.name not in fresh,
        redact=redactor_of(settings),
    )
    return PackageWork([extraction], tables=wanted, limited=limited, folder=package.folder)


def _selected_tables() -> tuple[set[str], set[str], set[str]]:
    """The tables that the current extraction loads, those of them that start empty, and those whose
    resource has a limit."""
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
    if JOB_RESULTS.name in wanted and any(
        isinstance(step, USER_STEPS) for step in selected[JOB_RESULTS.name]._pipe.steps
    ):
        raise ConfigError(
            "job_results can't be mapped or filtered: results travel as files that are not parsed. "
            "Do it in SQL, over the column data"
        )
    replaced = {name for name in wanted if selected[name].write_disposition == "replace"}
    limited = {
        name
        for name in wanted
        if any(isinstance(step, LimitItem) for step in selected[name]._pipe.steps)
    }
    return wanted, emptied | replaced, limited
