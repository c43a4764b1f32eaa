"""The dlt source: the resources of one workspace, or of several."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dlt
from dlt.common.typing import TSecretStrValue, TSecretValue
from dlt.extract import DltResource, DltSource
from dlt.extract.items_transform import LimitItem

from captaindata_source.dlt_internals.extraction import is_mapped_or_filtered, limit_of
from captaindata_source.dlt_internals.files import read_arrow_tables
from captaindata_source.dlt_internals.load_step import load_packages_as_a_whole
from captaindata_source.errors import ConfigError
from captaindata_source.extract.extraction import ROWS_PER_BATCH, Extraction, Log
from captaindata_source.extract.opening import (
    connect,
    plan_without_memory,
    redactor_of,
    remember_and_plan,
)
from captaindata_source.extract.package_work import CurrentWork, NewPackage, PackageWork
from captaindata_source.extract.queue import Limits, Package
from captaindata_source.extract.report import WorkspaceReport
from captaindata_source.extract.resources import build_resources
from captaindata_source.extract.results.redaction import UNSALTED
from captaindata_source.http import Secret
from captaindata_source.issues import IssueLog
from captaindata_source.settings.config import load_config
from captaindata_source.settings.kinds import is_positive, is_whole_from
from captaindata_source.settings.unknown import refuse_unknown
from captaindata_source.settings.workspace import Settings
from captaindata_source.tables import JOB_RESULTS, JOBS, SELECTABLE

__all__ = ["SOURCE_NAME", "captaindata", "source_of"]

logger = logging.getLogger(__name__)

SOURCE_NAME = "captaindata"
OWN_OPTIONS = ("full_refresh", "strict", "max_minutes", "max_results")
"""Options that the command does not read from the configuration."""

read_arrow_tables()


def source_of(begin: CurrentWork) -> DltSource:
    """The source whose resources do the work that `begin` gives. Does no I/O."""

    @dlt.source(name=SOURCE_NAME, section=SOURCE_NAME, max_table_nesting=0)
    def workspace_source() -> object:
        return build_resources(begin)

    return workspace_source()


@dlt.source(name=SOURCE_NAME, section=SOURCE_NAME, max_table_nesting=0)
def captaindata(
    *,
    api_key: TSecretStrValue | None = None,
    project_uid: str | None = None,
    workspaces: TSecretValue | None = None,
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
    strict: bool = False,
    max_minutes: float | None = None,
    max_results: int | None = None,
) -> object:
    """Captain Data workspaces: workspaces, workflows, jobs, successful_jobs, job_results.

    Loads what changed since the last load, compared with what the pipeline's destination holds.
    Building the source sends nothing. All that one `pipeline.run` loads is one load package; the
    command and `captaindata_source.sync` load several, each of which is kept when a later one
    fails. One run after the other, into one dataset, from one place: unlike the command, a run
    takes no lock.

    * A job or a list that fails is set aside: the run loads the rest, and the next run tries again.
      What all calls would fail on, such as a key that is refused, ends the run, for all workspaces.
      A run that ends so loads nothing and leaves no row in `sync_runs`.
    * Each run adds a row for each workspace to `sync_runs`, and its issues to `sync_issues`. A row
      counts only where its `_dlt_load_id` is in `_dlt_loads`.
    * A run that is killed loads nothing twice: the next run, or sync, completes it.
    * A dataset that was loaded through another version of the API is refused.
    * `add_limit(n)` takes up to n batches of 1,000 rows, and results of up to n jobs; jobs that are
      not loaded have no results. Such a run adds to `sync_runs` only where a resource has no limit.
      The next run takes up the rest.
    * Outside of a pipeline, iterating the source or a resource gives all rows there are;
      `job_results` come as Arrow tables.

    Args:
        api_key: The workspace's API key.
        project_uid: The workspace's UID.
        workspaces: Several workspaces instead: names of workspaces of the configuration, or
            mappings of `api_key`, `project_uid`, `name` and any option of a workspace. The other
            arguments hold for those that do not say otherwise. None: those of the configuration,
            if any.
        workspace_name: Goes into `workspaces.configured_name`.
        api_version: Version of the API, "v3" or "v4".
        base_url: Root of the API; https unless local. None: where the vendor serves the version.
        result_statuses: Job statuses whose results are loaded; None: those of success.
        max_parallel_requests: Requests of a workspace in flight at once.
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
        strict: The first failure ends the run.
        max_minutes: Minutes after which no more is fetched; what was is loaded, and the next run
            goes on. None: no limit.
        max_results: Results of a workspace after which no more jobs are fetched; the next run goes
            on. None: no limit.

    Returns:
        A dlt source with one resource for each table; those of `extra_tables` are not selected
        unless named.

    Raises:
        ConfigError: An option can't work.
    """
    own: dict[str, Any] = {
        "api_version": api_version,
        "base_url": base_url,
        "result_statuses": result_statuses,
        "max_parallel_requests": max_parallel_requests,
        "requests_per_minute": requests_per_minute,
        "details_max_age_days": details_max_age_days,
        "lookback_days": lookback_days,
        "extra_tables": extra_tables,
        "exclude_fields": exclude_fields,
        "hash_fields": hash_fields,
        "hash_salt": None if hash_salt is None else Secret(hash_salt),
        "keep_secrets": keep_secrets,
        "full_refresh": full_refresh,
    }
    refuse_unknown(more=OWN_OPTIONS)
    if workspaces is not None:
        chosen = _several(workspaces, own)
    else:
        key = dlt.secrets["sources.captaindata.api_key"] if api_key is None else api_key
        uid = dlt.config["sources.captaindata.project_uid"] if project_uid is None else project_uid
        secret = Secret(key if isinstance(key, str) else "")
        chosen = [Settings(api_key=secret, project_uid=uid, name=workspace_name, **own)]
    run = PlainRun(chosen, strict=strict, max_minutes=max_minutes, max_results=max_results)
    load_packages_as_a_whole()
    named = {name for settings in chosen for name in settings.extra_tables}
    return build_resources(CurrentWork(run.begin), extra_tables=named)


def _several(workspaces: Any, common: Mapping[str, Any]) -> Sequence[Settings]:
    """The workspaces of the argument or of the configuration.

    Args:
        workspaces: As it was given, or as dlt found it configured; a text comes from there.
        common: Options of the call; those that are None or at their default do not count.
    """
    unwrap = getattr(workspaces, "unwrap", None)
    given = unwrap() if callable(unwrap) else workspaces
    said = {name: value for name, value in common.items() if value != getattr(Settings, name, None)}
    if isinstance(given, str):
        given = list(load_config().workspaces)
    elif isinstance(given, Sequence):
        given = [{**said, **each} if isinstance(each, Mapping) else each for each in given]
    full_refresh = bool(said.pop("full_refresh", False))
    return load_config(workspaces=given, full_refresh=full_refresh).workspaces


@dataclass(frozen=True, slots=True)
class _Selected:
    """What the current run loads.

    Args:
        resources: The resources that are selected, by table.
        fresh: Tables that start empty.
        limits: By table: how many items its resource may yield.
    """

    resources: Mapping[str, DltResource]
    fresh: frozenset[str]
    limits: Mapping[str, LimitItem]


class PlainRun:
    """What `pipeline.run(captaindata())` does in one load package.

    Args:
        workspaces: Options of each workspace.
        strict: Whether the first failure ends the run.
        max_minutes: Minutes after which no more is fetched; None: no limit.
        max_results: Results of a workspace after which no more jobs are; None: no limit.

    Raises:
        ConfigError: An option can't work.
    """

    def __init__(
        self,
        workspaces: Sequence[Settings],
        *,
        strict: bool,
        max_minutes: float | None,
        max_results: int | None,
    ) -> None:
        if not isinstance(strict, bool):
            raise ConfigError("strict must be true or false")
        if not (max_minutes is None or is_positive(max_minutes)):
            raise ConfigError("max_minutes must be a number above 0, such as 30")
        if not (max_results is None or is_whole_from(max_results, 1)):
            raise ConfigError("max_results must be a whole number from 1, such as 100000")
        self._workspaces = workspaces
        self._strict = strict
        self._max_minutes = max_minutes
        self._max_results = max_results

    def begin(self, package: NewPackage) -> PackageWork:
        """Connects, and plans what there is to do."""
        selected = _selected(package)
        if any(settings.hash_fields and not settings.hash_salt for settings in self._workspaces):
            logger.warning(UNSALTED)
        limits = Limits(max_minutes=self._max_minutes)
        extractions = [
            self._extraction(settings, package, selected, limits) for settings in self._workspaces
        ]
        return PackageWork(
            extractions,
            tables=selected.resources.keys(),
            limited=selected.limits.keys(),
            folder=package.folder,
        )

    def _extraction(
        self, settings: Settings, package: NewPackage, selected: _Selected, limits: Limits
    ) -> Extraction:
        tables = self._tables_of(settings, selected)
        issues = IssueLog()
        report = WorkspaceReport(
            name=settings.name,
            workspace_uid=settings.project_uid,
            is_full_refresh=settings.full_refresh,
            api_version=settings.api_version,
            load_packages=1,
        )
        api = connect(settings, issues=issues)
        if package.is_loaded:
            plan = remember_and_plan(
                settings,
                api,
                dlt.current.pipeline(),
                issues=issues,
                wanted=tables,
                fresh=selected.fresh,
                is_strict=self._strict,
            )
        else:
            plan = plan_without_memory(
                settings, api, issues=issues, wanted=tables, is_strict=self._strict
            )
        plan.jobs.most_rows = _most(selected.limits.get(JOBS.name), ROWS_PER_BATCH)
        redact = redactor_of(settings)

        def log() -> Log:
            done = report.after(plan, calls=api.calls, tables=tables, redact=redact)
            done.finished_at = datetime.now(UTC)
            return Log(runs=[done.as_row()], issues=report.issue_rows(issues.take()))

        return Extraction(
            plan=plan,
            api=api,
            settings=settings,
            package=Package(
                plan.queue,
                max_rows=self._max_results or math.inf,
                max_jobs=_most(selected.limits.get(JOB_RESULTS.name), 1),
                limits=limits,
                parallel=lambda: api.parallel,
            ),
            tables=tables,
            folder=package.folder,
            load_id=package.load_id,
            log=log,
            is_loaded=package.is_loaded,
            marks_empty=package.is_loaded and JOB_RESULTS.name not in selected.fresh,
            redact=redact,
        )

    def _tables_of(self, settings: Settings, selected: _Selected) -> frozenset[str]:
        """The tables to load of a workspace: an extra table that only others name is not."""
        others = {name for each in self._workspaces for name in each.extra_tables}
        return frozenset(selected.resources) - (others - set(settings.extra_tables))


def _most(limit: LimitItem | None, batch: int) -> float:
    """How many rows or jobs a limit allows."""
    if limit is None or limit.max_items < 0:
        return math.inf
    if limit.count_rows and batch > 1:  # dlt takes the batch with the last of them as a whole
        return math.ceil(limit.max_items / batch) * batch
    return limit.max_items * batch


def _selected(package: NewPackage) -> _Selected:
    """What the current run loads.

    Raises:
        ConfigError: A resource was changed in a way that would lose rows in silence.
    """
    resources = dlt.current.source().selected_resources
    names = {table.name for table in SELECTABLE}
    selected = {name: each for name, each in resources.items() if name in names}
    limits: dict[str, LimitItem] = {}
    for name, resource in selected.items():
        if resource.table_name != name:
            raise ConfigError(
                f"The table of {name} can't be renamed: what is loaded is looked up there. "
                "Rename it in a view"
            )
        if (limit := limit_of(resource)) is not None:
            limits[name] = limit
        if name == JOB_RESULTS.name and is_mapped_or_filtered(resource):
            raise ConfigError(
                "job_results can't be mapped or filtered: results travel as files that are not "
                "parsed. Do it in SQL, over the column data"
            )
    timed = sorted(name for name, limit in limits.items() if limit.max_time)
    if timed:
        raise ConfigError(f"add_limit of {timed[0]} can't take max_time: set max_minutes instead")
    emptied: set[str] = set()
    if package.is_loaded:
        state = dlt.current.load_package_state()["state"]
        found = (*state.get("dropped_tables", ()), *state.get("truncated_tables", ()))
        emptied = {table["name"] for table in found}
    replaced = {name for name, each in selected.items() if each.write_disposition == "replace"}
    return _Selected(selected, frozenset(emptied | replaced), limits)
