"""What v4 shows around runs: their inputs, their schedules, and deliveries of their outputs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from captaindata_source.sandbox.dialect import AwareTimeStyle
from captaindata_source.sandbox.jobs import iso
from captaindata_source.sandbox.rng import stream, uid
from captaindata_source.sandbox.runs import Action

Json = dict[str, Any]

CRONS = ("0 8 * * *", "0 8,20 * * *", "30 6 * * 1")
STATUSES = ("ACTIVE", "ACTIVE", "PAUSED")


def schedule_objects(
    actions: Iterable[Action], *, now: datetime, start: datetime, style: AwareTimeStyle
) -> list[Json]:
    """Return the schedules of a workspace; they run at 8 in the morning."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    last = midnight + timedelta(hours=8 if now.hour >= 8 else -16)
    schedules = [action.schedule_uid for action in actions if action.schedule_uid is not None]
    return [
        {
            "uid": schedule,
            "status": status,
            "cron": cron,
            "timezone": "UTC",
            "next_execution_at": iso(last + timedelta(days=1), style)
            if status == "ACTIVE"
            else None,
            "last_executed_at": iso(last, style),
            "postponed_until": None,
            "created_at": iso(start - timedelta(days=90), style),
            "updated_at": iso(last, style),
        }
        for schedule, cron, status in zip(schedules, CRONS, STATUSES, strict=False)
    ]


def callback_object(run: Json) -> Json:
    """Return the delivery of a finished run's outputs."""
    rng = stream("callback", run["uid"])
    return {
        "uid": uid(rng),
        "run_uid": run["uid"],
        "url": run["callback"]["url"],
        "status": rng.choice(("SUCCESS", "SUCCESS", "FAILED")),
        "retry_count": 0,
        "created_at": run["updated_at"],
        "updated_at": run["updated_at"],
    }


def input_objects(run: Json, *, count: int, first: int, last: int) -> list[Json]:
    """Return inputs `first` to `last` (exclusive) of a run that has `count`."""
    failed = run["last_error"] is not None
    return [
        {
            "uid": uid(stream("input", run["uid"], number)),
            "status": "FAILED" if failed and number == 0 else run["status"],
            "input_data": {"url": f"https://www.example.com/input/{number}"},
            "custom_data": None,
            "last_error": run["last_error"] if number == 0 else None,
            "output_count": run["output_count"] // count,
            "retry_count": run["retry_count"],
            **{key: run[key] for key in ("started_at", "finished_at", "created_at", "updated_at")},
        }
        for number in range(first, min(last, count))
    ]
