"""What is seen of the list of a workflow's jobs while it is read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from captaindata_source.api import Record
from captaindata_source.times import UnfitError, parse_time

__all__ = ["Reading", "list_time"]


@dataclass(slots=True)
class Reading:
    """One list, as far as it is read."""

    quiet_since: datetime
    """Since when there are only jobs that are known, unchanged and final."""
    is_deep: bool
    is_sorted: bool = True
    is_begun: bool = False
    is_whole: bool = False
    is_settled: bool = False
    """Whether the last job is known, unchanged and final."""
    last: datetime | None = None
    """The time of the last job that has one."""
    size: int = 0
    """Jobs on the last page."""
    recent: int = 0
    """Recent jobs that were known before."""
    open: int = 0
    """Those of them that may still have changed by themselves."""
    pages: int = 0
    fresh: int = 0
    """Jobs of the last `lookback_days`."""


def list_time(job: Record) -> datetime | None:
    """The time by which a list is in order, if it is."""
    for name in ("start_time", "scheduled_time"):
        try:
            return parse_time(job.get(name))
        except UnfitError:
            continue
    return None
