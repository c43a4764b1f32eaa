"""Two clients and one without data, for reports; every text of a client says whose it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from captaindata_source.tables import (
    CREDIT_CONSUMPTION,
    IDENTITIES,
    INTEGRATION_CHANGES,
    INTEGRATIONS,
    JOB_CHANGES,
    JOBS,
    QUOTA_READINGS,
    RESULTS_CHANGES,
    SYNC_RUNS,
    WORKFLOW_CHANGES,
    WORKSPACES,
)
from tests.support.databases import Row
from tests.support.raw_tables import COMMITTED, insert
from tests.support.results import Warehouse

__all__ = ["BAIT", "CLIENTS", "FIRST", "LAST", "LAST_RUN", "fill"]

FIRST, LAST = datetime(2025, 11, 20, 9, tzinfo=UTC), datetime(2026, 1, 10, 9, tzinfo=UTC)
LAST_RUN = LAST - timedelta(hours=24)
"""The newest run of alpha."""
BAIT = "\"'>]]></script><script>alert(1)</script><img src=x onerror=alert(1)>&lt;b>\u2028\u202e\x07"
"""What would run, close a tag, end a line of JSON or turn the text around it."""
CLIENTS = {"uid-alpha": "alpha", "uid-beta": "beta"}
LONG = "long " * 200_000


def fill(warehouse: Warehouse) -> None:
    """Loads both clients: alpha has tasks and five workflows, beta credits, accounts and bait."""
    spaces = [_space(uid, name) for uid, name in CLIENTS.items()]
    insert(warehouse.where, WORKSPACES, [*spaces, {"workspace_uid": "u-idle", "uid": "u-idle"}])
    for uid, name in CLIENTS.items():
        many = 5 if name == "alpha" else 3
        for number in range(many):
            label = f"{name} flow {number}" + (BAIT if name == "beta" and number == 1 else "")
            warehouse.add_workflow(f"{name}-w{number}", label, workspace=uid)
        insert(warehouse.where, JOBS, _jobs(uid, name, many))
        warehouse.load(f"{name}-j0", [{"name": name}], workflow=f"{name}-w0", workspace=uid)
        insert(warehouse.where, QUOTA_READINGS, _readings(uid, name))
        insert(warehouse.where, SYNC_RUNS, [_sync(uid, name)])
        _change(warehouse, uid, name)
    _accounts(warehouse)


def _space(uid: str, name: str) -> Row:
    unit = "tasks" if name == "alpha" else "credits"
    return {
        "workspace_uid": uid,
        "uid": uid,
        "configured_name": name,
        "name": f"{name.title()} Ltd{BAIT if name == 'beta' else ''}",
        "plan_name": f"{name} plan",
        f"{unit}_max": 1000,
        f"{unit}_used": 850,
        f"{unit}_left": 150,
        "current_month_end": "2026-02-01T00:00:00Z",
    }


def _jobs(uid: str, name: str, many: int) -> list[Row]:
    found: list[Row] = []
    hours = 30 if name == "alpha" else 41
    start, number = FIRST, 0
    while start <= LAST:
        flow = number % many
        is_failed = number % (3 if name == "alpha" else 4) == 1
        row: dict[str, Any] = {
            "workspace_uid": uid,
            "uid": f"{name}-j{number}",
            "name": f"{name} run {number}",
            "workflow_uid": f"{name}-w{flow}",
            "status": "failed" if is_failed else "finished",
            "is_sub_job": False,
            "start_time": start,
            "finish_time": start + timedelta(seconds=20 + 400 * flow + 7 * number),
            "row_count": 0 if is_failed else 10 + number,
            "loaded_at": LAST,
        }
        if is_failed:
            row["error_message"] = f"{name} error {number % 3}{BAIT if number % 2 else LONG}"
        found.append(row)
        number, start = number + 1, start + timedelta(hours=hours)
    stuck = {"status": "running", "uid": f"{name}-stuck", "start_time": LAST - timedelta(days=2)}
    kept = ("workspace_uid", "workflow_uid", "is_sub_job", "loaded_at")
    return [*found, {**{key: found[-1][key] for key in kept}, **stuck, "name": f"{name} stuck"}]


def _readings(uid: str, name: str) -> list[Row]:
    return [
        {
            "workspace_uid": uid,
            "uid": f"{name}-q{day}",
            "read_at": LAST - timedelta(days=day),
            "unit": "tasks" if name == "alpha" else "credits",
            "quota_max": 1000,
            "quota_used": 850 - 50 * day,
            "quota_left": 150 + 50 * day,
            "current_month_start": "2026-01-01T00:00:00Z",
        }
        for day in range(5)
    ]


def _sync(uid: str, name: str) -> Row:
    return {
        "workspace_uid": uid,
        "uid": f"{name}-sync",
        "workspace_name": name,
        "started_at": LAST,
        "finished_at": LAST + timedelta(minutes=3),
        "outcome": "loaded",
        "rows_by_table": {"jobs": 12, "job_results": 0},
    }


def _change(warehouse: Warehouse, uid: str, name: str) -> None:
    change = {"workspace_uid": uid, "seen_at": LAST, "_dlt_load_id": COMMITTED[0]}
    of_flow = {**change, "workflow_uid": f"{name}-w0"}
    renamed = {"field": "name", "old_value": f"{name} old", "new_value": f"{name} flow 0"}
    insert(warehouse.where, WORKFLOW_CHANGES, [{**of_flow, "uid": f"{name}-c1", **renamed}])
    job = {**of_flow, "job_uid": f"{name}-j0"}
    status = {"field": "status", "old_value": f"{name} open", "new_value": "finished"}
    insert(warehouse.where, JOB_CHANGES, [{**job, "uid": f"{name}-c2", **status}])
    replaced = {"change": "replaced", "rows_before": 3, "rows_after": 1}
    insert(warehouse.where, RESULTS_CHANGES, [{**job, "uid": f"{name}-c3", **replaced}])
    lost = {**of_flow, "uid": f"{name}-c4", "field": "steps", "_dlt_load_id": "never committed"}
    insert(warehouse.where, WORKFLOW_CHANGES, [lost])


def _accounts(warehouse: Warehouse) -> None:
    uid = "uid-beta"
    insert(warehouse.where, IDENTITIES, [{"workspace_uid": uid, "uid": "beta-i", "name": "beta I"}])
    account = {
        "workspace_uid": uid,
        "identity_uid": "beta-i",
        "integration_permalink": "beta-linkedin",
        "name": "beta LinkedIn",
        "status": "INVALID",
        "error": f"beta expired {BAIT}",
        "updated_at": LAST,
    }
    insert(warehouse.where, INTEGRATIONS, [account])
    change = {
        "workspace_uid": uid,
        "uid": "beta-c5",
        "identity_uid": "beta-i",
        "integration_permalink": "beta-linkedin",
        "field": "status",
        "old_value": "VALID",
        "new_value": "INVALID",
        "seen_at": LAST,
        "_dlt_load_id": COMMITTED[0],
    }
    insert(warehouse.where, INTEGRATION_CHANGES, [change])
    used = {
        "workspace_uid": uid,
        "action_slug": "beta-action",
        "current_month_start": "2026-01-01T00:00:00Z",
    }
    rows = [
        {
            **used,
            "uid": f"beta-u{day}",
            "read_at": LAST - timedelta(days=day),
            "credits_used": 90 - day,
        }
        for day in range(3)
    ]
    insert(warehouse.where, CREDIT_CONSUMPTION, rows)
