"""What the warehouse must hold, computed from what the sandbox holds."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from captaindata_source.sandbox import Workspace, World
from tests.support.databases import Row
from tests.support.harness import Harness

SUCCESS = ("finished", "completed")
FINAL = (*SUCCESS, "stopped", "shutdown", "warning")
TIMES = ("scheduled_time", "start_time", "finish_time")
JOB_FIELDS = [
    "uid",
    "name",
    "workflow_uid",
    "workflow_name",
    "main_job_uid",
    "main_job_name",
    "step_uid",
    "status",
    "scheduled_time",
    "start_time",
    "finish_time",
    "number_inputs",
    "row_count",
    "total_row_count",
    "error_message",
    "accounts",
    "configuration",
]


class Oracle:
    """Follows a world as a connector may see it, sync by sync."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.workspaces: dict[str, Row] = {}
        self.workflows: dict[tuple[str, str], Row] = {}
        self.jobs: dict[tuple[str, str], dict[str, Any]] = {}
        self.results: dict[tuple[str, str], list[dict[str, Any]]] = {}

    def look(self, *workspaces: Workspace) -> None:
        """Sees the world as a sync does that runs now."""
        for workspace in workspaces or self._world.workspaces:
            self._look_at(workspace)

    def _look_at(self, workspace: Workspace) -> None:
        world, uid = self._world, workspace.uid
        self.workspaces[uid] = {
            **world.workspace_object(workspace),
            "members": world.users(workspace),
        }
        listed = {flow["uid"]: flow for flow in world.workflows(workspace)}
        for flow_uid, flow in listed.items():
            details = world.details(workspace, flow_uid)
            self.workflows[uid, flow_uid] = {**flow, "details": details, "is_deleted": False}
        for (owner, flow_uid), flow in self.workflows.items():
            if owner == uid and flow_uid not in listed:
                flow["is_deleted"] = True
        seen = {}
        for flow_uid in listed:
            seen.update({job["uid"]: job for job in world.listed_jobs(workspace, flow_uid)})
        for (owner, job_uid), job in self.jobs.items():
            if owner == uid and job_uid not in seen and job["status"] not in FINAL:
                seen[job_uid] = world.job(workspace, job_uid) or job
        for job_uid, job in seen.items():
            self.jobs[uid, job_uid] = job
            if job["status"] in SUCCESS:
                self.results[uid, job_uid] = world.results(workspace, job_uid)

    def expected_jobs(self) -> list[Row]:
        return [
            {
                "workspace_uid": owner,
                **{name: _typed(name, job.get(name)) for name in JOB_FIELDS},
                "is_sub_job": job.get("main_job_uid") not in (None, job["uid"]),
            }
            for (owner, _), job in self.jobs.items()
        ]

    def expected_results(self) -> list[Row]:
        rows = []
        for (owner, job_uid), results in self.results.items():
            job = self.jobs[owner, job_uid]
            for position, data in enumerate(results):
                rows.append(
                    {
                        "workspace_uid": owner,
                        "job_uid": job_uid,
                        "workflow_uid": job["workflow_uid"],
                        "position": position,
                        "data": data,
                        "created_at": _time(_extracted_at(data) or job["finish_time"])
                        if job["status"] in SUCCESS
                        else None,
                    }
                )
        return rows


def assert_equal(harness: Harness, oracle: Oracle) -> None:
    """Compares all tables, row for row, with what the oracle saw."""
    jobs = harness.rows("jobs")
    names = ("workspace_uid", "is_sub_job", *JOB_FIELDS)
    expected_jobs = oracle.expected_jobs()
    _assert_same([{name: job[name] for name in names} for job in jobs], expected_jobs)

    successful = harness.rows("successful_jobs")
    _assert_same(
        [{name: job[name] for name in names} for job in successful],
        [job for job in expected_jobs if job["status"] in SUCCESS],
    )
    _assert_same_results(harness, oracle)
    flows = harness.rows("workflows")
    fields = ("workspace_uid", "uid", "name", "created_at", "steps", "details", "is_deleted")
    _assert_same(
        [{name: flow[name] for name in fields} for flow in flows],
        [
            {
                **{name: flow.get(name) for name in fields},
                "workspace_uid": owner,
                "created_at": _time(flow["created_at"]),
            }
            for (owner, _), flow in oracle.workflows.items()
        ],
    )
    spaces = harness.rows("workspaces")
    fields = ("uid", "name", "email", "plan_name", "tasks_used", "tasks_left", "members")
    _assert_same(
        [{name: space[name] for name in fields} for space in spaces],
        [
            {**{name: space.get(name) for name in fields}, "uid": owner}
            for owner, space in oracle.workspaces.items()
        ],
    )


def _assert_same_results(harness: Harness, oracle: Oracle) -> None:
    rows = harness.rows("job_results")
    assert len({(row["workspace_uid"], row["result_uid"]) for row in rows}) == len(rows)
    expected = oracle.expected_results()
    # a job that was retried and did not succeed keeps its results, with the time they had
    timeless = {(r["workspace_uid"], r["job_uid"]) for r in expected if r["created_at"] is None}
    names = ("workspace_uid", "job_uid", "workflow_uid", "position", "data", "created_at")
    found = [{name: row[name] for name in names} for row in rows]
    for row in found:
        if (row["workspace_uid"], row["job_uid"]) in timeless:
            row["created_at"] = None
    _assert_same(found, expected)


def _assert_same(found: list[Row], expected: list[Row]) -> None:
    left, right = sorted(map(_key, found)), sorted(map(_key, expected))
    if left != right:
        missing = [row for row in right if row not in set(left)]
        surplus = [row for row in left if row not in set(right)]
        raise AssertionError(
            f"{len(left)} rows, {len(right)} expected; "
            f"missing {len(missing)}: {missing[:2]}; surplus {len(surplus)}: {surplus[:2]}"
        )


def _key(row: Row) -> str:
    return json.dumps(row, sort_keys=True, default=str)


def _extracted_at(data: Any) -> str | None:
    return data.get("extracted_at") if isinstance(data, dict) else None


def _typed(name: str, value: Any) -> Any:
    return _time(value) if name in TIMES else value


def _time(value: str | None) -> datetime | None:
    if value is None:
        return None
    found = datetime.fromisoformat(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
