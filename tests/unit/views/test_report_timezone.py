"""Days and months of runs in the time zone of `report_timezone`, on days on which clocks change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest

from captaindata_source.errors import ConfigError
from captaindata_source.settings.sync_options import SyncOptions
from captaindata_source.tables import JOBS, SYNC_RUNS
from captaindata_source.times import is_zone
from captaindata_source.views.install import create_views, list_views
from captaindata_source.views.shipped import ZONE, load_views
from captaindata_source.views.view import State, shipped_views
from tests.support.databases import Database, Row
from tests.support.raw_tables import create_raw_tables, insert, raw_views, view_rows
from tests.support.results import opened

BY_RUN = ("daily_job_health", "records_by_workflow_month")
"""Views with days or months of runs; those of the vendor's quotas are in UTC."""
DAYS: Mapping[str, Mapping[str, str]] = {
    # clocks go forward at 01:00 UTC and back at 01:00 UTC
    "Europe/Paris": {
        "2026-03-28T22:59:59": "2026-03-28",
        "2026-03-28T23:00:00": "2026-03-29",
        "2026-03-29T21:59:59": "2026-03-29",  # a day of 23 hours
        "2026-03-29T22:00:00": "2026-03-30",
        "2026-10-24T21:59:59": "2026-10-24",
        "2026-10-24T22:00:00": "2026-10-25",
        "2026-10-25T22:59:59": "2026-10-25",  # a day of 25 hours
        "2026-10-25T23:00:00": "2026-10-26",
        "2026-12-31T23:30:00": "2027-01-01",
    },
    "America/New_York": {
        "2026-03-08T04:59:59": "2026-03-07",
        "2026-03-08T05:00:00": "2026-03-08",
        "2026-03-09T03:59:59": "2026-03-08",
        "2026-03-09T04:00:00": "2026-03-09",
        "2026-11-01T03:59:59": "2026-10-31",
        "2026-11-01T04:00:00": "2026-11-01",
        "2026-11-02T04:59:59": "2026-11-01",
        "2026-11-02T05:00:00": "2026-11-02",
    },
    "Asia/Kolkata": {
        "2026-02-28T18:29:59": "2026-02-28",
        "2026-02-28T18:30:00": "2026-03-01",
    },
    "Australia/Lord_Howe": {  # clocks change by half an hour
        "2026-04-04T12:59:59": "2026-04-04",
        "2026-04-04T13:00:00": "2026-04-05",
        "2026-04-05T13:29:59": "2026-04-05",
        "2026-04-05T13:30:00": "2026-04-06",
    },
    "Pacific/Kiritimati": {"2026-01-31T10:00:00": "2026-02-01"},
    "Etc/GMT+12": {"2026-02-01T11:59:59": "2026-01-31"},
    "UTC": {"2026-02-28T23:59:59": "2026-02-28", "2026-03-01T00:00:00": "2026-03-01"},
}


def installed(zone: str, database: Database) -> dict[str, State]:
    views = [
        each
        for each in shipped_views(database.dataset, dialect=database.dialect, report_timezone=zone)
        if each.name in raw_views()
    ]
    with opened(database) as connected:
        found = create_views(connected, database.dataset, views)
    return {change.view: change.state for change in found}


@pytest.fixture
def runs(database: Database) -> Database:
    """Runs that start and end at the times of all zones; each zone is a workspace."""
    create_raw_tables(database)
    insert(database, JOBS, [_job(zone, time) for zone, each in DAYS.items() for time in each])
    return database


def _job(zone: str, time: str) -> Row:
    at = datetime.fromisoformat(time).replace(tzinfo=UTC)
    return {
        "workspace_uid": zone,
        "uid": time,
        "workflow_uid": "w",
        "status": "finished",
        "start_time": at,
        "finish_time": at,
        "row_count": 1,
    }


def test_a_run_is_counted_on_the_day_of_its_zone(runs: Database) -> None:
    for zone, times in DAYS.items():
        installed(zone, runs)
        for session in ("UTC", "America/Los_Angeles"):
            days = {
                row["day"]: row["runs"]
                for row in view_rows(
                    runs, "daily_job_health", where=f"workspace_id = '{zone}'", zone=session
                )
            }
            expected = [date.fromisoformat(day) for day in times.values()]
            assert {day: n for day, n in days.items() if n} == {
                day: expected.count(day) for day in expected
            }, zone
            assert len(days) == (max(expected) - min(expected)).days + 1, "no day twice or left out"
            months = view_rows(
                runs, "records_by_workflow_month", where=f"workspace_id = '{zone}'", zone=session
            )
            assert {row["month"]: row["records_processed"] for row in months} == {
                day.replace(day=1): sum(
                    other.replace(day=1) == day.replace(day=1) for other in expected
                )
                for day in expected
            }, zone


def test_the_last_day_is_that_of_the_last_sync_in_the_zone(runs: Database) -> None:
    end = datetime(2026, 4, 5, 23, 30, tzinfo=UTC)
    sync = {"workspace_uid": "Asia/Kolkata", "uid": "s", "finished_at": end, "outcome": "loaded"}
    insert(runs, SYNC_RUNS, [sync])
    installed("Asia/Kolkata", runs)
    found = view_rows(runs, "daily_job_health", where="workspace_id = 'Asia/Kolkata'")
    assert max(row["day"] for row in found) == date(2026, 4, 6)


def test_another_zone_makes_the_views_with_days_anew_and_no_others(runs: Database) -> None:
    assert set(installed("UTC", runs).values()) == {State.CREATED}
    assert set(installed("UTC", runs).values()) == {State.UNCHANGED}
    changed = {
        name for name, state in installed("Asia/Tokyo", runs).items() if state is State.REPLACED
    }
    assert changed == set(BY_RUN)
    with opened(runs) as connected:
        listed = {
            name: standing
            for name, standing, _ in list_views(
                connected, runs.dataset, report_timezone="Asia/Tokyo"
            )
        }
        assert listed["daily_job_health"] == "current"
        assert {n: s for n, s, _ in list_views(connected, runs.dataset)}[
            "daily_job_health"
        ] == "outdated"
    assert set(installed("Asia/Tokyo", runs).values()) == {State.UNCHANGED}


def test_the_zone_stands_in_the_views_of_runs_alone() -> None:
    assert {view.name for view in load_views() if ZONE in view.query} == set(BY_RUN)
    for view in load_views():
        assert "'O''Higgins'" in view.query_on(
            "x", dialect="duckdb", report_timezone="O'Higgins"
        ) or (view.name not in BY_RUN)


@pytest.mark.parametrize("zone", sorted({*DAYS, "America/Argentina/Buenos_Aires", "Etc/UTC"}))
def test_zones_that_are_taken(zone: str) -> None:
    assert SyncOptions(report_timezone=zone).report_timezone == zone


@pytest.mark.parametrize(
    "zone",
    [
        *("", " ", "Paris", "europe/paris", "Europe/Paris ", "Europe", "Europe/", "CET", "EST"),
        *("+02:00", "UTC+2", "utc", "../UTC", "/etc/passwd", "Europe/Pariss", "a'b/c", None, 2),
    ],
)
def test_zones_that_are_refused(zone: object) -> None:
    message = "sources.captaindata.report_timezone must be UTC or the name of a time zone, such as"
    with pytest.raises(ConfigError, match=message):
        SyncOptions(report_timezone=zone)  # type: ignore[arg-type]


def test_both_databases_know_all_zones_as_python_does(database: Database) -> None:
    zones = [zone for zone in sorted(available_timezones()) if is_zone(zone)][::7]
    moments = [datetime(2026, month, 15, 22, 10, tzinfo=UTC) for month in (1, 7)]
    columns = ", ".join(
        f"cast(timestamptz '{moment.isoformat()}' at time zone '{zone}' as text) as c{n}_{number}"
        for number, zone in enumerate(zones)
        for n, moment in enumerate(moments)
    )
    create_raw_tables(database)
    (row,) = database.execute(f"select {columns}")
    assert list(row.values()) == [
        moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")
        for zone in zones
        for moment in moments
    ]
