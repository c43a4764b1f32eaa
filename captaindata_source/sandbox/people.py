"""Members and workspaces, as v3 and v4 show them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from captaindata_source.sandbox.dialect import AwareTimeStyle
from captaindata_source.sandbox.jobs import iso
from captaindata_source.sandbox.rng import stream, uid
from captaindata_source.sandbox.vocabulary import CITIES, TIMEZONES, person, slug

Json = dict[str, Any]

ROLES = ("user", "user", "user", "external", "admin")
PERMALINKS = ("linkedin", "salesnavigator", "hubspot", "google")
PLANS = (("Silver", 20_000), ("Gold", 60_000), ("Platinum", 200_000))
CYCLE_DAYS = 30
CYCLE_OFFSET_DAYS = 12
IDENTITIES_INCLUDED = 50
OPS_CHANCE = 0.3


@dataclass(frozen=True)
class Member:
    """A member of a workspace, who joins on a day and has a role that the API does not show."""

    joins: float
    role: str
    data: Json


def make_members(seed: int, workspace: int, project_uid: str) -> tuple[Member, ...]:
    """Return the members: more than two pages of them in the first workspace, few in others.

    One more joins at about day 2.3.
    """
    rng = stream(seed, workspace, "members")
    count = rng.randrange(64, 90) if workspace == 0 else rng.randrange(3, 20)
    members = []
    for number in range(count + 1):
        first, last = person(rng)
        joins = -1000.0 if number < count else 2.3
        role = "owner" if number == 0 else rng.choice(ROLES)
        data = {
            "uid": uid(rng),
            "email": f"{slug(first)}.{slug(last)}.{number}@example.com",
            "first_name": first,
            "last_name": last,
            "full_name": f"{first} {last}",
            "country": rng.choice(CITIES)[1] if rng.random() < 0.9 else None,
            "project_uid": project_uid,
            "accounts": [
                {"uid": uid(rng), "application_permalink": permalink}
                for permalink in rng.sample(PERMALINKS, rng.randrange(0, 4))
            ],
        }
        members.append(Member(joins, role, data))
    return tuple(members)


def workspace_object(seed: int, workspace: int, name: str, *, day: float, start: datetime) -> Json:
    """Return the workspace as it is on `day`; used tasks grow day by day within a cycle."""
    rng = stream(seed, workspace, "plan")
    plan, tasks_max = rng.choice(PLANS)
    per_day = tasks_max // rng.randrange(35, 60)
    today = int(day // 1)
    cycle, cycle_day = divmod(today + CYCLE_OFFSET_DAYS, CYCLE_DAYS)
    used = per_day * cycle_day + stream(seed, workspace, "tasks", today).randrange(per_day)
    first = start + timedelta(days=cycle * CYCLE_DAYS - CYCLE_OFFSET_DAYS)
    return {
        "name": name,
        "email": f"{slug(name)}@example.com",
        "plan_name": plan,
        "current_month_start": first.isoformat(),
        "current_month_end": (first + timedelta(days=CYCLE_DAYS)).isoformat(),
        "tasks_left": tasks_max - used,
        "tasks_max": tasks_max,
        "tasks_used": used,
    }


def member_object_v4(
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


def workspace_object_v4(uid: str, tasks: Json, *, identities: int, style: AwareTimeStyle) -> Json:
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
