"""Processes side by side: two workspaces, two processes, one Postgres dataset."""

from __future__ import annotations

import pytest

from tests.conftest import MakeHarness
from tests.support.databases import Postgres
from tests.support.oracle import Oracle, assert_equal
from tests.support.side_by_side import complaints, first_loads

pytestmark = pytest.mark.integration


@pytest.fixture
def database(postgres: Postgres) -> Postgres:
    """Side by side works on a server only: one DuckDB file takes one writer."""
    return postgres


def test_two_processes_with_different_workspaces_into_one_dataset(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness(4, workspaces=2)
    oracle = Oracle(harness.world)
    oracle.look()
    assert complaints(harness, first_loads(harness)) == [], "into a fresh one"
    assert_equal(harness, oracle)
    harness.extra["SOURCES__CAPTAINDATA__PACKAGE_MAX_RESULTS"] = "100"
    harness.world.advance(days=1)
    oracle.look()
    running = [
        harness.start("--full-refresh", configs=[harness.config(workspace)])
        for workspace in harness.world.workspaces
    ]
    done = [harness.finish(process, name) for process, name in running]
    assert [synced.code for synced in done] == [0, 0], [synced.stderr for synced in done]
    assert all(synced.summary["workspaces"][0]["load_packages"] > 1 for synced in done)
    assert_equal(harness, oracle)
