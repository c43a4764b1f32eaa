"""What the connector has to reach, and what it does, in one benchmark."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.benchmarks.cases import BASE, LARGE
from tests.benchmarks.records import Records
from tests.benchmarks.rig import DESTINATIONS

Measure = Callable[[Records], float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A figure and its bounds.

    Args:
        title: What it is.
        measure: Reads it; None where this benchmark did not measure it.
        bound: What has to be reached.
        aim: What would be remarkable; None: nothing beyond the bound.
        unit: Of all three.
        is_floor: Whether more is better.
    """

    title: str
    measure: Measure
    bound: float
    aim: float | None
    unit: str = ""
    is_floor: bool = False

    def is_reached(self, value: float, bound: float) -> bool:
        return value >= bound if self.is_floor else value <= bound


def quotient(value: float | None, base: float | None) -> float | None:
    return value / base if value is not None and base else None


def worst(values: Iterable[float | None]) -> float | None:
    """The largest of those that were measured."""
    return max((value for value in values if value is not None), default=None)


def times_faster(way: str, case: str = BASE.name) -> Measure:
    return lambda records: quotient(records.wall(case, way), records.wall(case, "duckdb"))


def above_floor(destination: str, floor: str, case: str = BASE.name) -> Measure:
    """Our seconds over a floor's, both after imports."""
    return lambda records: quotient(
        records.wall(case, destination, after_imports=True),
        records.wall(case, f"{floor}-{destination}", after_imports=True),
    )


def postgres_over_duckdb(records: Records, case: str = BASE.name) -> float | None:
    return quotient(records.wall(case, "postgres"), records.wall(case, "duckdb"))


def _growth(read: Callable[[Records, str, str], float | None]) -> Measure:
    return lambda records: worst(
        quotient(read(records, LARGE.name, name), read(records, BASE.name, name))
        for name in DESTINATIONS
    )


def _worst_figure(name: str) -> Measure:
    return lambda records: worst(records.figure(name, each) for each in DESTINATIONS)


TARGETS = (
    Target(
        title="against rest_api defaults, DuckDB, times faster",
        measure=times_faster("defaults"),
        bound=20,
        aim=25,
        is_floor=True,
    ),
    Target(
        title="against rest_api tuned, merge, DuckDB, times faster",
        measure=times_faster("merge"),
        bound=2.5,
        aim=3.5,
        is_floor=True,
    ),
    *(
        Target(
            title=f"against the floor{by}, after imports, {title}, times as long",
            measure=above_floor(destination, floor),
            bound=1.8,
            aim=1.5,
        )
        for floor, by in (("reqwest-floor", " by reqwest"), ("floor", ""))
        for destination, title in (("duckdb", "DuckDB"), ("postgres", "Postgres"))
    ),
    Target(
        title="start-up to the first request",
        measure=_worst_figure("first_request"),
        bound=0.7,
        aim=0.5,
        unit="s",
    ),
    Target(
        title="Postgres against DuckDB, times as long",
        measure=postgres_over_duckdb,
        bound=1.3,
        aim=1.1,
    ),
    Target(
        title="peak memory, 1,000,000 against 100,000 results, times as much",
        measure=_growth(Records.peak),
        bound=1.1,
        aim=None,
    ),
    Target(
        title="peak memory, 1,000,000 results",
        measure=lambda records: worst(records.peak(LARGE.name, each) for each in DESTINATIONS),
        bound=300,
        aim=220,
        unit="MB",
    ),
    Target(
        title="peak memory, 100,000 results",
        measure=lambda records: worst(records.peak(BASE.name, each) for each in DESTINATIONS),
        bound=250,
        aim=200,
        unit="MB",
    ),
    Target(
        title="time, 1,000,000 against 100,000 results, times as long",
        measure=_growth(Records.wall),
        bound=10.5,
        aim=10,
    ),
    Target(
        title="nothing new, 20 workflows, 200 jobs, beyond imports",
        measure=_worst_figure("nothing_new_20"),
        bound=1,
        aim=0.3,
        unit="s",
    ),
    Target(
        title="20 packages against 1, times as long",
        measure=_worst_figure("packages_ratio"),
        bound=1.6,
        aim=1.25,
    ),
)


def target_rows(records: Records) -> list[list[str]]:
    """A row for each target whose figures were measured."""
    rows = [["Targets", "measured", "at least", "aim", ""]]
    for target in TARGETS:
        value = target.measure(records)
        if value is None:
            continue
        is_bound = target.is_reached(value, target.bound)
        is_aim = target.aim is not None and target.is_reached(value, target.aim)
        verdict = "aim reached" if is_aim else "reached" if is_bound else "NOT REACHED"
        bounds = [_bound(each, target) for each in (target.bound, target.aim)]
        rows.append([target.title, _cell(value, target), *bounds, verdict])
    return rows


def _bound(bound: float | None, target: Target) -> str:
    if bound is None:
        return ""
    return f"{'>=' if target.is_floor else '<='} {bound:g} {target.unit}".rstrip()


def _cell(value: float, target: Target) -> str:
    form = ",.0f" if target.unit == "MB" else ".2f"
    return f"{value:{form}} {target.unit}".rstrip()
