"""API v4 without `project_uid`: the key tells the workspace, and what is loaded keeps it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from captaindata_source.sandbox import Workspace
from tests.conftest import MakeHarness
from tests.support import processes
from tests.support.harness import Harness
from tests.support.marks import INTEGRATION

ON_ONE_DATABASE = pytest.mark.parametrize("database", ["duckdb"], indirect=True)
SMALL: dict[str, Any] = {"workflows": 1, "jobs_per_day": 0.05, "mean_results": 2}


def keyed(harness: Harness, workspace: Workspace, **options: Any) -> dict[str, Any]:
    config = harness.config(workspace, api_version="v4", **options)
    config.pop("project_uid", None)
    return config


@INTEGRATION
@ON_ONE_DATABASE
def test_it_is_learned_with_no_call_more_and_kept(make_harness: MakeHarness) -> None:
    harness = make_harness(3, workspaces=2, **SMALL)
    first, second = harness.world.workspaces
    configs = [keyed(harness, first, name="one"), keyed(harness, second, name="two")]
    for some in (configs, configs[:1]):
        synced = harness.sync(configs=some)
        asked = Counter(r.workspace_uid for r in synced.requests if r.path == "/v4/workspaces")
        assert asked == dict.fromkeys([first.uid, second.uid][: len(some)], 1)
    rows = {row["configured_name"]: row["workspace_uid"] for row in harness.rows("workspaces")}
    assert rows == {"one": first.uid, "two": second.uid}
    assert {row["workspace_uid"] for row in harness.rows("jobs")} == {first.uid, second.uid}
    counted = {row["api_calls"] for row in harness.rows("sync_runs")}
    assert sum(row["api_calls"] for row in harness.rows("sync_runs") if row) >= len(
        synced.requests
    ), counted
    done = processes.run(["check"], environment=harness.environment(configs), folder=harness.folder)
    assert done.code == 0, done.stdout + done.stderr

    # the key of another workspace under a name that is loaded
    wrong = {**keyed(harness, second, name="one"), "api_key": second.api_key}
    refused = harness.sync(configs=[wrong], expect=1)
    assert f"The key belongs to workspace {second.uid}" in str(refused.summary)
    done = processes.run(["check"], environment=harness.environment([wrong]), folder=harness.folder)
    assert done.code == 1
    assert f"The key belongs to workspace {second.uid}" in done.stdout
    assert {row["configured_name"] for row in harness.rows("workspaces")} == {"one", "two"}

    # with it configured, the same warehouse goes on
    synced = harness.sync(configs=[harness.config(first, api_version="v4", name="one")])
    assert not synced.paths("/outputs")


@INTEGRATION
@ON_ONE_DATABASE
def test_one_key_that_fails_does_not_stop_the_others(make_harness: MakeHarness) -> None:
    harness = make_harness(3, workspaces=2, **SMALL)
    first, second = harness.world.workspaces
    harness.world.revoke(second)
    configs = [keyed(harness, second, name="two"), keyed(harness, first, name="one")]
    synced = harness.sync(configs=configs, expect=1)
    outcomes = [each["outcome"] for each in synced.summary["workspaces"]]
    assert outcomes == ["failed", "loaded"]
    assert {row["workspace_uid"] for row in harness.rows("jobs")} == {first.uid}
    twins = [keyed(harness, first, name="one"), keyed(harness, first, name="again")]
    refused = processes.run(
        ["sync", "--dataset", "other"],
        environment=harness.environment(twins),
        folder=harness.folder,
    )
    assert refused.code == 2
    assert "configured for more than one workspace" in refused.stderr
