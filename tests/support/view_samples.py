"""Sample rows of the tables that are off by default, for the printed outputs of views on them."""

from __future__ import annotations

from collections.abc import Sequence

from captaindata_source.tables import (
    CALLBACKS,
    CREDIT_CONSUMPTION,
    JOB_INPUTS,
    SCHEDULES,
    WEBHOOK_EVENTS,
    Table,
)
from tests.support.databases import Row

__all__ = ["SAMPLES"]

_INPUTS: list[Row] = [
    {
        "job_uid": job,
        "workflow_uid": "linkedin-extract-people",
        "position": position,
        "status": "FAILED",
        "input_data": {"url": f"https://www.linkedin.com/in/{name}"},
        "error_label": label,
        "error_scope": scope,
        "error_message": message,
        "finished_at": f"2026-01-{day}T08:30:00Z",
    }
    for job, day, position, name, label, scope, message in (
        ("j1", 12, 0, "ada", "PROFILE_NOT_FOUND", "input", "The profile does not exist"),
        ("j2", 13, 0, "ada", "PROFILE_NOT_FOUND", "input", "The profile does not exist"),
        ("j2", 13, 1, "bram", "LOGIN_REQUIRED", "integ", "The session has expired"),
    )
]
_SCHEDULES: list[Row] = [
    {
        "kind": kind,
        "uid": f"{kind}-1",
        "name": name,
        "action_name" if kind == "action" else "flow_preset_name": runs,
        "status": "ACTIVE",
        "cron": cron,
        "timezone": "Europe/Paris",
        "next_execution_at": then,
    }
    for kind, name, runs, cron, then in (
        ("action", "Daily leads", "linkedin-search", "0 7 * * *", "2026-01-15T06:00:00Z"),
        ("flow", "Weekly refresh", "Enrich the CRM", "0 9 * * 1", "2026-01-19T08:00:00Z"),
    )
]
_CALLBACKS: list[Row] = [
    {
        "uid": uid,
        "parent_uid": parent,
        "run_uid": run,
        "status": status,
        "http_status": http_status,
        "error": error,
        "created_at": f"2026-01-12T08:{minute}:00Z",
    }
    for uid, parent, run, status, http_status, error, minute in (
        ("d1", None, "r1", "FAILED", 503, "Service unavailable", 30),
        ("d2", "d1", "r1", "SUCCESS", 200, None, 40),
        ("d3", None, "r2", "FAILED", 404, "Not found", 50),
    )
]
_CONSUMPTION: list[Row] = [
    {
        "uid": f"{action}-{day}",
        "read_at": f"2026-01-{day}T06:00:00Z",
        "action_slug": action,
        "credits_used": used,
        "runs_count": runs,
        "current_month_start": "2026-01-01T00:00:00Z",
    }
    for action, day, used, runs in (
        ("linkedin-search", 12, 120.5, 8),
        ("linkedin-search", 13, 131.0, 9),
        ("export-hubspot", 12, 40.0, 2),
        ("export-hubspot", 13, 40.0, 2),
    )
]
_EVENTS: list[Row] = [
    {
        "uid": f"{kind} {number}",
        "kind": kind,
        "copies": 1 + number // 2,
        "tries": 1,
        "action": action,
        "received_at": f"2026-01-12T08:30:0{number}.5Z",
        "loaded_at": f"2026-01-12T08:30:0{number + 1 + len(kind) // 11}.75Z",
    }
    for kind, action in (("job_created", "job_loaded"), ("job_succeeded", "results_loaded"))
    for number in range(4)
]
SAMPLES: Sequence[tuple[Table, list[Row]]] = (
    (JOB_INPUTS, _INPUTS),
    (SCHEDULES, _SCHEDULES),
    (CALLBACKS, _CALLBACKS),
    (CREDIT_CONSUMPTION, _CONSUMPTION),
    (WEBHOOK_EVENTS, _EVENTS),
)
"""Without the workspace."""
