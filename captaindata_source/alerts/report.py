"""What an evaluation of alerts did, for people and for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from captaindata_source.alerts.kinds import Alert
from captaindata_source.alerts.messages import summary
from captaindata_source.tabular import one_line

__all__ = ["AlertReport", "Delivery"]

SHOWN = 10
"""Alerts of one kind and workspace that the text lists."""


@dataclass(slots=True, kw_only=True)
class Delivery:
    """What became of telling one webhook.

    Args:
        target: Its name.
        delivered: Alerts that it was told of and answered for.
        pending: Alerts that the next run tells it of.
        unconfirmed: Alerts that were sent, or may have been, without an answer; not sent again.
        lost: Alerts that it refused, or could not be told of for days; not sent again.
        error: What went wrong last.
    """

    target: str
    delivered: int = 0
    pending: int = 0
    unconfirmed: int = 0
    lost: int = 0
    error: str | None = None

    @property
    def is_ok(self) -> bool:
        return not (self.pending or self.unconfirmed or self.lost)

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.target,
            "delivered": self.delivered,
            "pending": self.pending,
            "unconfirmed": self.unconfirmed,
            "lost": self.lost,
            "error": self.error,
        }

    def lines(self) -> Iterator[str]:
        if self.delivered:
            yield f"webhook {self.target}: {self.delivered:,} delivered"
        why = f" ({self.error})" if self.error else ""
        if self.pending:
            yield (
                f"webhook {self.target}: FAILED: {self.pending:,} not delivered{why}; the next run "
                "tries again"
            )
        if self.unconfirmed:
            yield (
                f"webhook {self.target}: UNCONFIRMED: {self.unconfirmed:,} may have arrived{why}; "
                "they are not sent again"
            )
        if self.lost:
            yield f"webhook {self.target}: FAILED: {self.lost:,} given up{why}"


@dataclass(slots=True, kw_only=True)
class AlertReport:
    """What an evaluation did.

    Args:
        opened: Alerts that are new.
        over: Alerts that are over.
        still_open: Number of alerts that are open now, new ones included.
        problems: What could not be evaluated, and why; its alerts stay as they were.
        deliveries: What became of telling each webhook.
        is_evaluated: Whether what holds was compared with what was open.
        error: Why the evaluation or the delivery ended early.
        is_dry: Whether nothing was kept or sent.
    """

    opened: list[Alert] = field(default_factory=list)
    over: list[Alert] = field(default_factory=list)
    still_open: int = 0
    problems: list[str] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    is_evaluated: bool = False
    error: str | None = None
    is_dry: bool = False

    @property
    def is_ok(self) -> bool:
        """Whether all was evaluated and delivered; alerts that are open are no failure."""
        is_told = all(each.is_ok for each in self.deliveries)
        return is_told and not self.problems and self.error is None

    def as_dict(self) -> dict[str, Any]:
        """What `captaindata alerts --json` prints."""
        return {
            "ok": self.is_ok,
            "new": [_named(each) for each in self.opened],
            "over": [_named(each) for each in self.over],
            "open": self.still_open,
            "not_evaluated": self.problems,
            "webhooks": [each.as_dict() for each in self.deliveries],
            "error": self.error,
        }

    def __str__(self) -> str:
        told = summary(len(self.opened), len(self.over)) if self.opened or self.over else "no news"
        lines = [f"alerts: {told}; {self.still_open:,} open"] if self.is_evaluated else []
        lines += [*_listed("new", self.opened), *_listed("over", self.over)]
        lines += [f"alerts: NOT EVALUATED: {each}" for each in self.problems]
        lines += [f"alerts: {line}" for each in self.deliveries for line in each.lines()]
        if self.error:
            lines.append(f"alerts: FAILED: {self.error}")
        return "\n".join(one_line(line) for line in lines)


def _named(alert: Alert) -> dict[str, Any]:
    workspace = {"id": alert.workspace_uid, "name": alert.workspace_name}
    return {**alert.as_dict(), "workspace": workspace}


def _listed(word: str, alerts: Sequence[Alert]) -> Iterator[str]:
    counts: Counter[tuple[str, str]] = Counter()
    for each in alerts:
        key = each.workspace_name, each.kind
        counts[key] += 1
        if counts[key] <= SHOWN:
            detail = f": {each.detail}" if each.over_at is None else ""
            yield f"  {word:<4}  {each.workspace_name}  {each.kind}  {each.title}{detail}"
    for (workspace, kind), count in counts.items():
        if count > SHOWN:
            yield f"  {word:<4}  {workspace}  {kind}  and {count - SHOWN:,} more"
