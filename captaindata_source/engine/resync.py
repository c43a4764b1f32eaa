"""Fetches named jobs again, and asks the API for nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import islice

import dlt

from captaindata_source.engine.guest import (
    Watch,
    active_pipeline_kept,
    safe_watch,
    signals_passed_on,
)
from captaindata_source.engine.report import SyncReport
from captaindata_source.engine.sync import sync_and_follow
from captaindata_source.errors import ConfigError
from captaindata_source.settings.config import GivenWorkspace, load_config
from captaindata_source.settings.named_jobs import NamedJobs
from captaindata_source.settings.sync_options import SyncOptions, overridden
from captaindata_source.settings.workspace import Settings
from captaindata_source.since import Since, read_since
from captaindata_source.tables import JOBS, WORKFLOWS
from captaindata_source.warehouse.loaded_rows import LoadedRows
from captaindata_source.warehouse.preflight import known_uid

__all__ = ["resync"]

MOST_NAMES = 20
"""Names of workflows in a message."""
MAX_JOBS = 1_000
"""Jobs that one call may name."""


def resync(
    *,
    jobs: Sequence[str] = (),
    workflows: Sequence[str] = (),
    since: datetime | str | None = None,
    workspaces: Sequence[GivenWorkspace] | None = None,
    destination: str = SyncOptions.destination,
    dataset: str = SyncOptions.dataset,
    table_format: str | None = None,
    staging: str | None = None,
    watch: Watch | None = None,
) -> SyncReport:
    """Fetches jobs and their results again, as `captaindata resync` does.

    Asks the API for what is named and for nothing else: a call for each job, and one for each page
    of its results; with `workflows` or `since` the lists that hold them. All other tables, and what
    the next sync reads, stay as they are. What the API no longer has is kept.

    Args:
        jobs: UIDs of jobs, at most 1,000; a job that is not loaded yet is loaded.
        workflows: Names or UIDs of workflows: all their jobs. Not with `jobs`.
        since: Jobs with a time at or after it: of `workflows`, or of all. A `datetime`, or a text
            such as "2026-01-31", "2026-01-31T10:00:00Z" or "7d". Not with `jobs`.
        workspaces: As for `sync`. None: all that are configured; of these, the ones that have what
            is named.
        destination: As for `sync`.
        dataset: As for `sync`.
        table_format: As for `sync`.
        staging: As for `sync`.
        watch: As for `sync`.

    Returns:
        As `sync`.

    Raises:
        ConfigError: As `sync`; or nothing is named, or what is named is unknown.
    """
    wanted = _wanted(jobs, workflows, since)
    with active_pipeline_kept(), signals_passed_on() as grace:
        config = load_config(workspaces=workspaces, full_refresh=True)
        given = {"table_format": table_format, "staging": staging}
        options = SyncOptions(
            destination=destination,
            dataset=dataset,
            **overridden(config.load, given),
        )
        start = wanted.start(options.report_timezone)
        choose = partial(_choose, wanted, start, config.workspaces)
        return sync_and_follow(config.workspaces, options, safe_watch(watch), grace, choose=choose)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    jobs: tuple[str, ...]
    workflows: tuple[str, ...]
    since: Since | datetime | None

    def start(self, zone: str) -> datetime | None:
        if isinstance(self.since, Since):
            return self.since.start(zone=zone)
        if self.since is None:
            return None
        return Since(text=self.since.isoformat(), moment=self.since).start(zone=zone)


def _wanted(jobs: Sequence[str], workflows: Sequence[str], since: datetime | str | None) -> _Wanted:
    if isinstance(jobs, str) or isinstance(workflows, str):
        raise ConfigError("jobs and workflows must be lists of texts")
    names = [str(each).strip() for each in (*jobs, *workflows)]
    if not all(names):
        raise ConfigError("A job or workflow that is named is empty")
    if jobs and (workflows or since is not None):
        raise ConfigError("Name jobs, or workflows and a time, not both")
    if not names and since is None:
        raise ConfigError("Name jobs, workflows or a time to fetch again from")
    if len(set(jobs)) > MAX_JOBS:
        raise ConfigError(f"Name at most {MAX_JOBS:,} jobs at once")
    return _Wanted(
        jobs=tuple(dict.fromkeys(names)) if jobs else (),
        workflows=tuple(dict.fromkeys(names)) if workflows else (),
        since=read_since(since) if isinstance(since, str) else since,
    )


def _choose(
    wanted: _Wanted,
    start: datetime | None,
    workspaces: Sequence[Settings],
    pipeline: dlt.Pipeline,
) -> list[Settings]:
    """The workspaces that have what is wanted, each with what it has."""
    if not (wanted.jobs or wanted.workflows):
        named = NamedJobs(since=start)
        return [replace(settings, named_jobs=named) for settings in workspaces]
    is_jobs = bool(wanted.jobs)
    known = [_known(settings, wanted, pipeline) for settings in workspaces]
    found: dict[int, list[str]] = defaultdict(list)
    for name in wanted.jobs or wanted.workflows:
        places = [place for place, each in enumerate(known) if name.casefold() in each]
        if not places and len(workspaces) == 1:
            found[0].append(name)  # the API says whether there is such a one
        elif not places:
            raise ConfigError(_unknown(name, known, is_job=is_jobs))
        for place in places:
            found[place] += known[place][name.casefold()]
    chosen = []
    for place, uids in sorted(found.items()):
        of = tuple(dict.fromkeys(uids))
        named = NamedJobs(jobs=of) if is_jobs else NamedJobs(workflows=of, since=start)
        chosen.append(replace(workspaces[place], named_jobs=named))
    return chosen


def _known(
    settings: Settings, wanted: _Wanted, pipeline: dlt.Pipeline
) -> Mapping[str, Sequence[str]]:
    """What the dataset has of a workspace: uids by uid, and by name."""
    uid = settings.project_uid or known_uid(pipeline, settings.name)
    if not uid:
        return {}
    loaded = LoadedRows(pipeline, workspace_uid=uid)
    known: dict[str, list[str]] = defaultdict(list)
    with loaded.connection():
        if wanted.jobs:
            marks = ", ".join(["%s"] * len(wanted.jobs))
            rows = loaded.query(JOBS, ["t.uid", "t.uid"], f"t.uid in ({marks})", wanted.jobs)
        else:
            rows = loaded.query(WORKFLOWS, ["t.uid", "t.name"], "1 = 1", ())
    for each, name in rows:
        for text in {each, name or each}:
            if each not in known[text.casefold()]:
                known[text.casefold()].append(each)
    return known


def _unknown(name: str, known: Sequence[Mapping[str, Sequence[str]]], *, is_job: bool) -> str:
    if is_job:
        return (
            f"Job {name!r} is not loaded yet, so that nothing tells whose it is: name its "
            "workspace with --workspace"
        )
    uids = sorted({uid for each in known for found in each.values() for uid in found})
    shown = ", ".join(map(repr, islice(uids, MOST_NAMES))) or "none"
    return f"Unknown workflow {name!r}; those that are loaded have the uids {shown}"
