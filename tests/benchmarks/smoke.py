"""Bounds of ratios in a small benchmark: so wide that no noise exceeds them.

At 30,000 results much of a sync is imports and other fixed costs, so the bounds are not the
targets.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.benchmarks.cases import SMOKE
from tests.benchmarks.records import AGAIN, Records
from tests.benchmarks.rig import DESTINATIONS

WAYS = ("duckdb", "postgres", "merge", "floor-duckdb", "floor-postgres")
ROUNDS = 2
IMPORT_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Bound:
    """The shortest run of one way may take so many times that of another."""

    way: str
    other: str
    most: float
    after_imports: bool = False


BOUNDS = (
    Bound("duckdb", "merge", 1.0),
    Bound("postgres", "duckdb", 2.0),
    *(
        Bound(each, f"floor-{each}", most, after_imports=True)
        for each, most in (("duckdb", 7.0), ("postgres", 8.0))
    ),
    *(Bound(f"{each}{AGAIN}", each, 1.0) for each in DESTINATIONS),
)


def bound_rows(records: Records) -> tuple[list[list[str]], list[str]]:
    """A table of all bounds, and those that were exceeded."""
    rows, exceeded = [["Bounds", "measured", "at most"]], []
    for bound in BOUNDS:
        walls, others = (
            records.walls(SMOKE.name, way, after_imports=bound.after_imports)
            for way in (bound.way, bound.other)
        )
        title = f"{bound.way} / {bound.other}{', after imports' if bound.after_imports else ''}"
        if not walls or not others:
            exceeded.append(f"{title}: a run failed")
            continue
        ratio = min(walls) / max(min(others), 0.01)
        rows.append([title, f"{ratio:.2f}", f"{bound.most:.2f}"])
        if ratio > bound.most:
            exceeded.append(f"{title}: {ratio:.2f} times, at most {bound.most:.2f}")
    return rows, exceeded
