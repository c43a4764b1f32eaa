"""A chart of the page in Vega-Lite, and what all charts share: size, colours, axes of time.

Colours are variables of the page's CSS, so that dark mode and print need no other chart. Legends
are lists in HTML.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from captaindata_source.report.cells import day_text, text
from captaindata_source.report.period import Period

if TYPE_CHECKING:
    import altair as alt

__all__ = [
    "Chart",
    "Part",
    "bars_of",
    "colours",
    "count_axis",
    "data",
    "end",
    "middle",
    "named",
    "short",
    "spec",
    "time_axis",
]

MAX_LABEL = 60
MAX_TICKS = 10
"""Days, weeks or months that an axis names."""
FEW = 5
"""Counts up to which each is a tick."""
CONFIG: Mapping[str, Any] = {
    "aria": False,
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    },
    "axisY": {"minExtent": 44, "domain": False, "ticks": False},
    "axisX": {"grid": False},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a chart that has a colour of its own.

    Args:
        label: What it is called.
        colour: Name of a variable of the CSS, without the dashes.
    """

    label: str
    colour: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart of the page.

    Args:
        name: Its id in the page.
        title: What it shows.
        caption: What is to be seen, in words.
        spec: In Vega-Lite.
        legend: Its parts.
    """

    name: str
    title: str
    caption: str
    spec: Mapping[str, Any]
    legend: Sequence[Part] = ()


def short(label: str) -> str:
    """A label of a chart: one line, not too long."""
    label = text(label)
    return label if len(label) <= MAX_LABEL else f"{label[: MAX_LABEL - 1]}…"


def data(values: Sequence[Mapping[str, Any]]) -> alt.InlineData:
    """The values of a chart."""
    import altair as alt  # noqa: PLC0415 - an extra

    return alt.InlineData(values=list(values))


def spec(chart: Any, *, height: int) -> Mapping[str, Any]:
    """The chart in JSON, as wide as its place in the page."""
    found: dict[str, Any] = chart.properties(width="container", height=height).to_dict()
    del found["$schema"]  # an address
    return found | {"config": CONFIG, "autosize": {"type": "fit-x", "contains": "padding"}}


def time_axis(period: Period) -> alt.X:
    """An axis over the days of a period."""
    import altair as alt  # noqa: PLC0415 - an extra

    first = begin(period.first_day, period.step)
    last = end(begin(period.last_day, period.step), period)
    return alt.X(
        "day:T",
        title=None,
        scale=alt.Scale(type="utc", domain=[first.isoformat(), last.isoformat()]),
        axis=alt.Axis(
            format={"day": "%-d %b", "week": "%-d %b %Y", "month": "%b %Y"}[period.step],
            labelOverlap="greedy",
            values=_ticks(first, last, period),
        ),
    )


def _ticks(first: date, last: date, period: Period) -> list[str]:
    """Middles of some days, weeks or months: those that are named."""
    starts = [first]
    while (following := end(starts[-1], period)) < last:
        starts.append(following)
    every = -(-len(starts) // MAX_TICKS)
    return [middle(day, period).isoformat() for day in starts[::every]]


def count_axis(field: str, unit: str, values: Sequence[Mapping[str, Any]]) -> alt.Y:
    """An axis of counts, whose greatest is `to` of one of the values."""
    import altair as alt  # noqa: PLC0415 - an extra

    most = int(max((row["to"] for row in values), default=0))
    if most <= FEW:
        return alt.Y(field, title=unit, axis=alt.Axis(values=list(range(most + 1)), format="d"))
    return alt.Y(field, title=unit, axis=alt.Axis(format="~s", tickCount=4))


def bars_of(period: Period) -> int:
    """How many days, weeks or months the axis of a period has."""
    first = begin(period.first_day, period.step)
    days = (end(begin(period.last_day, period.step), period) - first).days
    return max(1, round(days / {"day": 1, "week": 7, "month": 30.44}[period.step]))


def colours(parts: Sequence[Part]) -> alt.Color:
    """The colours of parts."""
    import altair as alt  # noqa: PLC0415 - an extra

    return alt.Color(
        "part:N",
        legend=None,
        scale=alt.Scale(
            domain=[part.label for part in parts],
            range=[f"var(--{part.colour})" for part in parts],
        ),
    )


def begin(day: date, step: str) -> date:
    """First day of the week or month, as the database has it."""
    if step == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if step == "month" else day


def end(day: date, period: Period) -> date:
    """The day after the day, week or month that begins then."""
    if period.step == "week":
        return day + timedelta(days=7)
    if period.step == "month":
        return (day.replace(day=1) + timedelta(days=31)).replace(day=1)
    return day + timedelta(days=1)


def middle(day: date, period: Period) -> datetime:
    """The middle of the day, week or month that begins then, as if it were in UTC."""
    first, last = (datetime.combine(each, time(), UTC) for each in (day, end(day, period)))
    return first + (last - first) / 2


def named(day: date, period: Period) -> str:
    """What a day, week or month is called."""
    return {
        "day": day_text(day),
        "week": f"week of {day_text(day)}",
        "month": day.strftime("%Y-%m"),
    }[period.step]
