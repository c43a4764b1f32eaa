"""The days that a report is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

__all__ = ["DEFAULT_DAYS", "Period"]

DEFAULT_DAYS = 90
"""Days of a report without `--since`."""
STEPS = (("day", 120), ("week", 120 * 7))
"""What a bar of a chart stands for, up to how many days; beyond, a month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Days in the time zone of reports.

    Args:
        first_day: The first.
        last_day: The last, included.
    """

    first_day: date
    last_day: date

    @property
    def days(self) -> int:
        """How many days."""
        return (self.last_day - self.first_day).days + 1

    @property
    def step(self) -> str:
        """What a bar of a chart stands for: day, week or month."""
        return next((step for step, most in STEPS if self.days <= most), "month")

    @property
    def day_before(self) -> date:
        """First of the days before that it is compared with; as many as it has."""
        return self.first_day - timedelta(days=min(self.days, (self.first_day - date.min).days))

    @property
    def first_month(self) -> date:
        """First day of its first month."""
        return self.first_day.replace(day=1)
