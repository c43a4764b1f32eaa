"""The dlt source: the resources of one workspace, or of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dlt
from dlt.common.typing import TSecretStrValue, TSecretValue
from dlt.extract import DltSource

from captaindata_source.api import VERSIONS
from captaindata_source.dlt_internals.files import read_arrow_tables
from captaindata_source.dlt_internals.load_step import load_packages_as_a_whole
from captaindata_source.dlt_internals.normalize_step import drop_normalized_remains
from captaindata_source.extract.package_work import CurrentWork
from captaindata_source.extract.plain_run import PlainRun
from captaindata_source.extract.resources import build_resources
from captaindata_source.http import Secret
from captaindata_source.settings.config import load_config
from captaindata_source.settings.sync_options import read_table_format
from captaindata_source.settings.unknown import refuse_unknown
from captaindata_source.settings.workspace import Settings

__all__ = ["SOURCE_NAME", "captaindata", "source_of"]

SOURCE_NAME = "captaindata"
OWN_OPTIONS = ("full_refresh", "strict", "max_minutes", "max_results", "table_format")
"""Options that the command does not read from the configuration."""

read_arrow_tables()


def source_of(begin: CurrentWork, *, table_format: str | None = None) -> DltSource:
    """The source whose resources do the work that `begin` gives, into tables of a format. Does no
    I/O."""

    @dlt.source(name=SOURCE_NAME, section=SOURCE_NAME, max_table_nesting=0)
    def workspace_source() -> object:
        return build_resources(begin, table_format=table_format)

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
    deep_listing_hours: float = Settings.deep_listing_hours,
    extra_tables: Sequence[str] = Settings.extra_tables,
    job_inputs_of: str = Settings.job_inputs_of,
    exclude_fields: Sequence[str] = Settings.exclude_fields,
    hash_fields: Sequence[str] = Settings.hash_fields,
    hash_salt: TSecretStrValue | None = None,
    keep_secrets: bool = Settings.keep_secrets,
    full_refresh: bool = Settings.full_refresh,
    strict: bool = False,
    max_minutes: float | None = None,
    max_results: int | None = None,
    table_format: str | None = None,
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
        project_uid: The workspace's UID. v4: may be left out, the key tells it.
        workspaces: Several workspaces instead: names of workspaces of the configuration, or
            mappings of `api_key`, `project_uid`, `name` and any option of a workspace. The other
            arguments hold for those that do not say otherwise, but for `api_key` and
            `project_uid`. None: those of the configuration, unless `api_key` is given.
        workspace_name: Goes into `workspaces.configured_name`.
        api_version: Version of the API: "v3", "v4", or "edges", which is v4 at
            https://api.edges.run/v1.
        base_url: Root of the API; https unless local. None: where the vendor serves the version.
        result_statuses: Job statuses whose results are loaded; None: those of success.
        max_parallel_requests: Requests of a workspace in flight at once.
        requests_per_minute: Budget; None: learn from the API's rate limit headers.
        details_max_age_days: Age at which a workflow's details are fetched again.
        lookback_days: How far before the last change that is loaded the list of runs is read again
            (v4), and for how many days a list of jobs must have brought nothing new (v3).
        deep_listing_hours: After how many hours each list of jobs is read as a whole again, in turn
            over the runs; 0: each time.
        extra_tables: Resources to select beside the five: identities, integrations,
            workspace_members, schedules, callbacks, credit_consumption (v4), accounts (v3),
            job_inputs. "flows" (v4) is no resource: flows become workflows, their runs jobs.
        job_inputs_of: Jobs whose inputs are loaded where `job_inputs` is selected: those that
            failed or are partial ("failed"), or "all".
        exclude_fields: Keys of results and inputs that are dropped before anything is written.
        hash_fields: Keys of results and inputs whose values are hashed before anything is written.
        hash_salt: Secret key of those hashes; None: plain SHA-256.
        keep_secrets: Load jobs and workflows with the session cookies, tokens and passwords that
            they were given.
        full_refresh: Fetch everything again, whatever is loaded already; removes nothing.
        strict: The first failure ends the run.
        max_minutes: Minutes after which no more is fetched; what was is loaded, and the next run
            goes on. None: no limit.
        max_results: Results of a workspace after which no more jobs are fetched; the next run goes
            on. None: no limit.
        table_format: "delta" or "iceberg": format of the tables that the `filesystem` destination
            makes. None: files of rows.

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
        "deep_listing_hours": deep_listing_hours,
        "extra_tables": extra_tables,
        "job_inputs_of": job_inputs_of,
        "exclude_fields": exclude_fields,
        "hash_fields": hash_fields,
        "hash_salt": None if hash_salt is None else Secret(hash_salt),
        "keep_secrets": keep_secrets,
        "full_refresh": full_refresh,
    }
    refuse_unknown(more=OWN_OPTIONS)
    has_own_key = _is_given("api_key", api_key) and not _is_given("workspaces", workspaces)
    if workspaces is not None and not has_own_key:
        chosen = _several(workspaces, own)
    else:
        key = dlt.secrets["sources.captaindata.api_key"] if api_key is None else api_key
        uid = _uid(api_version) if project_uid is None else project_uid
        secret = Secret(key if isinstance(key, str) else "")
        chosen = [Settings(api_key=secret, project_uid=uid, name=workspace_name, **own)]
    table_format = read_table_format(table_format)
    run = PlainRun(
        chosen,
        strict=strict,
        max_minutes=max_minutes,
        max_results=max_results,
        table_format=table_format,
    )
    drop_normalized_remains()
    load_packages_as_a_whole()
    named = {name for settings in chosen for name in settings.extra_tables}
    return build_resources(CurrentWork(run.begin), extra_tables=named, table_format=table_format)


def _uid(api_version: str) -> str:
    """The UID that is configured; empty where it may be left out."""
    option = "sources.captaindata.project_uid"
    version = VERSIONS.get(api_version)
    if version is not None and version.names_workspace:
        return str(dlt.config.get(option) or "")
    return str(dlt.config[option])


def _is_given(name: str, value: object) -> bool:
    """Whether an option comes from the call and not from the configuration."""
    configured: tuple[object, ...] = (
        dlt.secrets.get(f"sources.captaindata.{name}"),
        dlt.secrets.get(name),
    )
    return value is not None and value not in configured


def _several(workspaces: Any, common: Mapping[str, Any]) -> Sequence[Settings]:
    """The workspaces of the argument or of the configuration.

    Args:
        workspaces: As it was given, or as dlt found it configured; a text comes from there.
        common: Options of the call; those that are None or at their default do not count.
    """
    unwrap = getattr(workspaces, "unwrap", None)
    given = unwrap() if callable(unwrap) else workspaces
    said = {name: value for name, value in common.items() if value != getattr(Settings, name, None)}
    if not _is_given("workspaces", workspaces):
        given = list(load_config().workspaces)
    elif isinstance(given, Sequence):
        given = [{**said, **each} if isinstance(each, Mapping) else each for each in given]
    full_refresh = bool(said.pop("full_refresh", False))
    return load_config(workspaces=given, full_refresh=full_refresh).workspaces
