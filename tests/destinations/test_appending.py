"""Results of new jobs are appended, others are merged; what they hold is counted on the way."""

from __future__ import annotations

import pytest

from tests.support.harness import Harness
from tests.support.oracle import Oracle, assert_equal

pytestmark = pytest.mark.integration

FIELD = "workspace_uid, workflow_uid, key, nested_key, column_type, json_types, value_kinds"
CATALOGUE = ("job_result_fields", "job_result_field_counts", "job_result_field_jobs")


def catalogue(harness: Harness) -> list[list[str]]:
    """What the catalogue says, but for numbers that its own order gives."""
    fields = harness.database.execute(
        f"select {FIELD}, rows_with_value, first_seen_at, last_seen_at from job_result_fields"
    )
    counts = harness.database.execute(
        "select c.workspace_uid, c.job_uid, c.workflow_uid, f.key, f.nested_key, c.kind, "
        "c.result_rows from job_result_field_counts as c inner join job_result_fields as f "
        "on f.workspace_uid = c.workspace_uid and f.workflow_uid = c.workflow_uid "
        "and f.field_id = c.field_id"
    )
    return [sorted(str(list(row.values())) for row in rows) for rows in (fields, counts)]


def test_results_are_never_doubled_and_counted_alike(harness: Harness) -> None:
    harness.extra["SOURCES__CAPTAINDATA__CREATE_VIEWS"] = "true"
    oracle = Oracle(harness.world)
    oracle.look()
    harness.sync()
    assert_equal(harness, oracle)
    counted_on_the_way = catalogue(harness)
    assert all(counted_on_the_way)

    for table in CATALOGUE:
        harness.database.execute(f"drop table {table} cascade")
    harness.sync()
    assert catalogue(harness) == counted_on_the_way

    harness.database.execute("delete from job_results_ledger")
    again = harness.sync()
    assert again.paths("/results"), "they are fetched again, and their rows are there"
    assert_equal(harness, oracle)
    assert catalogue(harness) == counted_on_the_way
