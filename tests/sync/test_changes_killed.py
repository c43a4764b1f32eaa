"""Changes are there once, whenever a sync was killed while it loaded them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from captaindata_source.tables import JOB_CHANGES, JOB_RESULTS, JOBS, LOADS, RESULTS_CHANGES
from tests.support import mishaps
from tests.support.harness import Harness

pytestmark = pytest.mark.integration

CLIENT = "dlt.destinations.job_client_impl:SqlJobClientBase"
PACKAGES = "dlt.common.storages.load_package:PackageStorage"
MERGED = f"{CLIENT}.complete_load:1"
"""The last moment before the commit: all tables hold what is new."""
HALFWAY = f"{PACKAGES}.save_pending_transition:8"
FIELDS = ("status", "row_count", "is_deleted")


def committed(harness: Harness, table: str) -> list[dict[str, Any]]:
    loads = {row["load_id"] for row in harness.rows(LOADS)}
    return [row for row in harness.rows(table) if row["_dlt_load_id"] in loads]


def sizes(harness: Harness) -> Counter[str]:
    return Counter(row["job_uid"] for row in harness.rows(JOB_RESULTS.name))


def jobs(harness: Harness) -> dict[str, dict[str, Any]]:
    return {row["uid"]: row for row in harness.rows(JOBS.name)}


@pytest.mark.parametrize(
    ("database", "place", "keeps_folder"),
    [
        pytest.param("duckdb", MERGED, True, id="merged, folder kept"),
        pytest.param("postgres", MERGED, False, id="merged, folder lost"),
        pytest.param("duckdb", HALFWAY, False, id="halfway, folder lost"),
    ],
    indirect=["database"],
)
def test_a_kill_leaves_each_change_once(harness: Harness, place: str, keeps_folder: bool) -> None:
    harness.sync()
    assert committed(harness, JOB_CHANGES.name) == []
    was, before = jobs(harness), sizes(harness)
    harness.world.advance(days=4)
    folder = str(harness.folder / "kept")
    harness.extra[mishaps.DIE_IN] = place
    process, _ = harness.start(data_dir=folder)
    process.join()
    assert process.exitcode == -9
    harness.extra.clear()
    assert harness.rows(JOB_CHANGES.name)
    assert committed(harness, JOB_CHANGES.name) == []
    harness.sync(data_dir=folder if keeps_folder else None)
    assert_once(harness, was, before)


def assert_once(harness: Harness, was: dict[str, dict[str, Any]], before: Counter[str]) -> None:
    found = Counter(
        (row["job_uid"], row["field"], row["old_value"], row["new_value"])
        for row in committed(harness, JOB_CHANGES.name)
        if row["field"] in FIELDS
    )
    expected = Counter(
        (uid, field, text(was[uid][field]), text(row[field]))
        for uid, row in jobs(harness).items()
        if uid in was
        for field in FIELDS
        if was[uid][field] != row[field]
    )
    assert expected
    assert found == expected
    after = sizes(harness)
    replaced = {
        row["job_uid"]: (row["rows_before"], row["rows_after"])
        for row in committed(harness, RESULTS_CHANGES.name)
    }
    assert len(replaced) == len(committed(harness, RESULTS_CHANGES.name))
    assert all(replaced[uid] == (before[uid], after[uid]) for uid in replaced)
    assert {uid for uid in before if before[uid] != after[uid]} <= replaced.keys()
    assert replaced


def text(value: Any) -> str | None:
    return str(value).lower() if isinstance(value, bool) else None if value is None else str(value)
