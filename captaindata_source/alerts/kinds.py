"""What raises an alert, and what an alert is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from captaindata_source.tabular import one_line
from captaindata_source.times import aware

__all__ = [
    "COLUMNS",
    "MAX_DETAIL",
    "Alert",
    "Found",
    "Kind",
    "State",
    "Status",
    "as_minute",
    "as_text",
    "clean",
    "in_utc",
]

COLUMNS = (
    *("uid", "workspace_uid", "workspace_name", "kind", "subject", "subject_name"),
    *("title", "detail", "opened_at", "over_at"),
)
"""Of the table `alerts`."""
MORE = "…"
MAX_NAME, MAX_DETAIL = 200, 600
DIRECTIONS = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They turn the text around them, also that which is ours."""


class Kind(StrEnum):
    """What an alert is about."""

    FAILED_SYNC = "failed_sync"
    STALE_SYNC = "stale_sync"
    FAILING_WORKFLOW = "failing_workflow"
    SLOWER_WORKFLOW = "slower_workflow"
    STUCK_RUN = "stuck_run"
    INTEGRATION_NEEDS_LOGIN = "integration_needs_login"
    ACCOUNT_NEEDS_LOGIN = "account_needs_login"
    QUOTA = "quota"
    RESULTS_DIFFER = "results_differ"


class State(StrEnum):
    """What is told of an alert."""

    OPEN = "open"
    OVER = "over"


class Status(StrEnum):
    """What became of telling a webhook of an alert."""

    PENDING = "pending"
    SENDING = "sending"
    """Recorded before it is sent."""
    DELIVERED = "delivered"
    UNCONFIRMED = "unconfirmed"
    """It was sent, or may have been; it is not sent again."""
    REFUSED = "refused"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A condition that holds.

    Args:
        kind: What it is about.
        workspace_uid: The workspace.
        subject: What it is about, within the workspace: a uid in most kinds.
        subject_name: The same for people.
        title: It in a few words.
        detail: It in a sentence or two.
    """

    kind: Kind
    workspace_uid: str
    subject: str
    subject_name: str
    title: str
    detail: str

    @property
    def identity(self) -> tuple[str, str, str]:
        """At most one alert of it is open."""
        return self.workspace_uid, self.kind, self.subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert. The arguments that are not here are those of `Found`.

    Args:
        uid: Identifies it; a condition that returns is another alert.
        workspace_name: Name of the workspace in the configuration, else its uid.
        opened_at: When it was first seen.
        over_at: When it was first seen no more; None while it holds.
    """

    uid: str
    kind: str
    workspace_uid: str
    workspace_name: str
    subject: str
    subject_name: str
    title: str
    detail: str
    opened_at: datetime
    over_at: datetime | None = None

    @property
    def identity(self) -> tuple[str, str, str]:
        return self.workspace_uid, self.kind, self.subject

    @property
    def state(self) -> State:
        return State.OPEN if self.over_at is None else State.OVER

    @classmethod
    def of_row(cls, row: Sequence[Any]) -> Alert:
        """An alert of the values of `COLUMNS`."""
        *texts, opened_at, over_at = row
        return cls(
            **dict(zip(COLUMNS, texts, strict=False)),
            opened_at=in_utc(opened_at),
            over_at=None if over_at is None else in_utc(over_at),
        )

    def as_row(self) -> tuple[object, ...]:
        """The values of `COLUMNS`."""
        return tuple(getattr(self, name) for name in COLUMNS)

    def as_dict(self) -> dict[str, Any]:
        """For `--json` and for webhooks."""
        return {
            "id": self.uid,
            "state": str(self.state),
            "kind": self.kind,
            "title": self.title,
            "detail": self.detail,
            "subject": self.subject,
            "subject_name": self.subject_name,
            "opened_at": as_text(self.opened_at),
            "over_at": None if self.over_at is None else as_text(self.over_at),
        }


def in_utc(moment: datetime) -> datetime:
    """A time of the database, whatever the zone of the session."""
    return aware(moment).astimezone(UTC)


def as_text(moment: datetime) -> str:
    """A time in UTC, such as 2026-01-31T12:00:00Z."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def as_minute(moment: datetime) -> str:
    """The same for people."""
    return f"{in_utc(moment):%Y-%m-%d %H:%M} UTC"


def clean(text: object, longest: int = MAX_NAME) -> str:
    """A text of the API as one line of bounded length that changes no other text."""
    found = "" if text is None else str(text)[: 2 * longest]
    found = "".join(char for char in found if char not in DIRECTIONS)
    found = " ".join(one_line(" ".join(found.split())).split())
    found = found.encode("utf-8", "replace").decode()
    return found if len(found) <= longest else found[: longest - 1] + MORE
