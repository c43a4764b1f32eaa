"""The jobs that a resync fetches again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["NamedJobs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedJobs:
    """Which jobs of a workspace are fetched again.

    Args:
        jobs: Uids of jobs; if there are any, only these.
        workflows: Uids of workflows; empty: those of all.
        since: Only jobs with a time at or after it, in UTC; None: whatever their time.
    """

    jobs: tuple[str, ...] = ()
    workflows: tuple[str, ...] = ()
    since: datetime | None = None
