"""Identities with integrations (v4) and accounts of members (v3); all contain planted secrets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Literal

from captaindata_source.sandbox.dialect import AwareTimeStyle
from captaindata_source.sandbox.jobs import iso
from captaindata_source.sandbox.people import PERMALINKS
from captaindata_source.sandbox.planted import secret
from captaindata_source.sandbox.rng import stream, uid
from captaindata_source.sandbox.vocabulary import TIMEZONES, person

Json = dict[str, Any]
IntegrationStatus = Literal["VALID", "INVALID", "PENDING", "LIMIT_REACHED"]
Changes = tuple[tuple[float, IntegrationStatus], ...]

NEVER = float("inf")
# What happens to the first integrations of a workspace; the others never change.
STORIES: tuple[Changes, ...] = (
    ((1.5, "INVALID"),),
    ((-3.0, "PENDING"), (2.2, "VALID")),
    ((0.8, "LIMIT_REACHED"), (1.8, "VALID"), (2.8, "LIMIT_REACHED")),
    ((-5.0, "INVALID"), (4.0, "VALID")),
)
ERRORS: dict[IntegrationStatus, str | None] = {
    "VALID": None,
    "INVALID": "The session has expired, please connect the account again",
    "PENDING": None,
    "LIMIT_REACHED": "The daily limit of the account is reached",
}


@dataclass(frozen=True, kw_only=True)
class Integration:
    """A connection of an identity to a site. `changes` are its statuses with their first days."""

    uid: str
    permalink: str
    created: float
    changes: Changes
    data: Json
    secrets: Json

    def _latest(self, day: float) -> tuple[float, IntegrationStatus]:
        return next(
            (change for change in reversed(self.changes) if change[0] <= day),
            (self.created, "VALID"),
        )

    def entry(self, day: float) -> Json:
        """Return the integration as the list of identities shows it."""
        return {
            "uid": self.uid,
            "name": self.permalink,
            "integration_permalink": self.permalink,
            "status": self._latest(day)[1],
            **self.secrets,
        }

    def account(self, day: float) -> Json:
        """Return the integration as one of the accounts of its identity."""
        return {"type": self.permalink, "status": self._latest(day)[1], **self.secrets}

    def details(self, day: float, start: datetime, style: AwareTimeStyle, owner: str) -> Json:
        """Return the integration as `GET /identities/{uid}/integrations/{name}` gives it."""
        updated, status = self._latest(day)
        return {
            **self.entry(day),
            "identity_uid": owner,
            **self.data,
            "created_at": iso(start + timedelta(days=self.created), style),
            "updated_at": iso(start + timedelta(days=updated), style),
            "error": ERRORS[status],
        }


@dataclass(frozen=True, kw_only=True)
class Identity:
    """An identity, there from the day `comes` until the day `goes`."""

    uid: str
    comes: float
    goes: float
    created: float
    data: Json
    login_links: list[Json]
    integrations: tuple[Integration, ...]

    def exists(self, day: float) -> bool:
        """Tell whether the identity is there on `day`."""
        return self.comes <= day < self.goes

    def render(self, day: float, start: datetime, style: AwareTimeStyle) -> Json:
        """Return the identity as `GET /identities` lists it."""
        return {
            "uid": self.uid,
            "created_at": iso(start + timedelta(days=self.created), style),
            **self.data,
            "integrations": [integration.entry(day) for integration in self.integrations],
            "accounts": [integration.account(day) for integration in self.integrations],
            "identity_login_links": [dict(link) for link in self.login_links],
        }


def make_identities(seed: int, workspace: int, workspace_uid: str) -> tuple[Identity, ...]:
    """Return the identities: some dozens in the first workspace, few in others.

    One is added at about day 1, and one is deleted at about day 3.
    """
    rng = stream(seed, workspace, "identities")
    count = rng.randrange(22, 39) if workspace == 0 else rng.randrange(4, 12)
    stories = list(STORIES)
    identities = []
    for number in range(count + 1):
        comes = 1.0 + rng.uniform(-0.1, 0.1) if number == count else -NEVER
        goes = 3.0 + rng.uniform(-0.1, 0.1) if number == 1 else NEVER
        created = comes if number == count else -rng.uniform(20, 500)
        first, last = person(rng)
        names = rng.sample(PERMALINKS, _integrations_of(number, count, rng.randrange(0, 4)))
        identities.append(
            Identity(
                uid=uid(rng),
                comes=comes,
                goes=goes,
                created=created,
                data={
                    "workspace_uid": workspace_uid,
                    "name": f"{first} {last}",
                    "timezone": rng.choice((*TIMEZONES, None)),
                    "type": rng.choice(("MANAGED", "MANAGED", "EXTERNAL")),
                },
                login_links=[_login_link(rng) for _ in range(rng.randrange(0, 3))],
                integrations=tuple(
                    _integration(rng, name, created, stories if number != 1 else [])
                    for name in names
                ),
            )
        )
    return tuple(identities)


def _integrations_of(number: int, count: int, usual: int) -> int:
    """Return the number of integrations of an identity; those with a story have at least one."""
    if number < 3 or number == count:
        return max(usual, 2)
    return 0 if number == 3 else usual


def _integration(
    rng: Random, permalink: str, identity_created: float, stories: list[Changes]
) -> Integration:
    return Integration(
        uid=uid(rng),
        permalink=permalink,
        created=identity_created + 0.001,
        changes=stories.pop(0) if stories else (),
        data={
            "auth_type": rng.choice(("COOKIE", "OAUTH", "API_KEY")),
            "setup_source": rng.choice(("EXTENSION", "LOGIN_LINK", "API")),
            "is_shared": rng.random() < 0.3,
            "level": rng.choice(("BASIC", "PREMIUM", None)),
            "meta": {"handle": f"member-{rng.randrange(10**6)}", "session": {"id": secret(rng)}},
        },
        secrets={
            "auth_data": {"token": secret(rng), "refresh": {"token": secret(rng)}},
            "cookies": [{"name": "li_at", "value": secret(rng)}, {"name": "id", "value": "1"}],
        },
    )


def _login_link(rng: Random) -> Json:
    name = rng.choice(PERMALINKS)
    link = f"https://app.example.com/connect/{name}?token={secret(rng)}"
    return {"uid": uid(rng), "integration_permalink": name, "link": link, "used": False}


def account_object(seed: int, member: Json, account: Json, *, start: datetime) -> Json:
    """Return an account of a member as v3's `GET /integrations/{name}/accounts` lists it."""
    rng = stream(seed, "account", account["uid"])
    created = start - timedelta(days=rng.uniform(1, 700))
    return {
        "uid": account["uid"],
        "name": f"{member['full_name']} \u2013 {account['application_permalink']}",
        "user_uid": member["uid"],
        "email": member["email"],
        "status": rng.choice(("VALID", "VALID", "VALID", "INVALID")),
        "integration": account["application_permalink"],
        "created_at": iso(created, "naive"),
        "cookies": [{"name": "li_at", "value": secret(rng), "domain": ".example.com"}],
        "session": {"user_agent": "Mozilla/5.0", "csrf": secret(rng)},
    }
