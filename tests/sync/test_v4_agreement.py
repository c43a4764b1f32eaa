"""One world, loaded through API v3 and through v4, says the same in both."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from tests.support.databases import Row
from tests.support.harness import Harness

STATUSES = {
    "finished": {"SUCCEEDED", "PARTIAL_SUCCEEDED"},
    "completed": {"SUCCEEDED", "PARTIAL_SUCCEEDED"},
    "stopped": {"STOPPED"},
    "shutdown": {"FAILED"},
    "warning": {"FAILED", "INVALID"},
    "pending": {"CREATED", "QUEUED", "SCHEDULED"},
    "running": {"RUNNING"},
    "paused": {"BLOCKED"},
}
SAME = ("scheduled_time", "start_time", "finish_time", "error_message", "configuration")


@pytest.mark.integration
@pytest.mark.parametrize("database", ["duckdb"], indirect=True)
def test_the_five_tables_agree(harness: Harness) -> None:
    harness.options["lookback_days"] = 0
    world, (workspace,) = harness.world, harness.world.workspaces
    world.advance(days=2)
    found: dict[str, dict[str, list[Row]]] = {}
    tables = ("workspaces", "workflows", "jobs", "successful_jobs", "job_results")
    for version in ("v3", "v4"):
        harness.database.dataset = f"by_{version}"
        harness.sync(configs=[harness.config(workspace, api_version=version)])
        found[version] = {table: harness.rows(table) for table in tables}
    v3, v4 = found["v3"], found["v4"]

    main = {row["uid"]: row for row in v3["jobs"] if not row["is_sub_job"]}
    runs = {row["uid"]: row for row in v4["jobs"] if row["execution_mode"] != "LIVE"}
    assert len(main) < len(v3["jobs"]), "there are sub-jobs"
    assert len(runs) < len(v4["jobs"]), "there are live runs"
    # v3 lists the jobs of two months of the workflows that still exist, v4 all
    assert main.keys() <= runs.keys()
    assert len(main) > 20
    seen = set()
    for uid, job in main.items():
        run = runs[uid]
        assert {name: run[name] for name in SAME} == {name: job[name] for name in SAME}
        assert run["row_count"] == (job["row_count"] or 0)
        assert run["workflow_uid"] == world.v4.action_name(workspace, job["workflow_uid"])
        assert run["status"] in STATUSES[job["status"]]
        seen.add(job["status"])
    assert len(seen) > 3

    successes = {row["uid"]: row for row in v4["successful_jobs"]}
    assert successes.keys() & main.keys() == {
        row["uid"] for row in v3["successful_jobs"] if not row["is_sub_job"]
    }
    assert {row["is_partial"] for row in successes.values()} == {True, False}

    assert by_job(v4, main) == by_job(v3, main)
    assert len(by_job(v3, main)) > 10
    assert not by_job(v4, successes).keys() - runs.keys()

    (space,), (other) = v3["workspaces"], v4["workspaces"][0]
    for name in ("uid", "name", "plan_name", "current_month_start", "current_month_end"):
        assert space[name] == other[name]
    for name in ("left", "max", "used"):
        assert space[f"tasks_{name}"] == other[f"credits_{name}"]
    people = [{m["email"] for m in each["members"]} for each in (space, other)]
    assert people[0] == people[1]

    named = {row["uid"] for row in v4["workflows"]}
    assert named == {row["workflow_uid"] for row in v4["jobs"]}
    with_jobs = {row["workflow_uid"] for row in main.values()}
    assert with_jobs <= {row["uid"] for row in v3["workflows"]}
    assert {world.v4.action_name(workspace, uid) for uid in with_jobs} <= named


def by_job(tables: dict[str, list[Row]], jobs: dict[str, Row]) -> dict[str, list[Any]]:
    """Results of jobs in their order, with the time that they have."""
    found = defaultdict(list)
    for row in sorted(tables["job_results"], key=lambda row: int(row["position"])):
        if row["job_uid"] in jobs:
            found[row["job_uid"]].append((row["position"], row["data"], row["created_at"]))
    return found
