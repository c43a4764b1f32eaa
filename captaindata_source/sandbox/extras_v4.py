"""Schedules, deliveries and consumption of v4; all contain planted secrets."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any, Literal

from captaindata_source.sandbox.dialect import AwareTimeStyle
from captaindata_source.sandbox.jobs import iso
from captaindata_source.sandbox.planted import secret
from captaindata_source.sandbox.rng import stream, uid
from captaindata_source.sandbox.runs import ENDED, Action, JobRun, Run
from captaindata_source.sandbox.vocabulary import TIMEZONES

Json = dict[str, Any]
ScheduleKind = Literal["action", "flow"]

DAILY_HOUR = 7
PAUSED_FROM = 1.5
GONE_FROM = 2.5
FLOW_SCHEDULES = 2
PENDING_DAYS = 0.02
"""How long the last delivery of a run takes."""
CREDITS_PER_OUTPUT = 0.25


def schedules(
    kind: ScheduleKind,
    actions: Collection[Action],
    *,
    seed: int,
    workspace_uid: str,
    day: float,
    start: datetime,
    style: AwareTimeStyle,
) -> list[Json]:
    """Return the schedules of actions or of flows.

    One of each kind is paused after a while, and one is deleted. The first flow's schedule has the
    uid of the first action's.
    """
    scheduled = [action for action in actions if action.schedule_uid]
    uids = [action.schedule_uid for action in scheduled]
    if kind == "flow":
        rng = stream(seed, workspace_uid, "flow schedules")
        uids = [*uids[:1], *(uid(rng) for _ in range(FLOW_SCHEDULES))]
    found = []
    for number, identifier in enumerate(uids):
        if number == len(uids) - 1 and day >= GONE_FROM:
            continue
        rng = stream(seed, "schedule", kind, identifier)
        paused = number == 1 and day >= PAUSED_FROM
        today = math.floor(day)
        last = today + DAILY_HOUR / 24 - (0 if day - today >= DAILY_HOUR / 24 else 1)

        def time(at: float | None) -> str | None:
            return None if at is None else iso(start + timedelta(days=at), style)

        found.append(
            {
                "uid": identifier,
                "name": f"Daily {kind} {number + 1}",
                **(_action(scheduled[number]) if kind == "action" else _flow(rng, number)),
                "user_uid": uid(rng),
                "workspace_uid": workspace_uid,
                "status": "PAUSED" if paused else "ACTIVE",
                "cron": f"0 {DAILY_HOUR} * * *",
                "timezone": rng.choice(TIMEZONES),
                "next_execution_at": None if paused else time(last + 1),
                "last_executed_at": time(min(last, PAUSED_FROM) if paused else last),
                "postponed_until": None,
                "created_at": time(-30.0 - number),
                "updated_at": time(PAUSED_FROM if paused else -30.0 - number),
                "parameters": {"cookies": [{"name": "li_at", "value": secret(rng)}]},
                "callback": _callback(rng),
            }
        )
    return found


def _action(action: Action) -> Json:
    return {"action_id": action.number, "action_name": action.name}


def _flow(rng: Random, number: int) -> Json:
    return {"flow_preset_uid": uid(rng), "flow_preset_name": f"Flow {number + 1}"}


def _callback(rng: Random) -> Json:
    return {
        "url": f"https://hooks.example.com/{secret(rng)}?token={secret(rng)}",
        "headers": {"Authorization": f"Bearer {secret(rng)}"},
    }


def callbacks(
    runs: Iterable[Run],
    *,
    seed: int,
    workspace_uid: str,
    day: float,
    start: datetime,
    style: AwareTimeStyle,
) -> list[Json]:
    """Return the deliveries of runs, newest first: one each time that a run ended. Some fail and
    are sent again."""
    found: list[tuple[float, Json]] = []
    for run in runs:
        if run.callback_url is None or not isinstance(run, JobRun):
            continue
        rng = stream(seed, "callback", run.uid)
        for ended in _ends(run, day):
            found += _attempts(rng, run, ended, day)
    return [
        {
            **delivery,
            "created_at": iso(start + timedelta(days=at), style),
            "workspace_uid": workspace_uid,
        }
        for at, delivery in sorted(found, key=lambda each: each[0], reverse=True)
    ]


def _ends(run: JobRun, day: float) -> list[float]:
    ends = [
        phase.finish
        for phase in run.job.phases
        if phase.status in ENDED and phase.finish is not None and phase.finish <= day
    ]
    return list(dict.fromkeys(ends))


def _attempts(rng: Random, run: Run, ended: float, day: float) -> Iterator[tuple[float, Json]]:
    dice = rng.randrange(28)
    count, parent = 2 if dice % 4 == 0 else 1, None
    for attempt in range(count):
        at = ended + attempt * PENDING_DAYS
        if at > day:
            return
        status = "SUCCESS" if attempt == count - 1 and dice % 7 else "FAILED"
        if day - at < PENDING_DAYS:
            status = "PENDING"
        delivery = _delivery(rng, run, status)
        yield at, {**delivery, "parent_uid": parent, "retry_count": attempt}
        parent = delivery["uid"]


def _delivery(rng: Random, run: Run, status: str) -> Json:
    address = f"{run.callback_url}/{secret(rng)}?key={secret(rng)}"
    answers = {"SUCCESS": 200, "FAILED": 500}
    return {
        "uid": uid(rng),
        "status": status,
        "callback_url": address,
        "headers": {"Authorization": f"Bearer {secret(rng)}", "X-Trace": secret(rng)},
        "http_status": answers.get(status),
        "http_response": {"body": f"echo {secret(rng)}"} if status in answers else None,
        "batch_uid": None,
        "run_uid": run.uid,
        "error": f"POST {address} answered 500" if status == "FAILED" else None,
    }


def consumption(runs: Iterable[Run], workspace: Json, *, day: float, first: datetime) -> Json:
    """Return what each action used in the running month.

    Args:
        runs: All runs that have appeared.
        workspace: The workspace as v4 shows it.
        day: The day.
        first: Start of the month.
    """
    used: dict[str, list[int]] = {}
    for run in runs:
        if run.created >= first:
            used.setdefault(run.action.name, []).append(run.moment(day).output_count)
    names = ("credits_left", "credits_used", "credits_max", "current_month_start")
    return {
        **{name: workspace[name] for name in (*names, "current_month_end")},
        "consumptions": [
            {
                "action_slug": name,
                "credits_used": round(sum(counts) * CREDITS_PER_OUTPUT, 2),
                "runs_count": len(counts),
            }
            for name, counts in sorted(used.items())
        ],
    }
