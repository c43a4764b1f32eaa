"""API v4: what is listed, fetched and read again, by the rows and by the requests.

Every sync is a new OS process with an empty DLT_DATA_DIR, so that only the destination remembers.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import Any

import pytest

from tests.conftest import MakeHarness
from tests.support import mishaps
from tests.support.asked import listings, outputs_of
from tests.support.faults import Fault
from tests.support.harness import Harness
from tests.support.marks import INTEGRATION
from tests.support.oracle import (
    CREDIT_FIELDS,
    V4_FIELDS,
    V4_FINAL,
    Oracle,
    assert_equal,
    has_outputs,
)
from tests.support.waiting import wait_for

VIEWS = "SOURCES__CAPTAINDATA__CREATE_VIEWS"
ON_ONE_DATABASE = pytest.mark.parametrize("database", ["duckdb"], indirect=True)
"""For what the API alone decides."""
RUNNER = "captaindata_source.engine.workspace_sync:LISTED_PER_PACKAGE"
Json = dict[str, Any]


def runs_of(harness: Harness) -> dict[str, Json]:
    return {run["uid"]: run for w in harness.world.workspaces for run in harness.world.v4.runs(w)}


def v4(harness: Harness, **options: Any) -> tuple[Harness, Oracle]:
    """The same harness, by v4, and what is to be expected."""
    harness.options |= {"api_version": "v4", **options}
    return harness, Oracle(harness.world, "v4")


def many(make_harness: MakeHarness, **options: Any) -> Harness:
    """A harness over a list of runs of some pages, most of them live and so without outputs."""
    world = {"jobs_per_day": 0.0, "workflows": 2, "mean_results": 2, "days": 40}
    return v4(make_harness(3, **(world | {"live_runs_per_day": 15.0} | options)))[0]


# -- equal to the world ---------------------------------------------------------------------------


@pytest.mark.integration
@pytest.mark.parametrize(
    ("seed", "days", "database"),
    [(2, (9.0, 0.0), "duckdb"), (5, (9.0, 0.0), "postgres")],
    indirect=["database"],
)
def test_equal_after_the_first_second_and_tenth_day(
    make_harness: MakeHarness, seed: int, days: tuple[float, ...]
) -> None:
    # a lookback so short that runs are found by their change alone, those retried after weeks too
    harness, oracle = v4(make_harness(seed, workflows=8), lookback_days=0.1)
    before: dict[str, Json] = {}
    retried: set[str] = set()
    for step in days:
        runs = runs_of(harness)
        retried |= {uid for uid, run in before.items() if is_retried(run, runs[uid])}
        before = runs
        oracle.look()
        synced = harness.sync()
        assert_equal(harness, oracle)
        assert not outputs_of(synced) & {uid for uid, run in runs.items() if is_live(run)}
        harness.world.advance(days=step)
    assert len(retried) > 2
    jobs = harness.rows("jobs")
    live = {row["uid"] for row in jobs if row["execution_mode"] == "LIVE"}
    assert live
    assert {row["has_results"] for row in jobs if row["uid"] in live} == {False}
    assert not live & {row["job_uid"] for row in harness.rows("job_results_ledger")}
    statuses = Counter(row["status"] for row in harness.rows("successful_jobs"))
    assert set(statuses) == {"SUCCEEDED", "PARTIAL_SUCCEEDED"}


def is_retried(before: Json, now: Json) -> bool:
    """Whether a run that had ended was begun again."""
    return before["status"] in V4_FINAL and bool(now["retry_count"] > before["retry_count"])


def is_live(run: Json) -> bool:
    return bool(run["execution_mode"] == "LIVE")


@INTEGRATION
@ON_ONE_DATABASE
def test_v3_and_v4_in_one_sync(harness_of_two: Harness) -> None:
    harness = harness_of_two
    first, second = harness.world.workspaces
    oracle = Oracle(harness.world, versions={second.uid: "v4"})
    configs = [harness.config(first), harness.config(second, api_version="v4")]
    oracle.look()
    synced = harness.sync(configs=configs)
    assert_equal(harness, oracle)
    paths = [r.path for r in synced.requests if r.workspace_uid == second.uid]
    assert {path.split("/")[1] for path in paths} == {"v4"}
    assert not [path for path in paths if "identities" in path], "extra tables are off"
    versions = {row["workspace_uid"]: row["api_version"] for row in harness.rows("sync_runs")}
    assert versions == {first.uid: "v3", second.uid: "v4"}


# -- the list in parts, and while it moves --------------------------------------------------------


@pytest.mark.integration
@ON_ONE_DATABASE
def test_a_load_in_small_parts_gets_on_with_each_and_reads_nothing_twice(
    make_harness: MakeHarness,
) -> None:
    harness = many(make_harness, days=11)
    harness.options["lookback_days"] = 30  # longer than all that one part brings
    oracle = Oracle(harness.world, "v4")
    oracle.look()
    total = len(runs_of(harness))
    pages: list[int] = []
    loaded: list[int] = [0]
    times: list[datetime] = []
    for _ in range(9):
        synced = harness.sync("--max-requests", "1")
        pages += [offset for offset, limit in listings(synced) if limit > 1]
        rows = harness.rows("jobs")
        if len(rows) == total:
            break
        times += sorted({row["updated_at"] for row in rows} - {*times}, reverse=True)
        assert len(rows) > loaded[-1], "each sync gets on"
        loaded.append(len(rows))
        assert synced.summary["workspaces"][0]["is_listing_left"]
    assert len(loaded) > 2
    assert times == sorted(times, reverse=True), "the newest come first"
    assert len(pages) <= total / 50 + 2 * len(loaded), "the top, and then where the last one ended"
    harness.sync()
    assert_equal(harness, oracle)
    # weeks later a part does not reach what is loaded; the gap is filled, and the last days before
    # it are read again: something showed late there
    hidden = sorted(runs_of(harness).values(), key=lambda run: str(run["updated_at"]))[0]
    harness.database.execute("delete from jobs where uid = %s", [hidden["uid"]])
    harness.database.execute("update listing_checkpoints set jobs = jobs - 1")
    harness.world.advance(days=15)
    oracle.look()
    assert harness.sync("--max-requests", "1").summary["workspaces"][0]["is_listing_left"]
    synced = harness.sync()
    assert_equal(harness, oracle)


@pytest.mark.integration
@ON_ONE_DATABASE
def test_a_killed_first_load_goes_on_where_its_last_package_ended(
    make_harness: MakeHarness,
) -> None:
    harness = many(make_harness)
    oracle = Oracle(harness.world, "v4")
    oracle.look()
    harness.extra[mishaps.CONSTANTS] = json.dumps({RUNNER: 150})
    harness.sandbox.faults.add(Fault(match="/runs$", kind="drip", seconds=60.0, size=1, skip=5))
    process, _ = harness.start()
    wait_for(lambda: len(committed_checkpoints(harness)) > 1)
    process.kill()
    process.join()
    harness.sandbox.faults.clear()
    assert len({row["loaded_at"] for row in committed_checkpoints(harness)}) == 2
    before = len(harness.rows("jobs"))
    assert 300 <= before < len(runs_of(harness))
    asked = [row["job_uid"] for row in harness.rows("job_results_ledger")]
    synced = harness.sync()
    pages = [offset for offset, limit in listings(synced) if limit > 1]
    # of several checkpoints of a sync the last one counts
    assert len(pages) < (len(runs_of(harness)) - before) / 90 + 5
    assert not outputs_of(synced) & set(asked)
    assert_equal(harness, oracle)


def committed_checkpoints(harness: Harness) -> list[Json]:
    try:
        return harness.database.execute(
            "select * from listing_checkpoints where covered is not null and _dlt_load_id in "
            "(select load_id from _dlt_loads)"
        )
    except Exception:  # noqa: BLE001 - not there yet, or the file is being written
        return []


@pytest.mark.integration
@ON_ONE_DATABASE
def test_a_checkpoint_counts_only_where_its_load_was_committed_and_its_jobs_are_there(
    make_harness: MakeHarness,
) -> None:
    harness = many(make_harness, days=20)
    oracle = Oracle(harness.world, "v4")
    oracle.look()
    harness.sync()
    whole = len(runs_of(harness)) / 90
    assert whole > 2
    harness.database.execute("delete from _dlt_loads")
    synced = harness.sync()
    assert len(listings(synced)) > whole
    assert outputs_of(synced) == {u for u, run in runs_of(harness).items() if has_outputs(run)}
    assert_equal(harness, oracle)
    harness.database.execute("delete from jobs where execution_mode = 'LIVE'")
    synced = harness.sync()
    assert len(listings(synced)) > whole
    assert not outputs_of(synced)
    assert_equal(harness, oracle)


# -- tables by themselves, and what is there already ----------------------------------------------


@pytest.mark.integration
@ON_ONE_DATABASE
def test_a_warehouse_of_an_older_version_goes_on_without_fetching_results_again(
    harness: Harness,
) -> None:
    oracle = Oracle(harness.world)
    oracle.look()
    harness.extra[VIEWS] = "true"
    harness.sync()
    for is_renamed in (False, True):
        make_older(harness, is_renamed=is_renamed)
        synced = harness.sync()
        assert not synced.paths("/results")
        assert synced.total["jobs"] == 0
        assert "blocked" not in synced.summary["views"]
        assert {"jobs", "workflows", "workspaces", "credit_usage"} <= {
            *synced.summary["views"]["created"]
        }
        assert "dropped" not in synced.stderr
        assert_equal(harness, oracle)


def make_older(harness: Harness, *, is_renamed: bool) -> None:
    """What an earlier version would have left, with its name for the pipeline or ours."""
    harness.database.execute("drop schema captaindata_views cascade")
    older = {
        "jobs": [*V4_FIELDS, "has_results"],
        "successful_jobs": V4_FIELDS,
        "workspaces": CREDIT_FIELDS,
        "workflows": ["updated_at"],
        "sync_runs": ["api_version", "is_listing_left"],
    }
    for table, columns in older.items():
        for column in columns:
            harness.database.execute(f"alter table {table} drop column {column}")
    harness.database.execute("drop table quota_readings")
    for row in harness.rows("_dlt_version"):
        schema = json.loads(row["schema"])
        schema["tables"].pop("quota_readings", None)
        for table, columns in older.items():
            known = schema["tables"].get(table, {"columns": {}})["columns"]
            schema["tables"].get(table, {})["columns"] = {
                name: column for name, column in known.items() if name not in columns
            }
        harness.database.execute(
            "update _dlt_version set schema = %s, version_hash = 'older' where version_hash = %s",
            [json.dumps(schema), row["version_hash"]],
        )
    if is_renamed:  # as earlier versions called a pipeline: dlt finds no state of ours
        harness.database.execute("update _dlt_pipeline_state set pipeline_name = 'captaindata_1_2'")
