"""The main promise: after any sync, the warehouse equals the sandbox, row for row."""

from __future__ import annotations

import pytest

from tests.conftest import DATABASES, MakeHarness
from tests.support.oracle import Oracle, assert_equal

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("seed", "database"),
    # between them every variant of what the API's documentation leaves open, on either database
    [(seed, DATABASES[number % 2]) for number, seed in enumerate((0, 1, 4, 6, 7, 8))],
    indirect=["database"],
)
def test_equal_after_the_first_second_and_tenth_day(make_harness: MakeHarness, seed: int) -> None:
    # eight workflows, so that all that can happen to workflows happens
    harness = make_harness(seed, workspaces=1 + (seed == 1), workflows=8)
    if seed % 2 == 0:
        harness.options.pop("max_parallel_requests")
    oracle = Oracle(harness.world)
    # what a second day brings does not depend on how the API answers
    for days in (1, 8, 0) if seed < 2 else (9, 0):
        oracle.look()
        harness.sync()
        assert_equal(harness, oracle)
        harness.world.advance(days=days)
