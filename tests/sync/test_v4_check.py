"""API v4 at the edges: keys of the other version, keys of another workspace, rate limits."""

from __future__ import annotations

import time

import pytest

from captaindata_source.sandbox import RateLimit, World
from tests.conftest import MakeHarness
from tests.support import processes
from tests.support.databases import DuckDb
from tests.support.faulty_sandbox import FaultySandbox
from tests.support.harness import Harness
from tests.support.oracle import Oracle, assert_equal

FACTOR = 120
ON_ONE_DATABASE = pytest.mark.parametrize("database", ["duckdb"], indirect=True)


@ON_ONE_DATABASE
def test_check_says_which_version_a_key_works_with(harness_of_two: Harness) -> None:
    harness = harness_of_two
    first, second = harness.world.workspaces
    harness.world.limit_generation(first, "v4")
    harness.world.limit_generation(second, "v3")
    configs = [harness.config(first), harness.config(second, api_version="v4")]
    environment = harness.environment(configs)
    done = processes.run(["check"], environment=environment, folder=harness.folder)
    assert done.code == 1
    lines = [line for line in done.stdout.splitlines() if "failed" in line]
    assert len(lines) == 2
    for line, workspace, other in zip(lines, (first, second), ("v4", "v3"), strict=True):
        assert f"The key works with API {other}: set api_version to '{other}'" in line
        assert "key accepted" in line
        assert workspace.api_key not in done.stdout + done.stderr
    configs = [
        harness.config(first, api_version="v4"),
        harness.config(second, project_uid=first.uid, name="wrong"),
    ]
    environment = harness.environment([configs[0]])
    done = processes.run(["check"], environment=environment, folder=harness.folder)
    assert done.code == 0
    for endpoint in ("workspaces", "users", "runs", "run", "run outputs", "identities"):
        assert f"endpoint {endpoint} " in done.stdout
    # a key of another workspace than project_uid says
    harness.world.limit_generation(second, None)
    wrong = harness.config(second, api_version="v4", project_uid=first.uid)
    environment = harness.environment([wrong])
    done = processes.run(["check"], environment=environment, folder=harness.folder)
    assert done.code == 1
    assert f"The key belongs to workspace {second.uid}, project_uid says {first.uid}" in done.stdout
    synced = harness.sync(configs=[wrong], expect=1)
    assert "The key belongs to workspace" in str(synced.summary)
    assert {request.path for request in synced.requests} <= {
        *("/v4/workspaces", "/v4/runs", "/v4/users")
    }


@pytest.mark.integration
@ON_ONE_DATABASE
def test_what_one_version_said_is_not_taken_for_what_the_other_says(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness(workflows=1, jobs_per_day=0.05)
    [workspace] = harness.world.workspaces
    harness.sync()
    jobs = harness.rows("jobs")
    other = harness.config(workspace, api_version="v4")
    for _ in range(2):
        refused = harness.sync(configs=[other], expect=1)
        [report] = refused.workspaces.values()
        assert "was loaded through API v3" in report["error"]
        assert report["api_calls"] == 0
    assert harness.rows("jobs") == jobs
    harness.sync()


@pytest.mark.integration
@ON_ONE_DATABASE
def test_a_small_limit_of_runs_is_kept_to_and_all_is_loaded(
    database: DuckDb, tmp_path_factory: pytest.TempPathFactory
) -> None:
    world = World(0, workspaces=1, workflows=2, jobs_per_day=0.0, mean_results=3, days=15)
    limit = RateLimit(500, runs=5, clock=lambda: time.monotonic() * FACTOR)
    with FaultySandbox(world, rate_limit=limit) as sandbox:
        harness = Harness(sandbox, database, tmp_path_factory.mktemp("limited"))
        harness.options |= {"api_version": "v4"}
        harness.extra[processes.TIME_FACTOR] = str(FACTOR)
        oracle = Oracle(world, "v4")
        oracle.look()
        synced = harness.sync("--table", "identities", *all_tables())
        assert_equal(harness, oracle)
    runs = [request for request in synced.requests if "/runs" in request.path]
    assert len(runs) > 12
    others = [r.status for r in synced.requests if "/runs" not in r.path]
    assert set(others) == {200}
    refused = [request.status for request in runs if request.status == 429]
    assert len(refused) < len(runs) / 3


def all_tables() -> list[str]:
    tables = ("workspaces", "workflows", "jobs", "successful_jobs", "job_results")
    return [argument for table in tables for argument in ("--table", table)]
