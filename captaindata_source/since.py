"""Reads `--since`: a day, a time, or a span back from now."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from captaindata_source.errors import ConfigError
from captaindata_source.times import UTC_NAME

__all__ = ["EXAMPLES", "Since", "read_since"]

EXAMPLES = "2026-01-31, 2026-01-31T10:00:00Z or 7d"
"""Right ones, for messages and `--help`."""
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN = re.compile(r"(\d{1,9})\s?([mhdHDW]|w)", re.ASCII)
"""`M` is left out: some programs mean months by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """A time as a user gave it; what it means depends on the zone of reports.

    Args:
        text: What was given.
        span: How far back from now; None: it is a time.
        moment: A time, without a zone if none was given; None: it is a span.
        is_day: Whether no time of day was given.
    """

    text: str
    span: timedelta | None = None
    moment: datetime | None = None
    is_day: bool = False

    def start(self, *, zone: str = UTC_NAME, now: datetime | None = None) -> datetime:
        """The time in UTC.

        Args:
            zone: `report_timezone`: a day begins at its midnight, and a time without a zone is in
                it.
            now: The current time; None: the clock's.

        Raises:
            ConfigError: It is in the future.
        """
        now = now or datetime.now(UTC)
        try:
            if self.moment is None:
                return now - (self.span or timedelta())
            moment = self.moment
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=ZoneInfo(zone))
            found = moment.astimezone(UTC)
        except OverflowError:
            raise ConfigError(_wrong(self.text)) from None
        if found > now:
            raise ConfigError(f"--since {self.text} is in the future")
        return found

    def day(self, *, zone: str = UTC_NAME, now: datetime | None = None) -> date:
        """The day of the time in a zone, for columns that hold days of that zone.

        Args:
            zone: Whose days they are; a time without a zone is in it, too.
            now: The current time; None: the clock's.

        Raises:
            ConfigError: It is in the future.
        """
        start = self.start(zone=zone, now=now)
        if self.is_day and self.moment is not None:
            return self.moment.date()
        return start.astimezone(ZoneInfo(zone)).date()


def read_since(text: str) -> Since:
    """Reads a day, a time in ISO 8601, or a span such as `30m`, `12h`, `7d` and `2w`.

    Raises:
        ConfigError: It is none of them.
    """
    given = text.strip()
    try:
        if (found := _SPAN.fullmatch(given)) and int(found[1]):
            span = timedelta(**{_UNITS[found[2].lower()]: int(found[1])})
            datetime.now(UTC) - span  # not before the year 1
            return Since(text=given, span=span)
        return _time(given)
    except (ValueError, OverflowError):
        raise ConfigError(_wrong(text)) from None


def _time(given: str) -> Since:
    text = given.upper()
    try:
        day = datetime.combine(date.fromisoformat(text), time())
    except ValueError:
        return Since(text=given, moment=datetime.fromisoformat(text))
    return Since(text=given, moment=day, is_day=True)


def _wrong(text: str) -> str:
    return f"must be a day, a time or a span back from now, such as {EXAMPLES}, not {text!r}"
