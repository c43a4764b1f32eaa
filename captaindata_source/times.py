"""Reads times that the API sends."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from typing import overload
from zoneinfo import ZoneInfo, available_timezones

__all__ = [
    "EARLIEST",
    "LATEST",
    "UTC_NAME",
    "UnfitError",
    "aware",
    "is_zone",
    "parse_time",
    "since_epoch",
]

EARLIEST, LATEST = "2016-01-01 00:00:00+00", "2099-12-31 23:59:59+00"
"""Plausible times; the views show others as null. Programs write the years 1, 1970 and 9999 for
unknown times."""

UTC_NAME = "UTC"

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_EPOCH_SECONDS = 253_402_300_800
"""Year 10000. A larger number is in milliseconds, microseconds or nanoseconds."""
MICROSECONDS = (1_000_000, 1_000, 1, Decimal("0.001"))
"""Microseconds per unit of an epoch time, largest unit first."""
MIN_TEXT_EPOCH = 100_000_000
"""Smallest epoch time in a text. Smaller numbers are years, days or counts."""
MAX_TEXT = 100
"""Longest text that can be a time, in characters."""
COMPACT_YEARS = range(1900, 2200)
"""Years for which 12 or 14 digits are a date and a time of day, not an epoch time."""
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MAIL_ZONES: Mapping[str, int] = {
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
}  # fmt: skip
"""Hours from UTC of the zone names in RFC 2822. In other formats, some have other meanings."""
ZONES: Mapping[str, int] = {
    "Z": 0, "UTC": 0, "UT": 0, "GMT": 0, "UCT": 0, "ZULU": 0,
    "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3, "JST": 9, "KST": 9,
}  # fmt: skip
"""Hours from UTC of zone names with one meaning."""

_NUMBER = re.compile(r"[0-9]{1,19}(\.[0-9]{0,9})?(e\+?[0-9]{1,2})?", re.ASCII | re.IGNORECASE)
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?", re.ASCII)
_CLOCK = r"(?P<clock>\d{1,2}(?::?\d\d(?::?\d\d(?:[.,]\d*)?)?)?)"
_ZONE = r"(?P<zone>.*)"
_ISO = re.compile(
    r"(?P<day>\d{4}-?W\d\d(?:-?\d)?|\d{4}-?\d{3}|\d{4}([-/]?)\d\d\2\d\d|\d{4}/\d/\d\d?|\d{4}/\d\d/\d)"
    rf"(?:(?:\s*T\s*|\s+|_){_CLOCK}\s*{_ZONE})?",
    re.ASCII | re.IGNORECASE,
)
_MONTH = r"(?P<month>[a-z]{3})[a-z]{0,6}\.?"
_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,?\s+)?"
_YEAR = r"(?P<year>\d{4})"
_DAY = r"(?P<mday>\d{1,2})"
_ENGLISH = tuple(
    re.compile(rf"{_WEEKDAY}{form}", re.ASCII | re.IGNORECASE)
    for form in (
        rf"{_DAY}[ -]{_MONTH}[ -]{_YEAR},?\s+{_CLOCK}\s*{_ZONE}",  # RFC 2822, HTTP
        rf"{_MONTH}\s+{_DAY},?\s+{_YEAR},?\s+{_CLOCK}\s*{_ZONE}",  # JavaScript
        rf"{_MONTH}\s+{_DAY}\s+{_CLOCK}\s+(?:(?P<zone>[^\d\s]\S*)\s+)?{_YEAR}",  # C, Java
    )
)
_COMMENT = re.compile(r"\s*(?:\([^()]*\)|\[[^\[\]]*\]|m=[+-]\S+)\s*$")
_OFFSET = re.compile(
    r"(?:(?:UTC|GMT)\s*)?(?P<sign>[+\u2212-])(?P<hours>\d\d?)(?::?(?P<minutes>\d\d)(?::?\d\d)?)?"
    r"(?:\s+(?P<name>[A-Z]{1,5}|[+-]\d+))?",
    re.ASCII | re.IGNORECASE,
)


class UnfitError(ValueError):
    """A value does not fit its column."""


@overload
def aware(time: datetime) -> datetime: ...
@overload
def aware(time: None) -> None: ...
def aware(time: datetime | None) -> datetime | None:
    """A time that says its zone: in UTC where some database left that out."""
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time


def parse_time(value: object) -> datetime:
    """Reads a time.

    Args:
        value: Text in ISO 8601 (also week and ordinal dates, `24:00` and leap seconds), in RFC
            2822, or as programs print it, such as `2026-10-15 10:00:00 UTC`; without an offset it
            is in UTC. Or an epoch time as a number or text, in seconds, milliseconds, microseconds
            or nanoseconds.

    Raises:
        UnfitError: It is not a time, its zone is ambiguous, or its year is not from 1 to 9999.
    """
    if isinstance(value, datetime):
        return aware(value)
    try:
        if isinstance(value, str):
            text = value.strip()
            try:
                parsed = datetime.fromisoformat(text)
            except ValueError:
                parsed = _parse_text(text)
            return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return _from_epoch(value)
    except (ValueError, ArithmeticError, OSError) as error:
        raise UnfitError from error
    raise UnfitError


def _from_epoch(number: float) -> datetime:
    if abs(number) < MAX_EPOCH_SECONDS:
        return datetime.fromtimestamp(number, UTC)
    if abs(number) < MAX_EPOCH_SECONDS * 1000:
        return datetime.fromtimestamp(number / 1000, UTC)
    return _from_exact(Decimal(number))


def _from_exact(number: Decimal) -> datetime:
    """Reads an epoch time in the largest unit that gives a year before 10000."""
    for unit in MICROSECONDS:
        microseconds = number * unit
        if abs(microseconds) < MAX_EPOCH_SECONDS * 1_000_000:
            return EPOCH + timedelta(microseconds=int(microseconds))
    raise UnfitError


def _parse_text(text: str) -> datetime:
    """Reads formats that `datetime.fromisoformat` does not support."""
    if len(text) > MAX_TEXT:
        raise UnfitError
    if _NUMBER.fullmatch(text):
        return _from_digits(text)
    text = _without_comments(text)
    if found := _ISO.fullmatch(text):
        return _assembled(_iso_day(found["day"]), found["clock"] or "00", found["zone"] or "")
    for form in _ENGLISH:
        if found := form.fullmatch(text):
            month = MONTHS.index(found["month"].lower()) + 1
            day = date(int(found["year"]), month, int(found["mday"]))
            return _assembled(day, found["clock"], found["zone"] or "", is_mail=True)
    raise UnfitError


def _from_digits(text: str) -> datetime:
    if (found := _COMPACT.fullmatch(text)) and int(found[1]) in COMPACT_YEARS:
        year, *others = (int(part or 0) for part in found.groups())
        return datetime(year, *others)  # type: ignore[arg-type]
    number = Decimal(text)
    if number < MIN_TEXT_EPOCH:
        raise UnfitError
    return _from_exact(number)


def _without_comments(text: str) -> str:
    """Removes a zone name after the offset, and the monotonic clock that Go prints."""
    while (shorter := _COMMENT.sub("", text)) != text:
        if "[" in text and not re.search(r"\d\s*(?:Z|[+-]\d\d:?\d\d)\s*\[", text, re.IGNORECASE):
            return shorter + " " + text[len(shorter) :].strip(" []")  # the name is the only zone
        text = shorter
    return text


def _iso_day(text: str) -> date:
    if (digits := text.replace("-", "")).isdigit() and len(digits) == len("2026288"):
        days = int(digits[4:])
        day = date(int(digits[:4]), 1, 1) + timedelta(days=days - 1)
        if not days or day.year != int(digits[:4]):
            raise UnfitError
        return day
    if "/" in text:
        return date(*map(int, text.split("/")))
    return date.fromisoformat(text.upper())


def _assembled(day: date, clock: str, zone: str, *, is_mail: bool = False) -> datetime:
    if len(clock) == 1 or clock[1] == ":":
        clock = f"0{clock}"
    later = timedelta()
    if re.fullmatch("24(:?00){0,2}([.,]0*)?", clock):
        clock, later = "00", timedelta(days=1)
    elif leap := re.fullmatch(r"(\d\d:?\d\d:?)60([.,]\d*)?", clock):
        clock, later = f"{leap[1]}59{leap[2] or ''}", timedelta(seconds=1)
    moment = datetime.fromisoformat(f"{day:%Y-%m-%d}T{clock.rstrip('.,')}")
    if "T" not in moment.isoformat():
        raise UnfitError
    return _in_zone(moment, zone.strip(), is_mail=is_mail) + later


def _in_zone(moment: datetime, zone: str, *, is_mail: bool) -> datetime:
    name = zone.upper()
    if not name:
        return moment.replace(tzinfo=UTC)
    if name in ZONES:
        return moment.replace(tzinfo=UTC) - timedelta(hours=ZONES[name])
    if is_mail and name in MAIL_ZONES:
        return moment.replace(tzinfo=UTC) - timedelta(hours=MAIL_ZONES[name])
    if found := _OFFSET.fullmatch(zone):
        offset = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"] or 0))
        if offset >= timedelta(days=1):
            raise UnfitError
        return moment.replace(tzinfo=UTC) + (offset if found["sign"] != "+" else -offset)
    if "/" in zone:
        return moment.replace(tzinfo=_zone_named(zone)).astimezone(UTC)
    raise UnfitError


@lru_cache(maxsize=100)
def _zone_named(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise UnfitError from error


def since_epoch(time: datetime | None) -> timedelta | None:
    """Time since 1970, to compare times in different zones."""
    if time is None:
        return None
    return aware(time) - EPOCH


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def is_zone(name: object) -> bool:
    """Whether it names a time zone of the IANA database, such as Europe/Paris, or is UTC.

    Short names such as CET are none: databases differ in what they mean by them.
    """
    if name == UTC_NAME:
        return True
    return isinstance(name, str) and "/" in name and name in _zone_names()
