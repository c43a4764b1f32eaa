"""Tables of the page: values as people read them, and as they are sorted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from captaindata_source.tabular import one_line
from captaindata_source.times import aware

__all__ = [
    "NONE",
    "Cell",
    "Column",
    "Kind",
    "Table",
    "day_text",
    "duration_text",
    "number_text",
    "percent_text",
    "table",
    "text",
    "time_text",
]

NONE = "\N{EN DASH}"
"""Stands for a value that is not there."""
MAX_TEXT = 300
TURNING = {code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
"""Characters that change the direction of what follows, and how they are shown."""
Kind = str
"""text, number, percent, duration, time, day or times."""
NUMERIC = ("number", "percent", "duration", "times")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table.

    Args:
        key: Name in the rows.
        heading: What the page calls it.
        kind: How values are shown.
        is_long: Whether its texts take several lines.
    """

    key: str
    heading: str
    kind: Kind = "text"
    is_long: bool = False

    @property
    def is_numeric(self) -> bool:
        return self.kind in NUMERIC


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A value of a table.

    Args:
        text: As people read it.
        sort: By what it is sorted, if not by its text; empty: it has no value.
    """

    text: str
    sort: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of the page.

    Args:
        name: Its id in the page.
        caption: What it shows.
        columns: Its columns.
        rows: Cells, in the order of the columns.
        note: What was left out.
        is_folded: Whether it is closed until someone opens it.
    """

    name: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    is_folded: bool = False


def table(
    name: str,
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Mapping[str, Any]],
    *,
    zone: str,
    total: int | None = None,
    is_folded: bool = False,
) -> Table:
    """A table of rows that were read.

    Args:
        name: Its id in the page.
        caption: What it shows.
        columns: Its columns.
        rows: Values by the columns' keys.
        zone: Time zone of times.
        total: How many rows there are; None: these.
        is_folded: Whether it is closed until someone opens it.
    """
    show = _shown(zone)
    left = (total or len(rows)) - len(rows)
    return Table(
        name=name,
        caption=caption,
        columns=columns,
        rows=[[show[column.kind](row.get(column.key)) for column in columns] for row in rows],
        note=f"The first {len(rows):,} of {total:,} rows; {left:,} more are left out."
        if left
        else "",
        is_folded=is_folded,
    )


def _shown(zone: str) -> Mapping[Kind, Callable[[Any], Cell]]:
    def of(write: Callable[[Any], str], sort: Callable[[Any], object]) -> Callable[[Any], Cell]:
        return lambda value: (
            Cell(text=NONE, sort="")
            if value is None
            else Cell(text=write(value), sort=str(sort(value)))
        )

    return {
        "text": lambda value: Cell(text=NONE, sort="") if value is None else Cell(text=text(value)),
        "number": of(number_text, float),
        "percent": of(percent_text, float),
        "duration": of(duration_text, float),
        "times": of(lambda value: f"{value:,.1f} \N{MULTIPLICATION SIGN}", float),
        "time": of(lambda value: time_text(value, zone), lambda value: aware(value).isoformat()),
        "day": of(day_text, lambda value: value.isoformat()),
    }


def text(value: object) -> str:
    """A text in one line, cut if it is long, without what browsers can't show or turn around."""
    found = str(value)
    if len(found) > MAX_TEXT:
        found = f"{found[: MAX_TEXT - 1]}…"
    return one_line(found).translate(TURNING)


def number_text(value: float) -> str:
    """A number with thousands separated, such as 12,345 or 0.5."""
    number = float(value)
    return f"{number:,.0f}" if number.is_integer() else f"{number:,.1f}"


def percent_text(value: float) -> str:
    """A share as a percentage. Only all is 100.0%, and only nothing 0.0%."""
    percent = float(value) * 100
    if 99.95 <= percent < 100:
        return "99.9%"
    if 0 < percent < 0.05:
        return "0.1%"
    return f"{percent:,.1f}%"


def duration_text(seconds: float) -> str:
    """A duration in its two largest units, such as 4 min 12 s."""
    whole = round(float(seconds))
    if whole < 60:
        return f"{whole} s" if seconds >= 1 or not seconds else "< 1 s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days:,} d {hours} h" if hours else f"{days:,} d"


def time_text(moment: datetime, zone: str) -> str:
    """A time in a zone, to the minute."""
    try:
        there = aware(moment).astimezone(ZoneInfo(zone))
    except OverflowError:  # a year before 1 or after 9999 there
        there = aware(moment).astimezone(UTC)
    return there.strftime("%Y-%m-%d %H:%M")


def day_text(day: date) -> str:
    """A day, such as 2026-01-31."""
    return day.isoformat()
