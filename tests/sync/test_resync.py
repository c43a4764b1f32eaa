"""`captaindata resync`: what it names is fetched again, exactly, and nothing else is asked for."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import MakeHarness
from tests.support.asked import listed_now, outputs_of, read_one_by_one, results_of
from tests.support.faults import Fault
from tests.support.harness import Harness, Synced
from tests.support.marks import INTEGRATION, ON_DUCKDB, ON_EACH_VERSION
from tests.support.oracle import Oracle, assert_equal


@pytest.fixture
def harness(make_harness: MakeHarness) -> Harness:
    """A harness over a world that is smaller than usual."""
    return make_harness(workflows=3, mean_results=3)


def begun(harness: Harness, version: str) -> Oracle:
    """Syncs the world by a version of the API."""
    harness.options["api_version"] = version
    oracle = Oracle(harness.world, version)
    oracle.look()
    harness.sync()
    return oracle


def fetched(synced: Synced) -> set[str]:
    return results_of(synced) | outputs_of(synced)


def with_results(harness: Harness) -> list[str]:
    rows = harness.database.execute(
        "select job_uid from job_results group by job_uid order by count(*) desc, job_uid"
    )
    return [row["job_uid"] for row in rows]


def damage(harness: Harness, uids: list[str]) -> None:
    """Alters what is loaded of jobs so that no sync would notice."""
    names = ", ".join(f"'{uid}'" for uid in uids)
    harness.database.execute(f"update job_results set data = '{{}}' where job_uid in ({names})")
    harness.database.execute(f"update jobs set name = 'altered' where uid in ({names})")
    harness.database.execute(f"update successful_jobs set name = 'altered' where uid in ({names})")


@pytest.mark.parametrize(
    ("database", "version"),
    [("duckdb", "v3"), pytest.param("postgres", "v4", marks=INTEGRATION)],
    indirect=["database"],
)
def test_a_job_is_fetched_again_and_nothing_else_is_asked_for(
    harness: Harness, version: str
) -> None:
    oracle = begun(harness, version)
    first, second, *_ = with_results(harness)
    damage(harness, [first, second])
    before = {row["uid"]: row["loaded_at"] for row in harness.rows("jobs")}
    checkpoints = harness.rows("listing_checkpoints")

    synced = harness.resync("--job", first, "--job", second, "--job", first)

    assert read_one_by_one(synced) == sorted([first, second])
    assert fetched(synced) == {first, second}
    others = [r.path for r in synced.requests if first not in r.path and second not in r.path]
    assert others == []
    assert_equal(harness, oracle)
    after = {row["uid"]: row["loaded_at"] for row in harness.rows("jobs")}
    assert {uid for uid in after if after[uid] != before[uid]} == {first, second}
    assert harness.rows("listing_checkpoints") == checkpoints
    runs = harness.rows("sync_runs", where="is_resync")
    assert len(runs) == 1
    assert json.loads(json.dumps(runs[0]["rows_by_table"]))["jobs"] == 2
    assert not runs[0]["is_full_refresh"]

    again = harness.sync()
    assert not fetched(again), "nothing is left for a sync to correct"


@INTEGRATION
@ON_EACH_VERSION
def test_workflows_by_name_or_uid_and_times(harness: Harness, version: str) -> None:
    oracle = begun(harness, version)
    job = with_results(harness)[0]
    [row] = harness.rows("jobs", where=f"uid = '{job}'")
    uid = row["workflow_uid"]
    [workflow] = harness.rows("workflows", where=f"uid = '{uid}'")
    its_jobs = {row["uid"] for row in harness.rows("jobs", where=f"workflow_uid = '{uid}'")}
    its_results = {
        row["job_uid"] for row in harness.rows("job_results", where=f"workflow_uid = '{uid}'")
    }
    damage(harness, sorted(its_jobs))
    synced = harness.resync("--workflow", workflow["name"].upper() if version == "v3" else uid)
    assert its_results <= fetched(synced) <= its_jobs
    asked = [r.path for r in synced.requests if not any(job in r.path for job in its_jobs)]
    lists = {f"/v3/workflows/{uid}/jobs"} if version == "v3" else {"/v4/runs"}
    assert set(asked) == lists
    assert_equal(harness, oracle)
    if version == "v4":
        assert all("action_name=" in r.query for r in synced.requests if r.path == "/v4/runs")

    since = harness.world.now - timedelta(days=9)
    times = ("scheduled_time", "start_time", "finish_time", "created_at", "updated_at")
    recent = {
        row["uid"]
        for row in harness.rows("jobs")
        if any(row[name] is not None and row[name] >= since for name in times)
    }
    loaded = {row["job_uid"] for row in harness.rows("job_results")}
    assert recent & loaded
    damage(harness, sorted(recent))
    synced = harness.resync("--since", since.isoformat())
    assert recent & loaded <= fetched(synced) <= recent
    assert_equal(harness, oracle)


@INTEGRATION
@ON_DUCKDB
def test_a_job_that_is_not_loaded_is_loaded(harness: Harness) -> None:
    harness.sync("--table", "workspaces")
    world = harness.world
    [workspace] = world.workspaces
    finished = (job for job in listed_now(world) if job["status"] == "finished")
    job = next(job for job in finished if world.results(workspace, job["uid"]))
    synced = harness.resync("--job", job["uid"])
    assert [row["uid"] for row in harness.rows("jobs")] == [job["uid"]]
    assert len(harness.rows("job_results")) == len(world.results(workspace, job["uid"]))
    assert len(read_one_by_one(synced)) == 1


@INTEGRATION
@ON_DUCKDB
def test_the_workspace_is_found_by_what_is_loaded(make_harness: MakeHarness) -> None:
    harness = make_harness(workspaces=2, workflows=2, mean_results=3)
    oracle = begun(harness, "v3")
    job = with_results(harness)[0]
    [row] = harness.rows("jobs", where=f"uid = '{job}'")
    synced = harness.resync("--job", job)
    assert {r.workspace_uid for r in synced.requests} == {row["workspace_uid"]}
    assert_equal(harness, oracle)

    refused = harness.resync("--job", "no-such-job", expect=2)
    assert refused.requests == []
    assert "--workspace" in refused.stderr
    refused = harness.resync("--workflow", "no such workflow", expect=2)
    assert refused.requests == []
    assert "Unknown workflow 'no such workflow'" in refused.stderr

    name = harness.config(harness.world.workspaces[0])["name"]
    unknown = harness.resync("--job", "no-such-job", "--workspace", name, expect=1)
    [issue] = unknown.summary["workspaces"][0]["set_aside"]
    assert issue["kind"] == "not_found"
    unknown = harness.resync("--workflow", "no-such", "--workspace", name, expect=1)
    [issue] = unknown.summary["workspaces"][0]["set_aside"]
    assert issue["kind"] == "not_found"
    assert_equal(harness, oracle)


@INTEGRATION
@ON_DUCKDB
def test_a_job_that_is_gone_or_refused(harness: Harness) -> None:
    begun(harness, "v3")
    gone, refused, *_ = with_results(harness)
    kept = harness.rows("job_results", where=f"job_uid = '{gone}'")
    harness.sandbox.faults.add(Fault(match=f"/jobs/{gone}$", kind="status", status=404, times=9))
    harness.sandbox.faults.add(Fault(match=f"/jobs/{refused}$", kind="status", status=403, times=9))
    synced = harness.resync("--job", gone, "--job", refused, expect=1)
    assert fetched(synced) == set()
    [row] = harness.rows("jobs", where=f"uid = '{gone}'")
    assert row["is_deleted"]
    assert harness.rows("job_results", where=f"job_uid = '{gone}'") == kept
    [issue] = synced.summary["workspaces"][0]["set_aside"]
    assert issue["job_uid"] == refused


@ON_DUCKDB
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Name jobs, workflows or a time"),
        (["--job", "a", "--workflow", "b"], "not both"),
        (["--job", "a", "--since", "7d"], "not both"),
        (["--job", " "], "is empty"),
        (["--since", "soon"], "must be a day, a time or a span"),
        (["--since", "2999-01-01"], "in the future"),
    ],
)
def test_what_is_named_wrongly(harness: Harness, arguments: list[str], words: str) -> None:
    refused: Any = harness.resync(*arguments, expect=2)
    assert words in refused.stderr
    assert refused.requests == []
