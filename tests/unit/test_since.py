"""`--since`: days, times and spans."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime

import pytest

from captaindata_source.cli.shared_arguments import since
from captaindata_source.errors import ConfigError
from captaindata_source.since import read_since

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2026-01-01", "UTC", "2026-01-01T00:00:00"),
        ("2026-01-01", "Europe/Paris", "2025-12-31T23:00:00"),
        ("2026-01-01", "America/New_York", "2026-01-01T05:00:00"),
        ("20260101", "UTC", "2026-01-01T00:00:00"),
        ("2026-06-15", "Europe/Paris", "2026-06-14T22:00:00"),
        ("2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00:00"),  # has no midnight
        ("2026-01-01T10:00:00Z", "Europe/Paris", "2026-01-01T10:00:00"),
        ("2026-01-01t10:00:00z", "Europe/Paris", "2026-01-01T10:00:00"),
        ("2026-01-01T10:00:00+05:30", "Europe/Paris", "2026-01-01T04:30:00"),
        ("2026-01-01T10:00:00", "Europe/Paris", "2026-01-01T09:00:00"),
        ("2026-01-01 10:00", "Asia/Tokyo", "2026-01-01T01:00:00"),
        ("2026-01-01T10:00:00.5Z", "UTC", "2026-01-01T10:00:00.500000"),
        ("7d", "Asia/Tokyo", "2026-06-08T12:00:00"),
        ("12h", "UTC", "2026-06-15T00:00:00"),
        ("2w", "UTC", "2026-06-01T12:00:00"),
        ("30m", "UTC", "2026-06-15T11:30:00"),
        (" 7D ", "UTC", "2026-06-08T12:00:00"),
    ],
)
def test_what_a_user_gives_is_a_time_in_utc(text: str, zone: str, expected: str) -> None:
    found = read_since(text).start(zone=zone, now=NOW)
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert found.tzinfo is UTC


WRONG = """yesterday 7 7x 6M 0d -7d 1.5d 2026-13-01 2026-02-30 2026-01 10:00 999999999w
    2026-01-01T25:00 \u0667d 2026-01-01T10:00+25:00 2026-01-01TEurope/Paris"""


@pytest.mark.parametrize("text", ["", *WRONG.split()])
def test_all_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"such as 2026-01-31, .* or 7d, not"):
        since(text)


@pytest.mark.parametrize("text", ["2026-06-16", "2026-06-15T12:00:01Z", "2026-06-15T12:01+00:00"])
def test_the_future_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=f"{text.replace('+', '.')} is in the future"):
        read_since(text).start(now=NOW)


def test_a_day_begins_earlier_in_the_east() -> None:
    late = datetime(2026, 6, 15, 23, 0, tzinfo=UTC)
    assert read_since("2026-06-16").start(zone="Asia/Tokyo", now=late) < late


def test_before_the_first_year() -> None:
    with pytest.raises(ConfigError, match="must be a day"):
        read_since("0001-01-01").start(zone="Asia/Tokyo", now=NOW)


def test_the_day_of_a_time_is_of_the_zone() -> None:
    given = read_since("2026-01-01T23:30:00Z")
    assert given.day(now=NOW) == date(2026, 1, 1)
    assert given.day(zone="Europe/Paris", now=NOW) == date(2026, 1, 2)
    assert read_since("2026-01-02").day(zone="Asia/Tokyo", now=NOW) == date(2026, 1, 2)
    assert read_since("2026-01-02").day(zone="America/New_York", now=NOW) == date(2026, 1, 2)
    assert read_since("7d").day(now=NOW) == date(2026, 6, 8)
