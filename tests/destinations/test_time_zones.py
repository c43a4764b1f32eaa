"""Times at the ends of what databases and Python hold, in servers and processes of any zone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest

from captaindata_source.tables import JOBS, WORKFLOWS, WORKSPACES
from captaindata_source.times import EARLIEST, LATEST, parse_time
from captaindata_source.views import refresh
from captaindata_source.views.shipped import load_views
from tests.conftest import MakeHarness
from tests.support import old_warehouses
from tests.support.databases import Database, Postgres
from tests.support.raw_tables import create_raw_tables, insert
from tests.support.results import Warehouse, opened

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ZONES = [
    ("postgres", "America/New_York"),
    ("postgres", "Pacific/Kiritimati"),
    ("duckdb", "America/New_York"),
]
ODD_TIMES = (
    "0001-01-01T00:00:00Z",
    "0001-12-31T23:59:59Z",
    "1970-01-01T00:00:00Z",
    "2398-01-01T00:00:00Z",
    "9999-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
)


@contextmanager
def server_in(database: Database, zone: str) -> Iterator[None]:
    """Lets sessions of a Postgres server begin in a zone."""
    if not isinstance(database, Postgres):
        yield
        return
    server = psycopg2.connect(database.uri)
    server.autocommit = True
    try:
        with server.cursor() as cursor:
            cursor.execute(f"alter database postgres set timezone = '{zone}'")
            yield
            cursor.execute("alter database postgres reset timezone")
    finally:
        server.close()


@pytest.mark.parametrize(("database", "zone"), ZONES, indirect=["database"])
def test_times_at_both_ends_are_kept_and_read_back(make_harness: MakeHarness, zone: str) -> None:
    harness = make_harness(workflows=1, jobs_per_day=0.0)
    harness.extra["TZ"] = zone
    (workspace,) = harness.world.workspaces
    own = {"api_key": old_warehouses.KEY, "project_uid": old_warehouses.WORKSPACE}
    config = {**harness.config(workspace), **own}
    listed = [
        old_warehouses.job(number, time, start_time=time, scheduled_time=time)
        for number, time in enumerate(ODD_TIMES, start=1)
    ]
    old_warehouses.serve(harness.sandbox, listed)
    with server_in(harness.database, zone):
        first = harness.sync(configs=[config])
        assert first.total["jobs"] == len(ODD_TIMES)
        gone = listed[1:]
        harness.sandbox.faults.clear()
        old_warehouses.serve(harness.sandbox, [{**job, "name": "renamed"} for job in gone])
        changed = harness.sync("--full-refresh", configs=[config])
    assert changed.summary["ok"], changed.stderr
    found = {row["uid"]: row for row in harness.rows("jobs")}
    for number, text in enumerate(ODD_TIMES, start=1):
        row = found[f"job-{number}"]
        assert row["start_time"] == row["finish_time"] == row["scheduled_time"] == parse_time(text)


OF_PEOPLE = {
    *("people", "people_all", "people_conflicts", "people_results"),
    *("companies", "companies_all", "companies_results"),
}
"""Views that are made once results have ids of people or companies."""


@pytest.fixture
def odd(database: Database) -> Database:
    """Raw tables with such times, and the views on them."""
    create_raw_tables(database)
    key = {"workspace_uid": "a", "loaded_at": NOW}
    times = [parse_time(time) for time in ODD_TIMES]
    insert(
        database,
        JOBS,
        [
            {
                **key,
                "uid": f"{column} {number}",
                "workflow_uid": "w",
                "status": "finished",
                column: time,
            }
            for column in ("start_time", "finish_time", "scheduled_time")
            for number, time in enumerate(times)
        ]
        + [
            {**key, "uid": "right", "workflow_uid": "w", "status": "FINISHED", "start_time": NOW},
            {
                **key,
                "uid": "much later",
                "workflow_uid": "w",
                "status": " Completed ",
                "start_time": NOW + timedelta(days=500),
            },
        ],
    )
    insert(
        database,
        WORKFLOWS,
        [
            {**key, "uid": f"w{number}", "name": "w", "created_at": time, "updated_at": time}
            for number, time in enumerate(times)
        ],
    )
    insert(
        database,
        WORKSPACES,
        [{**key, "uid": "a", "current_month_start": times[0], "current_month_end": times[-1]}],
    )
    with opened(database) as found:
        refresh.refresh(found, database.dataset)
    return database


def test_views_show_no_implausible_time(odd: Database) -> None:
    views = f"{odd.dataset}_views"
    first, last = parse_time(EARLIEST), parse_time(LATEST)
    made = {
        row["table_name"]
        for row in odd.execute(
            f"select table_name from information_schema.tables where table_schema = '{views}'"
        )
    }
    without = {view.name for view in load_views()} - made
    assert without == {view.name for view in load_views() if view.name in OF_PEOPLE}
    for view in load_views():
        if view.name in without:
            continue
        for row in odd.execute(f"select * from {views}.{view.name}"):
            for column, value in row.items():
                if isinstance(value, datetime):
                    assert first <= value <= last, f"{view.name}.{column}"
    jobs = {row["job_id"]: row for row in odd.execute(f"select * from {views}.jobs")}
    assert jobs["right"]["started_at"] == NOW
    assert {jobs[uid]["status_group"] for uid in ("right", "much later")} == {"succeeded"}
    assert jobs["much later"]["status"] == " Completed "
    odd_ones = [row for uid, row in jobs.items() if uid != "right"]
    for column in ("started_at", "finished_at", "scheduled_at", "run_at"):
        assert {row[column] for row in odd_ones} == {None}
    assert len(odd.execute(f"select * from {views}.daily_job_health")) == 1
    assert len(odd.execute(f"select * from {views}.successful_jobs")) == len(jobs)
    raw = {row["start_time"] for row in odd.execute("select start_time from jobs")}
    assert {parse_time(time) for time in ODD_TIMES} <= raw


def test_views_of_results_show_no_implausible_time(database: Database) -> None:
    warehouse = Warehouse(database)
    warehouse.add_job("j1", start_time=parse_time(ODD_TIMES[0]))
    warehouse.load("j1", [{"a": 1}])
    database.execute("update job_results set created_at = %s", [parse_time(ODD_TIMES[-1])])
    for materialize in (False, True):
        warehouse.refresh(materialize=materialize)
        (row,) = warehouse.rows("results_w")
        assert (row["started_at"], row["created_at"], row["a"]) == (None, None, 1)


def test_what_is_plausible_is_the_same_in_all_views() -> None:
    for view in load_views():
        words = view.query.split("timestamptz '")[1:]
        assert {word.partition("'")[0] for word in words} <= {EARLIEST, LATEST}, view.name
