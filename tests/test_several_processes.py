"""Processes side by side: two workspaces, two processes, one Postgres dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from captaindata_source.views.definitions import load_views
from tests.conftest import MakeHarness
from tests.support.databases import Postgres
from tests.support.harness import Harness, Synced
from tests.support.oracle import Oracle, assert_equal


@pytest.fixture
def database(postgres: Postgres) -> Postgres:
    """Side by side works on a server only: one DuckDB file takes one writer."""
    return postgres


@pytest.mark.parametrize("seed", [3])
def test_two_processes_with_different_workspaces_into_one_dataset(
    make_harness: MakeHarness, seed: int
) -> None:
    harness = make_harness(seed, workspaces=2)
    harness.extra["SOURCES__CAPTAINDATA__PACKAGE_MAX_RESULTS"] = "100"
    oracle = Oracle(harness.world)
    for _ in range(2):
        oracle.look()
        running = [
            harness.start(configs=[harness.config(workspace)])
            for workspace in harness.world.workspaces
        ]
        done = [harness.finish(process, name) for process, name in running]
        assert [synced.code for synced in done] == [0, 0], [synced.stderr for synced in done]
        assert_equal(harness, oracle)
        harness.world.advance(days=1)


CATALOGUE = {
    "job_result_fields": ("workspace_uid", "workflow_uid", "field_id"),
    "job_result_field_jobs": ("workspace_uid", "job_uid", "workflow_uid", "load_id"),
    "job_result_views": ("workspace_uid", "workflow_uid"),
}


def assert_complete(harness: Harness, done: Sequence[Synced]) -> None:
    """Tables as the sandbox has them, nothing doubled in the catalogue, and all views."""
    assert [synced.code for synced in done] == [0, 0], [(s.stderr, s.summary) for s in done]
    for table, key in CATALOGUE.items():
        rows = Counter(tuple(row[name] for name in key) for row in harness.rows(table))
        assert rows
        assert set(rows.values()) == {1}, table
    views = f"{harness.database.dataset}_views"
    there = {
        row["relname"]
        for row in harness.database.execute(
            "select c.relname from pg_class as c inner join pg_namespace as n "
            "on n.oid = c.relnamespace where n.nspname = %s and c.relkind = 'v'",
            [views],
        )
    }
    wanted = {view.name for view in load_views() if not view.is_optional}
    wanted |= {row["view_name"] for row in harness.rows("job_result_views")}
    assert there >= wanted
    for workspace in harness.world.workspaces:
        with_results = {
            row["workflow_uid"]
            for row in harness.rows("job_results", where=f"workspace_uid = '{workspace.uid}'")
        }
        named = {
            row["workflow_uid"]
            for row in harness.rows("job_result_views", where=f"workspace_uid = '{workspace.uid}'")
        }
        assert with_results <= named


@pytest.mark.parametrize("seed", [3, 4])
def test_two_first_loads_of_a_fresh_dataset(make_harness: MakeHarness, seed: int) -> None:
    harness = make_harness(seed, workspaces=2)
    harness.extra["SOURCES__CAPTAINDATA__CREATE_VIEWS"] = "true"
    oracle = Oracle(harness.world)
    oracle.look()
    done = first_loads(harness)
    assert_complete(harness, done)
    assert_equal(harness, oracle)


def first_loads(harness: Harness) -> list[Synced]:
    """A process for each workspace, begun together, in one folder."""
    folder = str(harness.folder / "dlt")
    running = [
        harness.start(configs=[harness.config(workspace)], data_dir=folder)
        for workspace in harness.world.workspaces
    ]
    return [harness.finish(process, name) for process, name in running]
