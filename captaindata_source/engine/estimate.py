"""What a sync of a workspace would take: calls, and minutes under the limit of the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from captaindata_source.extract.plan.expected import NEWEST_DAYS, Expected

__all__ = ["Estimate"]

LONG_CALLS = 1_000
LONG_MINUTES = 5.0
"""Beyond which a sync says beforehand how long it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a sync takes.

    Args:
        expected: What it fetches.
        list_calls: Calls for lists.
        per_minute: Calls that may leave in a minute; None: no limit is known.
    """

    expected: Expected
    list_calls: int = 0
    per_minute: float | None = None

    @property
    def calls(self) -> int:
        return self.list_calls + self.expected.calls

    @property
    def calls_to_newest(self) -> int:
        """Calls until the results of the newest days are there."""
        return self.list_calls + self.expected.calls_to_newest

    @property
    def minutes(self) -> float | None:
        return self._minutes(self.calls)

    @property
    def minutes_to_newest(self) -> float | None:
        return self._minutes(self.calls_to_newest)

    @property
    def is_long(self) -> bool:
        """Whether it is worth telling before it begins."""
        return self.calls > LONG_CALLS or (self.minutes or 0) > LONG_MINUTES

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        found = self.expected
        return {
            "jobs": {
                "new": found.new_jobs,
                "changed": found.changed_jobs,
                "with_results_to_fetch": found.result_jobs,
                "skipped_as_empty": found.empty_jobs,
            },
            "calls": {
                "lists": self.list_calls,
                "workspace": found.workspace_calls,
                "workflow_details": found.detail_calls,
                "unlisted_jobs": found.job_calls,
                "results": found.result_calls,
                "inputs": found.input_calls,
                "extra_tables": found.extra_calls,
                "total": self.calls,
            },
            "requests_per_minute": _rounded(self.per_minute),
            "minutes": _rounded(self.minutes),
            f"newest_{NEWEST_DAYS}_days": {
                "jobs": found.newest_jobs,
                "calls": self.calls_to_newest,
                "minutes": _rounded(self.minutes_to_newest),
            },
            "routine_sync_calls": found.routine_calls,
            "deep_look_calls_per_day": found.deep_calls,
        }

    def __str__(self) -> str:
        said = f"about {self.calls:,} calls to come"
        if self.minutes is None or self.minutes_to_newest is None or self.per_minute is None:
            newest = f"after about {self.calls_to_newest:,} of them"
        else:
            said += f", {_time(self.minutes)} at {self.per_minute:,.0f} calls a minute"
            newest = f"after {_time(self.minutes_to_newest)}"
        return f"{said}; results of the newest {NEWEST_DAYS} days {newest}"

    def _minutes(self, calls: int) -> float | None:
        return None if self.per_minute is None else calls / self.per_minute


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _time(minutes: float) -> str:
    if minutes < 1:
        return "under a minute"
    if minutes < 120:
        return f"about {minutes:,.0f} minutes"
    return f"about {minutes / 60:,.1f} hours"
