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


@pytest.mark.parametrize("seed", [3, 4])
def test_first_loads_of_a_fresh_dataset(make_harness: MakeHarness, seed: int) -> None:
    harness = make_harness(seed, workspaces=2)
    oracle = Oracle(harness.world)
    oracle.look()
    assert complaints(harness, first_loads(harness)) == []
    assert_equal(harness, oracle)
