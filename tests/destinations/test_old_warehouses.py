"""Warehouses of earlier versions go on: columns, views and times follow, nothing is asked again."""

from __future__ import annotations

from typing import Any

import pytest

from captaindata_source.tables import ALL_TABLES
from captaindata_source.views import refresh
from captaindata_source.views.install import list_views
from captaindata_source.views.shipped import load_views
from captaindata_source.views.view import State
from tests.conftest import DATABASES, MakeHarness
from tests.support import old_warehouses
from tests.support.databases import Database
from tests.support.harness import Harness
from tests.support.results import opened

pytestmark = pytest.mark.integration

FIRST, LAST = "1_first", "5_decimal_credits"
VIEWS = "SOURCES__CAPTAINDATA__CREATE_VIEWS"
TABLES = "select table_name from information_schema.tables where table_schema = %s"


@pytest.fixture
def old(make_harness: MakeHarness) -> Harness:
    """A harness over the small workspace that the warehouses are of."""
    harness = make_harness(workflows=1, jobs_per_day=0.0)
    old_warehouses.serve(harness.sandbox, old_warehouses.jobs())
    harness.extra[VIEWS] = "true"
    return harness


def config(harness: Harness) -> list[dict[str, Any]]:
    (workspace,) = harness.world.workspaces
    own = {"api_key": old_warehouses.KEY, "project_uid": old_warehouses.WORKSPACE, "name": "acme"}
    return [{**harness.config(workspace), **own}]


def missing_columns(database: Database) -> dict[str, set[str]]:
    with opened(database) as found:
        there = found.relations(database.dataset)
        lacking = {
            table.name: {*table.dlt_columns()}
            - {name for name, _ in found.columns(database.dataset, table.name)}
            for table in ALL_TABLES
            if table.name in there
        }
    return {name: columns for name, columns in lacking.items() if columns}


def assert_is_up_to_date(database: Database) -> None:
    assert missing_columns(database) == {}
    with opened(database) as found:
        standing = {name: how for name, how, _ in list_views(found, database.dataset)}
    shipped = [view for view in load_views() if not view.is_optional]
    there = {row["table_name"] for row in database.execute(TABLES, [database.dataset])}
    able = {view.name for view in shipped if all(t in there for t in _tables(view.name))}
    assert {standing[name] for name in able} == {"current"}
    for name in able:
        database.execute(f"select * from {database.dataset}_views.{name}")


def _tables(name: str) -> set[str]:
    """The tables that a view reads, directly or not."""
    views = {view.name: view for view in load_views()}
    view = views[name]
    return set(view.tables).union(*(_tables(each) for each in view.views))


@pytest.mark.parametrize(
    ("database", "version"),
    [
        *((database, version) for database in DATABASES for version in (FIRST, LAST)),
        ("duckdb", "2_views"),
        ("postgres", "3_issues"),
        ("duckdb", "4_api_v4"),
    ],
    indirect=["database"],
)
def test_views_follow_without_a_sync(database: Database, version: str) -> None:
    old_warehouses.restore(database, version)
    with opened(database) as found:
        changes = refresh.refresh(found, database.dataset)
    assert [change for change in changes if change.state is State.BLOCKED] == []
    assert_is_up_to_date(database)


@pytest.mark.parametrize(
    ("database", "version"),
    [("duckdb", FIRST), ("postgres", LAST)],
    indirect=["database"],
)
def test_a_sync_without_news_asks_for_nothing_again(old: Harness, version: str) -> None:
    old_warehouses.restore(old.database, version)
    synced = old.sync(configs=config(old))
    asked = {path.split("/")[3] for path in synced.paths("/results")}
    # the first version kept no text of a time that it could not read, and hashed in another way
    assert asked == ({"job-4", "job-5", "job-6"} if version == FIRST else set())
    assert "blocked" not in synced.summary["views"]
    assert_is_up_to_date(old.database)

    # times that could not be read then can be now
    times = {row["uid"]: row["finish_time"] for row in old.rows("jobs")}
    assert times["job-4"].isoformat() == "2026-10-04T10:00:00+00:00"
    assert times["job-5"].isoformat() == "2026-10-05T10:00:00+00:00"
    assert times["job-6"] is None
    assert {row["uid"]: row["finish_time"] for row in old.rows("successful_jobs")} == {
        uid: time for uid, time in times.items() if uid != "job-3"
    }
    if version == FIRST:
        return
    again = old.sync(configs=config(old))
    assert not again.paths("/results")
    assert sum(again.total.values()) == 0
    assert again.summary["views"] == {}

    # a rerun is seen, whether its time can be read or not
    listed = old_warehouses.jobs()
    listed[3]["finish_time"] = "2026-10-04 11:00:00 UTC"
    listed[5]["finish_time"] = "as late as possible"
    listed[0]["finish_time"] = "Thu, 01 Oct 2026 10:00:00 +0000"  # the same in other words
    listed[4]["name"] = "renamed"
    old.sandbox.faults.clear()
    old_warehouses.serve(old.sandbox, listed)
    rerun = old.sync(configs=config(old))
    assert {path.split("/")[3] for path in rerun.paths("/results")} == {"job-4", "job-6"}
    assert rerun.total["jobs"] == 4
