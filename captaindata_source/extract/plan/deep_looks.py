"""When what is read as a whole now and then is to be read so again."""

from __future__ import annotations

from datetime import datetime, timedelta

from captaindata_source.extract.plan.context import Context

__all__ = ["MEMBERS", "are_members_due", "is_due"]

MEMBERS = "members"
"""Uid of the checkpoint of the members."""
TOLERANCE = 25 / 24
"""Of the hours between two deep looks: a schedule is not exact."""


def is_due(read_at: datetime | None, context: Context) -> bool:
    """Whether what was last read as a whole at a time is to be read so again in this sync, as it
    would be too late in the next."""
    most = timedelta(hours=context.settings.deep_listing_hours)
    if read_at is None or not most:
        return True
    age, since = context.now - read_at, timedelta()
    if context.memory.synced_at is not None:
        since = max(since, context.now - context.memory.synced_at)
    # a time to come was written by a clock that went wrong
    return age < timedelta() or age >= most or age + since > most * TOLERANCE


def are_members_due(context: Context) -> bool:
    """Whether the members are to be read in this sync."""
    known = context.memory.lists.get(MEMBERS)
    return context.settings.full_refresh or known is None or is_due(known.read_at, context)
