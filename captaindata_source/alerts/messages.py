"""What a webhook is sent: plain JSON, or what Slack takes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from captaindata_source.alerts.deliveries import Message
from captaindata_source.alerts.kinds import Alert, State, as_minute, as_text, clean

__all__ = ["Content", "as_json", "as_slack", "summary"]

VERSION = 1
"""Of the JSON; raised if a field changes its meaning or is removed."""
SLACK_LISTED = 10
MAX_BLOCK = 3000
"""Slack's limit for the text of a block, in characters. A message may have 50 blocks; there is one
for each kind and state, and the heading."""
WORDS = {State.OPEN: "New", State.OVER: "Over"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a message says.

    Args:
        message: Which one.
        alerts: The first of each kind and state.
        counts: State and kind to the number of alerts.
    """

    message: Message
    alerts: Sequence[Alert]
    counts: Mapping[tuple[State, str], int]


def summary(opened: int, over: int) -> str:
    """Such as: 3 new alerts, 1 over."""
    new = f"{opened:,} new alert{'' if opened == 1 else 's'}"
    if not over:
        return new
    return f"{new}, {over:,} over" if opened else f"{over:,} alert{'' if over == 1 else 's'} over"


def _totals(content: Content) -> dict[str, int]:
    return {
        str(each): sum(count for (state, _), count in content.counts.items() if state == each)
        for each in State
    }


def as_json(content: Content) -> bytes:
    """The message as JSON in ASCII."""
    first = content.alerts[0]
    totals = _totals(content)
    return json.dumps(
        {
            "version": VERSION,
            "id": content.message.uid,
            "evaluated_at": as_text(content.message.queued_at),
            "workspace": {"id": first.workspace_uid, "name": first.workspace_name},
            "counts": totals,
            "not_listed": sum(totals.values()) - len(content.alerts),
            "alerts": [each.as_dict() for each in content.alerts],
        }
    ).encode()


def as_slack(content: Content) -> bytes:
    """The message as Slack's incoming webhooks take it; names mention nobody and are no links."""
    name = _escaped(clean(content.alerts[0].workspace_name, 100))
    totals = _totals(content)
    heading = f"{name}: {summary(totals[State.OPEN], totals[State.OVER])}"
    blocks = [_block(f"*{heading}*")]
    for (state, kind), count in content.counts.items():
        alerts = [a for a in content.alerts if (a.state, a.kind) == (state, kind)]
        words = f"*{WORDS[state]}: {kind.replace('_', ' ')}*"
        blocks.append(_block(_list(words, alerts[:SLACK_LISTED], count)))
    return json.dumps({"text": heading, "blocks": blocks}).encode()


def _list(heading: str, alerts: Sequence[Alert], count: int) -> str:
    lines, size = [heading], len(heading)
    for line in _lines(alerts):
        size += len(line) + 1
        if size > MAX_BLOCK - 60:  # for the line below
            break
        lines.append(line)
    if left := count - (len(lines) - 1):
        lines.append(f"and {left:,} more, which the table alerts has")
    return "\n".join(lines)


def _lines(alerts: Sequence[Alert]) -> Iterator[str]:
    for each in alerts:
        title = clean(each.title, 150)
        more = (
            clean(each.detail, 300)
            if each.over_at is None
            else f"since {as_minute(each.opened_at)}; it no longer holds."
        )
        yield _escaped(f"• {title}: {more}")


def _block(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _escaped(text: str) -> str:
    """Slack's own escapes: without them a name such as <!channel> would call everybody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
