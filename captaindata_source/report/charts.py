"""The charts of the page: success rate, stacked bars, durations, shares of quotas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from captaindata_source.report.cells import NONE, duration_text, number_text, percent_text
from captaindata_source.report.chart import (
    Part,
    bars_of,
    colours,
    count_axis,
    data,
    middle,
    named,
    spec,
    time_axis,
)
from captaindata_source.report.period import Period

__all__ = ["durations", "shares", "stacked_days", "stacked_months", "success_rate"]

LOG_FROM = 50
"""Durations that are this many times as long as the shortest need a logarithmic scale."""
TICKS = (1, 5, 15, 60, 300, 900, 3600, 14400, 43200, 86400, 604800, 2592000)
"""Seconds that an axis of durations names."""
STEPS = (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400, 604800, 2592000)
"""Seconds from tick to tick, the shortest first."""
MAX_TICKS = 10
CLOCK = (
    "datum.value < 60 ? format(datum.value, ',.0f') + ' s' "
    ": datum.value < 3600 ? format(datum.value / 60, ',.0f') + ' min' "
    ": datum.value < 86400 ? format(datum.value / 3600, ',.0f') + ' h' "
    ": format(datum.value / 86400, ',.0f') + ' d'"
)
BAR_WIDTH = "min(bandwidth('x') * 0.7, 56)"


def success_rate(rows: Sequence[Mapping[str, Any]], period: Period) -> Mapping[str, Any]:
    """A line of success rates.

    Args:
        rows: `day` and `success_rate`.
        period: The days of its axis.
    """
    import altair as alt  # noqa: PLC0415 - an extra

    values = [
        {
            "day": middle(row["day"], period).isoformat(),
            "rate": row["success_rate"],
            "Day": named(row["day"], period),
            "Success rate": NONE
            if row["success_rate"] is None
            else percent_text(row["success_rate"]),
        }
        for row in rows
    ]
    return spec(
        alt.Chart(data(values))
        .mark_line(
            color="var(--succeeded)",
            strokeWidth=2,
            point=alt.OverlayMarkDef(color="var(--succeeded)", size=18),
        )
        .encode(
            x=time_axis(period),
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
                        "day": middle(row["day"], period).isoformat(),
                        "from": bottom,
                        "to": bottom + number,
                        "part": part.label,
                        "Day": named(row["day"], period),
                        unit: f"{number_text(number)} {part.label}",
                    }
                )
                bottom += number
    return spec(
        alt.Chart(data(values))
        .mark_bar(width=alt.ExprRef(f"max(1, width / {bars_of(period)} - 1)"))
        .encode(
            x=time_axis(period),
            y=count_axis("from:Q", unit, values),
            y2="to:Q",
            color=colours(list(parts.values())),
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
    return spec(
        alt.Chart(data(values))
        .mark_bar(stroke="var(--ground)", strokeWidth=0.5, width=alt.ExprRef(BAR_WIDTH))
        .encode(
            x=alt.X(
                "month:O",
                title=None,
                scale=alt.Scale(domain=[row["month"].strftime("%Y-%m") for row in rows]),
                axis=alt.Axis(labelAngle=0, labelOverlap="greedy"),
            ),
            y=count_axis("from:Q", unit, values),
            y2="to:Q",
            color=colours(list(parts.values())),
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
    high = min((tick for tick in TICKS if tick >= most), default=most) if is_wide else most
    step = next((step for step in STEPS if most / step <= MAX_TICKS), STEPS[-1])
    ticks = (
        [tick for tick in TICKS if low <= tick <= high]
        if is_wide
        else [step * number for number in range(int(most / step) + 1)]
    )
    scale = alt.Scale(type="log" if is_wide else "linear", domain=[low, high])
    axis = alt.Axis(labelExpr=CLOCK, grid=True, labelOverlap="greedy", values=ticks)
    base = alt.Chart(data(values)).encode(
        y=alt.Y(
            "label:N",
            title=None,
            sort=[row["label"] for row in values],
        ),
        tooltip=["Workflow:N", "Median:N", "95th percentile:N"],
    )
    return spec(
        alt.layer(
            base.mark_rule(color="var(--succeeded)", strokeWidth=3, opacity=0.55).encode(
                x=alt.X("p50:Q", title=None, scale=scale, axis=axis), x2="p95:Q"
            ),
            base.mark_circle(color="var(--succeeded)", size=90, opacity=1).encode(x="p50:Q"),
            base.mark_tick(color="var(--succeeded)", thickness=3, size=14, opacity=1).encode(
                x="p95:Q"
            ),
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
            "day": middle(row["day"], period).isoformat(),
            "share": row["share_used"],
            "part": parts[row["place"]].label,
            "Workspace": parts[row["place"]].label,
            "Day": named(row["day"], period),
            "Used": percent_text(row["share_used"]),
        }
        for row in rows
    ]
    return spec(
        alt.Chart(data(values))
        .mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=18))
        .encode(
            x=time_axis(period),
            y=alt.Y(
                "share:Q",
                title="quota used",
                scale=alt.Scale(domainMin=0),
                axis=alt.Axis(format="%", tickCount=4),
            ),
            color=colours(list(parts.values())),
            tooltip=["Workspace:N", "Day:N", "Used:N"],
        ),
        height=150,
    )
