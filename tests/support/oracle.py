"""What the warehouse must hold, computed from what the sandbox holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from captaindata_source.sandbox import Workspace, World
from tests.support.databases import Row

SUCCESS = ("finished", "completed")
V4_SUCCESS = ("SUCCEEDED", "PARTIAL_SUCCEEDED")
V4_FINAL = (*V4_SUCCESS, "FAILED", "STOPPED", "INVALID")
FINAL = (*SUCCESS, "stopped", "shutdown", "warning")
TIMES = (
    *("scheduled_time", "start_time", "finish_time"),
    *("postponed_until", "created_at", "updated_at"),
)
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
V4_FIELDS = [
    "id",
    "action_id",
    "execution_mode",
    "is_partial",
    "retry_count",
    "last_error",
    "user_uid",
    "scheduled_run_uid",
    "postponed_until",
    "created_at",
    "updated_at",
]
"""Of jobs; null in those of v3."""
MEMBER_FIELDS = (
    *("uid", "email", "first_name", "last_name", "full_name", "timezone", "role", "created_at"),
)
CREDIT_FIELDS = (
    *("credits_left", "credits_max", "credits_used"),
    *("identities_included", "identities_synced", "identities_remaining"),
)


class Oracle:
    """Follows a world as a connector may see it, sync by sync.

    Args:
        world: The world.
        version: Of the API that workspaces are read through.
        versions: The same for some workspaces, by their uid.
    """

    def __init__(
        self, world: World, version: str = "v3", *, versions: Mapping[str, str] | None = None
    ) -> None:
        self._world = world
        self._version = version
        self._versions = versions or {}
        self.workspaces: dict[str, Row] = {}
        self.workflows: dict[tuple[str, str], Row] = {}
        self.jobs: dict[tuple[str, str], dict[str, Any]] = {}
        self.results: dict[tuple[str, str], list[dict[str, Any]]] = {}

    def look(self, *workspaces: Workspace) -> None:
        """Sees the world as a sync does that runs now."""
        for workspace in workspaces or self._world.workspaces:
            if self._versions.get(workspace.uid, self._version) == "v4":
                self._look_at_runs(workspace)
            else:
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

    def _look_at_runs(self, workspace: Workspace) -> None:
        world, uid = self._world, workspace.uid
        members = [
            {name: member[name] for name in MEMBER_FIELDS} for member in world.v4.members(workspace)
        ]
        space = world.v4.workspace_object(workspace)
        amounts = {name: float(space[name]) for name in CREDIT_FIELDS if name[0] == "c"}
        self.workspaces[uid] = {**space, **amounts, "members": members}
        for run in world.v4.runs(workspace):
            self.jobs[uid, run["uid"]] = job_of(run)
            if has_outputs(run):
                self.results[uid, run["uid"]] = world.results(workspace, run["uid"])
        created: dict[str, list[str]] = {}
        for (owner, _), job in self.jobs.items():
            if owner == uid:
                created.setdefault(job["workflow_uid"], []).append(job["created_at"])
        for action, times in created.items():
            first, *_, last = sorted([*times, *times], key=datetime.fromisoformat)
            flow = {"uid": action, "name": action, "created_at": first, "updated_at": last}
            self.workflows[uid, action] = {**flow, "is_deleted": False}

    def expected_jobs(self) -> list[Row]:
        return [
            {
                "workspace_uid": owner,
                **{name: _typed(name, job.get(name)) for name in (*JOB_FIELDS, *V4_FIELDS)},
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
                        if job["status"] in (*SUCCESS, *V4_SUCCESS)
                        else None,
                    }
                )
        return rows


class Loaded(Protocol):
    """What syncs have loaded."""

    def rows(self, table: str) -> list[Row]:
        """All rows of a table."""


def assert_equal(harness: Loaded, oracle: Oracle) -> None:
    """Compares all tables, row for row, with what the oracle saw."""
    jobs = harness.rows("jobs")
    names = ("workspace_uid", "is_sub_job", *JOB_FIELDS, *V4_FIELDS)
    expected_jobs = oracle.expected_jobs()
    _assert_same([{name: job.get(name) for name in names} for job in jobs], expected_jobs)

    successful = harness.rows("successful_jobs")
    _assert_same(
        [{name: job.get(name) for name in names} for job in successful],
        [job for job in expected_jobs if job["status"] in (*SUCCESS, *V4_SUCCESS)],
    )
    _assert_same_results(harness, oracle)
    flows = harness.rows("workflows")
    times = ("created_at", "updated_at")
    fields: tuple[str, ...]
    fields = ("workspace_uid", "uid", "name", *times, "steps", "details", "is_deleted")
    _assert_same(
        [{name: flow.get(name) for name in fields} for flow in flows],
        [
            {
                **{name: flow.get(name) for name in fields},
                "workspace_uid": owner,
                **{name: _time(flow.get(name)) for name in times},
            }
            for (owner, _), flow in oracle.workflows.items()
        ],
    )
    spaces = harness.rows("workspaces")
    fields = (
        *("uid", "name", "email", "plan_name", "tasks_used", "tasks_left", "members"),
        *CREDIT_FIELDS,
    )
    _assert_same(
        [{name: space.get(name) for name in fields} for space in spaces],
        [
            {**{name: space.get(name) for name in fields}, "uid": owner}
            for owner, space in oracle.workspaces.items()
        ],
    )


def _assert_same_results(harness: Loaded, oracle: Oracle) -> None:
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


def job_of(run: dict[str, Any]) -> dict[str, Any]:
    """A run of v4 with the names of v3, where that has one."""
    return {
        **run,
        "id": str(run["id"]),
        "action_id": str(run["action_id"]),
        "workflow_uid": run["action_name"],
        "workflow_name": run["action_name"],
        "scheduled_time": run["postponed_until"] or run["created_at"],
        "start_time": run["started_at"],
        "finish_time": run["finished_at"],
        "row_count": run["output_count"],
        "error_message": (run["last_error"] or {}).get("message"),
        "configuration": run["parameters"],
        "is_partial": run["status"] == "PARTIAL_SUCCEEDED",
    }


def has_outputs(run: dict[str, Any]) -> bool:
    """Whether a run of v4, or the job that it is, has outputs that are loaded."""
    return run["execution_mode"] != "LIVE" and run["status"] in V4_SUCCESS


def _extracted_at(data: Any) -> str | None:
    return data.get("extracted_at") if isinstance(data, dict) else None


def _typed(name: str, value: Any) -> Any:
    return _time(value) if name in TIMES else value


def _time(value: str | None) -> datetime | None:
    if value is None:
        return None
    found = datetime.fromisoformat(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
