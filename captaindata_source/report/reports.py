"""Makes reports: one page for a dataset, or one for each of its workspaces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dlt
from dlt.common.runtime import signals

from captaindata_source import __version__
from captaindata_source.errors import ConfigError
from captaindata_source.files import naming, opener, take_place
from captaindata_source.report import changes, page, runs, trouble, volume
from captaindata_source.report.cells import day_text, text, time_text
from captaindata_source.report.period import DEFAULT_DAYS, Period
from captaindata_source.report.queries import Figures, Scope, load_query, query_names
from captaindata_source.report.section import Reading, counted
from captaindata_source.since import Since
from captaindata_source.views.workspaces import (
    LoadedWorkspace,
    choose_workspaces,
    loaded_workspaces,
)
from captaindata_source.warehouse.database import open_database, schema_of
from captaindata_source.warehouse.interrupts import run_until_signal

__all__ = ["DEFAULT_FILE", "Written", "write_reports"]

DEFAULT_FILE = "report.html"
SECTIONS = (
    runs.over_time,
    trouble.attention,
    trouble.errors,
    volume.records,
    runs.workflows,
    volume.quota,
    trouble.accounts,
    changes.freshness,
    trouble.reconciliation,
    changes.what_changed,
)
ENDINGS = (".html", ".htm")
READ_OFTEN = ("daily_job_health",)
"""Views that a page reads several times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A page that was written.

    Args:
        path: Its file.
        size: Its bytes.
        problems: What could not be read, and why.
    """

    path: Path
    size: int
    problems: Sequence[str]


def write_reports(
    pipeline: dlt.Pipeline,
    *,
    output: Path | None,
    names: Sequence[str] = (),
    is_per_workspace: bool = False,
    since: Since | None = None,
    zone: str,
    on_written: Callable[[Written], None] = lambda _: None,
) -> list[Written]:
    """Writes the page, or a page for each workspace. From the main thread: a signal ends it soon.

    Args:
        pipeline: Gives destination and dataset.
        output: A file, or with `is_per_workspace` a folder; None: in the current folder.
        names: Workspaces, by configured name or uid; none: all.
        is_per_workspace: Whether each workspace gets a page of its own.
        since: From when on; None: the 90 days up to the newest run.
        zone: Time zone of reports.
        on_written: Called with each page.

    Raises:
        ConfigError: The destination has no views, or an option is wrong.
        KeyboardInterrupt: A signal came; pages that are written stay.
        OSError: A file can't be written.
    """
    page.require_extra()
    now = datetime.now(UTC)

    def write() -> list[Written]:
        pipeline.activate()
        written = []
        with open_database(pipeline) as database:
            if database is None:
                raise ConfigError("Reports are made from DuckDB and Postgres alone")
            figures = Figures(database, schema_of(pipeline), zone)
            _require_views(figures)
            spaces = choose_workspaces(loaded_workspaces(database, figures.dataset), names)
            for target, about, uids in _pages(
                figures, spaces, output, is_all=not names, is_per_workspace=is_per_workspace
            ):
                written.append(_write(figures.of_page(), target, about, uids, since=since, now=now))
                on_written(written[-1])
        return written

    with signals.intercepted_signals():
        (found,) = run_until_signal([write], name="report")
        signals.raise_if_signalled()
    return found or []


def _pages(
    figures: Figures,
    spaces: Sequence[LoadedWorkspace],
    output: Path | None,
    *,
    is_all: bool,
    is_per_workspace: bool,
) -> Iterator[tuple[Path, Sequence[LoadedWorkspace], Sequence[str] | None]]:
    """File of each page, what workspaces it is about, and their uids; None: all there are."""
    uids = [each.uid for each in spaces]
    if not is_per_workspace:
        figures.copy(READ_OFTEN, workspaces=None if is_all else uids)
        yield _file(output), spaces, None if is_all else uids
        return
    folder = _folder(output)
    if not spaces:
        raise ConfigError(f"Dataset {figures.dataset} has no workspaces yet: run a sync first")
    figures.copy(_views_read() if len(spaces) > 1 else READ_OFTEN, workspaces=uids)
    for each in spaces:
        yield folder / f"{each.folder}.html", [each], [each.uid]


def _views_read() -> set[str]:
    return {view for name in query_names() for view in load_query(name).views}


def _require_views(figures: Figures) -> None:
    if not _views_read() & figures.views():
        raise ConfigError(
            f"Dataset {figures.dataset} has no views yet: run `captaindata sync`, or `captaindata "
            "views create` where create_views is off"
        )


def _file(output: Path | None) -> Path:
    target = Path(DEFAULT_FILE) if output is None else output
    return target / DEFAULT_FILE if target.is_dir() else target


def _folder(output: Path | None) -> Path:
    folder = Path() if output is None else output
    if folder.is_file() or (folder.suffix.lower() in ENDINGS and not folder.exists()):
        raise ConfigError(
            f"--output {folder} must be a folder with --per-workspace, which writes several files"
        )
    return folder


def _write(
    figures: Figures,
    target: Path,
    spaces: Sequence[LoadedWorkspace],
    uids: Sequence[str] | None,
    *,
    since: Since | None,
    now: datetime,
) -> Written:
    html = _page(figures, spaces, uids, since=since, now=now)
    data = html.encode("utf-8", "replace")
    with naming(target):
        _put(target, data)
    return Written(path=target, size=len(data), problems=figures.problems)


def _put(target: Path, data: bytes) -> None:
    """Writes a file; all or nothing, unless it is a device or a pipe."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and not target.is_file():
        target.write_bytes(data)
        return
    fresh = target.with_name(f".{target.name}.part")
    try:
        with open(fresh, "wb", opener=opener) as file:
            file.write(data)
        take_place(fresh, target)
    finally:
        fresh.unlink(missing_ok=True)


def _page(
    figures: Figures,
    spaces: Sequence[LoadedWorkspace],
    uids: Sequence[str] | None,
    *,
    since: Since | None,
    now: datetime,
) -> str:
    period = _period(figures, uids, since=since, now=now)
    reading = Reading(
        figures=figures,
        scope=Scope(workspaces=uids, period=period),
        has_several=len(spaces) != 1,
    )
    if len(spaces) == 1:
        title = spaces[0].name
    else:
        title = counted(len(spaces), "workspace") if spaces else "No workspaces"
    zone = figures.zone
    return page.render(
        title=text(title),
        about=f"Automation report from {day_text(period.first_day)} to "
        f"{day_text(period.last_day)} ({counted(period.days, 'day')}).",
        times=f"Days and times are in the time zone {zone}, unless they are marked otherwise.",
        made=f"Made on {time_text(now, zone)} by captaindata {__version__}. Runs are main runs: "
        "retries of a run do not count as runs of their own.",
        sections=[section(reading) for section in SECTIONS],
    )


def _period(
    figures: Figures, uids: Sequence[str] | None, *, since: Since | None, now: datetime
) -> Period:
    today = now.astimezone(ZoneInfo(figures.zone)).date()
    scope = Scope(workspaces=uids, period=Period(first_day=today, last_day=today))
    rows = figures.read("period", scope).rows
    newest_run: date | None = rows[0]["last_run_day"] if rows else None
    newest: date | None = rows[0]["last_day"] if rows else None
    if since is None:
        last = newest_run or newest or today
        first = last - timedelta(days=DEFAULT_DAYS - 1)
        oldest = rows[0]["first_day"] if rows else None
        return Period(first_day=max(first, min(oldest or first, last)), last_day=last)
    first = since.day(zone=figures.zone, now=now)
    last = newest_run if newest_run and newest_run >= first else newest or today
    return Period(first_day=first, last_day=max(first, last))
