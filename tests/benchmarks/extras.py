"""What the measurements beside the loads have in common."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.benchmarks.cases import Case
from tests.benchmarks.records import Figure, Records
from tests.benchmarks.rig import Expected, Rig, Synced, progress
from tests.benchmarks.ways import measure_imports


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """How to measure, and where to note it.

    Args:
        rig: Runs the processes.
        records: Get the figures.
        rounds: How often that is measured which varies.
        import_rounds: How often imports are measured.
        scale: Factor of all numbers of jobs; 1 unless the benchmark itself is tried.
    """

    rig: Rig
    records: Records
    rounds: int
    import_rounds: int
    scale: float

    @contextmanager
    def serving(self, case: Case) -> Iterator[tuple[Case, Expected]]:
        """Serves a case, scaled; gives it, and what a load has to bring."""
        case = case.scaled(self.scale)
        with self.rig.serving(case) as expected:
            self.records.cases[case.name] = case
            self.records.bytes[case.name] = expected["bytes"]
            yield case, expected

    def measure_imports(self, way: str) -> None:
        """Once in a benchmark."""
        measure_imports(self.rig, self.records, way, self.import_rounds)

    def after_imports(self, synced: Synced, destination: str) -> float:
        """Seconds of a sync, less those of its imports."""
        self.measure_imports(destination)
        return synced.usage.wall - statistics.median(self.records.imports[destination])

    def note(
        self, name: str, title: str, values: list[float], unit: str = "", destination: str = ""
    ) -> None:
        """Adds a figure."""
        found = Figure(
            name=name, title=title, destination=destination, unit=unit, values=list(values)
        )
        shown = ", ".join(f"{value:,.2f}" for value in values)
        progress(f"{title}, {destination}: {shown} {unit}".rstrip())
        self.records.add_figure(found)
