"""Members and workspaces as v4 shows them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from captaindata_source.sandbox.dialect import AwareTimeStyle
from captaindata_source.sandbox.identities import TIMEZONES
from captaindata_source.sandbox.jobs import iso
from captaindata_source.sandbox.people import Member
from captaindata_source.sandbox.rng import stream

Json = dict[str, Any]

IDENTITIES_INCLUDED = 50
OPS_CHANCE = 0.3


def member_object(
    seed: int, member: Member, workspace_uid: str, *, start: datetime, style: AwareTimeStyle
) -> Json:
    """Return a member as v4 lists it; some of v3's role `user` are `ops` here."""
    data = member.data
    rng = stream(seed, "v4 member", data["uid"])
    joined = member.joins if member.joins >= 0 else -rng.uniform(30, 900)
    operates = rng.random() < OPS_CHANCE
    return {
        "uid": data["uid"],
        "created_at": iso(start + timedelta(days=joined), style),
        "workspace_uid": workspace_uid,
        "first_name": data["first_name"],
        "last_name": data["last_name"],
        "full_name": data["full_name"],
        "email": data["email"],
        "timezone": rng.choice((*TIMEZONES, None)),
        "role": "ops" if member.role == "user" and operates else member.role,
    }


def credits_object(uid: str, tasks: Json, *, identities: int, style: AwareTimeStyle) -> Json:
    """Return the workspace as `GET /workspaces` gives it.

    Args:
        uid: Its uid.
        tasks: The same workspace as v3 shows it.
        identities: How many identities it has now.
        style: How times are written.
    """
    month = {
        key: iso(datetime.fromisoformat(tasks[key]), style)
        for key in ("current_month_start", "current_month_end")
    }
    return {
        "uid": uid,
        "name": tasks["name"],
        "plan_name": tasks["plan_name"],
        "credits_left": tasks["tasks_left"],
        "credits_max": tasks["tasks_max"],
        "credits_used": tasks["tasks_used"],
        **month,
        "identities_included": IDENTITIES_INCLUDED,
        "identities_synced": identities,
        "identities_remaining": IDENTITIES_INCLUDED - identities,
    }
