"""The charts of the page, as Vega-Lite.

Colours are variables of the page's CSS, so that dark mode and print need no other chart. Legends
are lists in HTML.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from captaindata_source.report.cells import (
    NONE,
    day_text,
    duration_text,
    number_text,
    percent_text,
    text,
)
from captaindata_source.report.period import Period

if TYPE_CHECKING:
    import altair as alt

__all__ = [
    "Chart",
    "Part",
    "durations",
    "shares",
    "stacked_days",
    "stacked_months",
    "success_rate",
]

MAX_LABEL = 60
LOG_FROM = 50
"""Durations that are this many times as long as the shortest need a logarithmic scale."""
TICKS = (1, 5, 15, 60, 300, 900, 3600, 14400, 43200, 86400, 604800, 2592000)
"""Seconds that an axis of durations names."""
CLOCK = (
    "datum.value < 60 ? format(datum.value, ',.0f') + ' s' "
    ": datum.value < 3600 ? format(datum.value / 60, ',.0f') + ' min' "
    ": datum.value < 86400 ? format(datum.value / 3600, ',.0f') + ' h' "
    ": format(datum.value / 86400, ',.0f') + ' d'"
)
BAR_WIDTH = "min(bandwidth('x') * 0.7, 56)"
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


def success_rate(rows: Sequence[Mapping[str, Any]], period: Period) -> Mapping[str, Any]:
    """A line of success rates.

    Args:
        rows: `day` and `success_rate`.
        period: The days of its axis.
    """
    import altair as alt  # noqa: PLC0415 - an extra

    values = [
        {
            "day": _middle(row["day"], period).isoformat(),
            "rate": row["success_rate"],
            "Day": _named(row["day"], period),
            "Success rate": NONE
            if row["success_rate"] is None
            else percent_text(row["success_rate"]),
        }
        for row in rows
    ]
    return _spec(
        alt.Chart(_data(values))
        .mark_line(
            color="var(--succeeded)",
            strokeWidth=2,
            point=alt.OverlayMarkDef(color="var(--succeeded)", size=18),
        )
        .encode(
            x=_time_axis(period),
            y=alt.Y(
                "rate:Q",
                title="success rate",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format="%", tickCount=3),
            ),
            tooltip=["Day:N", "Success rate:N"],
        ),
        height=110,
    )


def stacked_days(
    rows: Sequence[Mapping[str, Any]], parts: Mapping[str, Part], period: Period, *, unit: str
) -> Mapping[str, Any]:
    """Stacked bars of days, weeks or months.

    Args:
        rows: `day`, and a number for each part.
        parts: Key in the rows to part, from the bottom up.
        period: The days of its axis.
        unit: What the numbers count.
    """
    import altair as alt  # noqa: PLC0415 - an extra

    values = []
    for row in rows:
        bottom = 0.0
        for key, part in parts.items():
            if number := row.get(key) or 0:
                values.append(
                    {
                        "day": row["day"].isoformat(),
                        "end": _end(row["day"], period).isoformat(),
                        "from": bottom,
                        "to": bottom + number,
                        "part": part.label,
                        "Day": _named(row["day"], period),
                        unit: f"{number_text(number)} {part.label}",
                    }
                )
                bottom += number
    return _spec(
        alt.Chart(_data(values))
        .mark_bar(stroke="var(--ground)", strokeWidth=0.5)
        .encode(
            x=_time_axis(period),
            x2="end:T",
            y=_count_axis("from:Q", unit),
            y2="to:Q",
            color=_colours(list(parts.values())),
            tooltip=["Day:N", f"{unit}:N"],
        ),
        height=170,
    )


def stacked_months(
    rows: Sequence[Mapping[str, Any]], parts: Mapping[str, Part], *, unit: str
) -> Mapping[str, Any]:
    """Stacked bars of months.

    Args:
        rows: `month`, and a number for each part.
        parts: Key in the rows to part, from the bottom up.
        unit: What the numbers count.
    """
    import altair as alt  # noqa: PLC0415 - an extra

    values = []
    for row in rows:
        bottom = 0.0
        for key, part in parts.items():
            if number := row.get(key) or 0:
                month = row["month"].strftime("%Y-%m")
                values.append(
                    {
                        "month": month,
                        "from": bottom,
                        "to": bottom + number,
                        "part": part.label,
                        unit: f"{number_text(number)} {part.label}",
                    }
                )
                bottom += number
    return _spec(
        alt.Chart(_data(values))
        .mark_bar(stroke="var(--ground)", strokeWidth=0.5, width=alt.ExprRef(BAR_WIDTH))
        .encode(
            x=alt.X(
                "month:O",
                title=None,
                scale=alt.Scale(domain=[row["month"].strftime("%Y-%m") for row in rows]),
                axis=alt.Axis(labelAngle=0, labelOverlap="greedy"),
            ),
            y=_count_axis("from:Q", unit),
            y2="to:Q",
            color=_colours(list(parts.values())),
            tooltip=["month:N", f"{unit}:N"],
        ),
        height=200,
    )


def durations(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """A line for each workflow, from its median duration to the 95th percentile.

    Args:
        rows: `label`, `p50` and `p95`, in seconds, in their order.
    """
    import altair as alt  # noqa: PLC0415 - an extra

    # a logarithmic scale has no 0
    values = [
        {
            "label": row["label"],
            "p50": max(1.0, row["p50"]),
            "p95": max(1.0, row["p95"]),
            "Workflow": row["label"],
            "Median": duration_text(row["p50"]),
            "95th percentile": duration_text(row["p95"]),
        }
        for row in rows
    ]
    least, most = min(row["p50"] for row in values), max(row["p95"] for row in values)
    is_wide = most > LOG_FROM * least
    low = max((tick for tick in TICKS if tick <= least), default=1) if is_wide else 0
    high = min((tick for tick in TICKS if tick >= most), default=most)
    scale = alt.Scale(type="log" if is_wide else "linear", domain=[low, high if is_wide else most])
    axis = alt.Axis(labelExpr=CLOCK, grid=True, labelOverlap="greedy")
    if is_wide:
        axis = alt.Axis(
            labelExpr=CLOCK,
            grid=True,
            labelOverlap="greedy",
            values=[tick for tick in TICKS if low <= tick <= high],
        )
    base = alt.Chart(_data(values)).encode(
        y=alt.Y(
            "label:N",
            title=None,
            sort=[row["label"] for row in values],
            axis=alt.Axis(labelLimit=150),
        ),
        tooltip=["Workflow:N", "Median:N", "95th percentile:N"],
    )
    return _spec(
        alt.layer(
            base.mark_rule(color="var(--succeeded)", strokeWidth=3, opacity=0.55).encode(
                x=alt.X("p50:Q", title=None, scale=scale, axis=axis), x2="p95:Q"
            ),
            base.mark_circle(color="var(--succeeded)", size=90, opacity=1).encode(x="p50:Q"),
            base.mark_tick(color="var(--succeeded)", thickness=3, size=14).encode(x="p95:Q"),
        ),
        height=26 * len(values) + 10,
    )


def shares(
    rows: Sequence[Mapping[str, Any]], parts: Mapping[object, Part], period: Period
) -> Mapping[str, Any]:
    """Lines of shares, one for each part.

    Args:
        rows: `day`, `place` (the key of the part) and `share_used`.
        parts: By place.
        period: The days of its axis.
    """
    import altair as alt  # noqa: PLC0415 - an extra

    values = [
        {
            "day": _middle(row["day"], period).isoformat(),
            "share": row["share_used"],
            "part": parts[row["place"]].label,
            "Workspace": parts[row["place"]].label,
            "Day": _named(row["day"], period),
            "Used": percent_text(row["share_used"]),
        }
        for row in rows
    ]
    return _spec(
        alt.Chart(_data(values))
        .mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=18))
        .encode(
            x=_time_axis(period),
            y=alt.Y(
                "share:Q",
                title="quota used",
                scale=alt.Scale(domainMin=0),
                axis=alt.Axis(format="%", tickCount=4),
            ),
            color=_colours(list(parts.values())),
            tooltip=["Workspace:N", "Day:N", "Used:N"],
        ),
        height=150,
    )


def short(label: str) -> str:
    """A label of a chart: one line, not too long."""
    label = text(label)
    return label if len(label) <= MAX_LABEL else f"{label[: MAX_LABEL - 1]}…"


def _data(values: Sequence[Mapping[str, Any]]) -> alt.InlineData:
    import altair as alt  # noqa: PLC0415 - an extra

    return alt.InlineData(values=list(values))


def _spec(chart: Any, *, height: int) -> Mapping[str, Any]:
    """The chart in JSON, as wide as its place in the page."""
    found: dict[str, Any] = chart.properties(width="container", height=height).to_dict()
    del found["$schema"]  # an address
    return found | {"config": CONFIG, "autosize": {"type": "fit-x", "contains": "padding"}}


def _time_axis(period: Period) -> alt.X:
    import altair as alt  # noqa: PLC0415 - an extra

    last = _end(_begin(period.last_day, period.step), period)
    return alt.X(
        "day:T",
        title=None,
        scale=alt.Scale(
            type="utc",
            domain=[_begin(period.first_day, period.step).isoformat(), last.isoformat()],
        ),
        axis=alt.Axis(
            format="%Y" if period.days > 4 * 365 else "%b %Y" if period.days > 120 else "%-d %b",
            labelOverlap="greedy",
            tickCount=8,
        ),
    )


def _count_axis(field: str, unit: str) -> alt.Y:
    import altair as alt  # noqa: PLC0415 - an extra

    axis = alt.Axis(format="~s", tickCount=4, tickMinStep=1)
    return alt.Y(field, title=unit, axis=axis)


def _colours(parts: Sequence[Part]) -> alt.Color:
    import altair as alt  # noqa: PLC0415 - an extra

    return alt.Color(
        "part:N",
        legend=None,
        scale=alt.Scale(
            domain=[part.label for part in parts],
            range=[f"var(--{part.colour})" for part in parts],
        ),
    )


def _begin(day: date, step: str) -> date:
    """First day of the week or month, as the database has it."""
    if step == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if step == "month" else day


def _end(day: date, period: Period) -> date:
    """The day after the day, week or month that begins then."""
    if period.step == "week":
        return day + timedelta(days=7)
    if period.step == "month":
        return (day.replace(day=1) + timedelta(days=31)).replace(day=1)
    return day + timedelta(days=1)


def _middle(day: date, period: Period) -> Any:
    from datetime import datetime  # noqa: PLC0415 - beside date

    begin, end = (datetime.combine(each, datetime.min.time()) for each in (day, _end(day, period)))
    return begin + (end - begin) / 2


def _named(day: date, period: Period) -> str:
    return {
        "day": day_text(day),
        "week": f"week of {day_text(day)}",
        "month": day.strftime("%Y-%m"),
    }[period.step]
