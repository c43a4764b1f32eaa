"""How values of reports are shown and sorted."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from captaindata_source.report.cells import (
    Column,
    duration_text,
    number_text,
    percent_text,
    table,
    text,
    time_text,
)
from captaindata_source.report.period import Period


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (0.2, "< 1 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (252, "4 min 12 s"),
        (3599.7, "1 h"),
        (5400, "1 h 30 min"),
        (86_400 * 59 + 7200, "59 d 2 h"),
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    assert duration_text(seconds) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [(1, "100.0%"), (0.99999, "99.9%"), (0, "0.0%"), (0.00001, "0.1%"), (0.941, "94.1%")],
)
def test_only_all_is_100_percent(share: float, shown: str) -> None:
    assert percent_text(share) == shown


def test_numbers_and_times() -> None:
    assert number_text(1234567) == "1,234,567"
    assert number_text(0.25) == "0.2"
    midnight = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)
    assert time_text(midnight, "Europe/Paris") == "2026-03-29 00:30"
    assert time_text(midnight, "America/New_York") == "2026-03-28 19:30"
    assert time_text(datetime(9999, 12, 31, 23, tzinfo=UTC), "Asia/Tokyo") == "9999-12-31 23:00"


def test_texts_are_cut_and_plain() -> None:
    assert text("a\x00b\nc\ud800\u202ed") == "a\\x00b\\nc\\xd800\\u202ed"
    assert text("x" * 301) == "x" * 299 + "…"


def test_what_is_left_out_is_told() -> None:
    columns = [Column(key="n", heading="N", kind="number"), Column(key="t", heading="T")]
    found = table("t", "T", columns, [{"n": None, "t": "b"}], zone="UTC", total=1234)
    assert found.note == "The first 1 of 1,234 rows; 1,233 more are left out."
    assert [(cell.text, cell.sort) for cell in found.rows[0]] == [("\N{EN DASH}", ""), ("b", None)]


@pytest.mark.parametrize(
    ("first", "days", "step", "before"),
    [
        (date(2026, 1, 1), 1, "day", date(2025, 12, 31)),
        (date(2026, 1, 1), 120, "day", date(2025, 9, 3)),
        (date(2026, 1, 1), 121, "week", date(2025, 9, 2)),
        (date(2016, 1, 1), 3650, "month", date(2006, 1, 3)),
        (date(1, 1, 2), 700_000, "month", date(1, 1, 1)),
    ],
)
def test_periods(first: date, days: int, step: str, before: date) -> None:
    period = Period(first_day=first, last_day=date.fromordinal(first.toordinal() + days - 1))
    assert (period.days, period.step, period.day_before) == (days, step, before)
