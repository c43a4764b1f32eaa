"""Opens the API of a workspace, and plans a sync of it from what the destination holds."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

import dlt
import httpx
from dlt.common.runtime import signals

from captaindata_source.api import VERSIONS, Api, Version
from captaindata_source.errors import ConfigError, WrongWorkspaceError
from captaindata_source.extract.guard import Guard
from captaindata_source.extract.plan import Context, SyncPlan
from captaindata_source.extract.plan.totals import LISTED_FOR
from captaindata_source.extract.results.redaction import Redactor, redactor
from captaindata_source.http import (
    AdaptiveThrottle,
    CallLog,
    Clock,
    HttpClient,
    RequestBudget,
    RetryPolicy,
    Secret,
    Throttle,
    TransientError,
)
from captaindata_source.issues import Action, IssueLog
from captaindata_source.settings.learned import LearnedSettings
from captaindata_source.settings.workspace import Settings
from captaindata_source.tables import JOB_INPUTS, JOB_RESULTS, SUCCESSFUL_JOBS
from captaindata_source.waiting import Waits
from captaindata_source.warehouse.folders import short_hash, working_folder
from captaindata_source.warehouse.loaded_rows import LoadedRows, StoredResult
from captaindata_source.warehouse.many_jobs import remember_again, remember_many, remember_named
from captaindata_source.warehouse.memory import Facts, Memory
from captaindata_source.warehouse.remember import RememberMany, remember
from captaindata_source.warehouse.stored_secrets import StoredSecrets

__all__ = [
    "catch_up",
    "connect",
    "plan_without_memory",
    "redactor_of",
    "remember_and_plan",
    "throttle_of",
]


def connect(
    settings: Settings,
    *,
    issues: IssueLog | None = None,
    retry: RetryPolicy | None = None,
    transport: httpx.BaseTransport | None = None,
    waits: Waits | None = None,
    version: Version | None = None,
    throttle: Throttle | None = None,
) -> Api:
    """Opens the API of a workspace. Sends nothing yet.

    Args:
        settings: Options of the workspace.
        issues: Told what goes wrong without ending the sync.
        retry: How long to keep trying; by default a quarter of an hour a call.
        transport: Replaces the network, for tests.
        waits: Told of each wait.
        version: Replaces the version of the API that the options name.
        throttle: That of earlier connections; None: a new one.
    """
    issues = issues or IssueLog()
    waits = waits or Waits()
    clock = Clock(sleep=waits.sleep, check=signals.raise_if_signalled)
    throttle = throttle or throttle_of(settings, clock=clock)
    version = version or VERSIONS[settings.api_version]

    def note_retry(error: TransientError) -> None:
        issues.add(error.kind, Action.RETRIED, detail=str(error))
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
    learned = settings if isinstance(settings, LearnedSettings) else None
    return version.open(
        client,
        issues,
        workspace_uid=settings.project_uid or None,
        workspace=learned.record if learned else None,
        calls=learned.calls if learned else 0,
        told_by="project_uid" if learned is None else f"the dataset, for {settings.name!r},",
        has_flows=settings.has_flows,
    )


def throttle_of(settings: Settings, *, clock: Clock | None = None) -> Throttle:
    """What keeps calls of a workspace within its limits, together with those of other processes
    that share dlt's folder.

    Args:
        settings: Options of the workspace.
        clock: Gives the time, and waits; None: until a signal comes.
    """
    clock = clock or Clock(sleep=Waits().sleep, check=signals.raise_if_signalled)
    if settings.requests_per_minute is None:
        return AdaptiveThrottle(max_parallel=settings.max_parallel_requests, clock=clock)
    log = None
    if settings.project_uid:
        names = f"{settings.url}\n{settings.project_uid}"
        log = CallLog(working_folder() / f"calls_{short_hash(names)}.db")
    return RequestBudget(per_minute=settings.requests_per_minute, clock=clock, log=log)


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
    facts = _facts(settings, api, wanted)
    many: RememberMany = partial(remember_many, facts=facts)
    if settings.named_jobs is not None:
        many = partial(remember_named, facts=facts, uids=settings.named_jobs.jobs)
    elif settings.full_refresh or JOB_INPUTS.name in wanted:  # each job is compared
        many = _remember_each
    memory = remember(
        loaded,
        wanted=wanted,
        fresh=fresh,
        many=many,
        has_flows=settings.has_flows,
    )
    if isinstance(settings, LearnedSettings):
        _refuse_other_name(settings, loaded.uids_named(settings.name))
    if not settings.keep_secrets and settings.told is None:  # syncs clean what is loaded
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
            read_results=_no_results if JOB_RESULTS.name in fresh else loaded.results_of,
            wanted=wanted,
            issues=issues,
            guard=Guard(issues, is_strict=is_strict),
            now=facts.now,
        )
    )


def catch_up(plan: SyncPlan, pipeline: dlt.Pipeline, *, since: str) -> None:
    """Takes note of the jobs that other processes loaded while this one did not hold its lock.

    Args:
        plan: Of the sync.
        pipeline: Gives the destination.
        since: Load packages with a later id.
    """
    context = plan.context
    loaded = LoadedRows(pipeline, workspace_uid=context.settings.project_uid)
    facts = _facts(context.settings, context.api, context.wanted)
    with loaded.connection():
        plan.catch_up(remember_again(loaded, context.memory, facts, since=since))


def _facts(settings: Settings, api: Api, wanted: Collection[str]) -> Facts:
    now = datetime.now(UTC)
    return Facts(
        now=now,
        recent_since=now - LISTED_FOR,
        final=api.final_statuses,
        success=api.success_statuses,
        wanted=settings.wanted_statuses,
        count_fields=api.count_fields,
        has_results=JOB_RESULTS.name in wanted,
        has_successes=SUCCESSFUL_JOBS.name in wanted,
    )


def _remember_each(_rows: LoadedRows, _memory: Memory) -> bool:
    return False


def _no_results(_uid: str) -> Iterator[Sequence[StoredResult]]:
    return iter(())


def _refuse_other_name(settings: LearnedSettings, loaded: Collection[str]) -> None:
    """Refuses a key of another workspace than the one that the name was loaded for."""
    if loaded and settings.project_uid not in loaded:
        raise WrongWorkspaceError(
            f"The key belongs to workspace {settings.project_uid}, but the dataset has "
            f"{', '.join(sorted(loaded))} under the name {settings.name!r}: use its key, or "
            "another name or dataset, or set project_uid",
            path="workspaces",
        )


def plan_without_memory(
    settings: Settings,
    api: Api,
    *,
    issues: IssueLog,
    wanted: Collection[str],
    is_strict: bool = False,
) -> SyncPlan:
    """Makes a plan for rows that are not loaded anywhere: all there is.

    Args:
        settings: Options of the workspace.
        api: The workspace; adds to the same issues.
        issues: What goes wrong without ending the sync.
        wanted: See `Context`.
        is_strict: Whether the first failure ends the sync.
    """
    return SyncPlan(
        Context(
            api=api,
            settings=settings,
            wanted=wanted,
            issues=issues,
            guard=Guard(issues, is_strict=is_strict),
            now=datetime.now(UTC),
        )
    )
