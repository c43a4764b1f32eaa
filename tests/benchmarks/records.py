"""What was measured so far, saved after every run."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.benchmarks.cases import Case
from tests.benchmarks.measure import Usage

AGAIN = "-again"
"""Ends the name of a second sync into the same warehouse, with nothing new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One load.

    Args:
        case: Name of the case.
        way: Name of the way.
        round: From 1.
        usage: What it took; None where it failed or was not run.
        failure: Why it failed.
        not_run: Why it was not run.
    """

    case: str
    way: str
    round: int
    usage: Usage | None = None
    failure: str | None = None
    not_run: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Something else that was measured.

    Args:
        name: Identifies it.
        title: What it is, for people.
        destination: `duckdb`, `postgres`, or empty where it makes no difference.
        unit: Of the values: `s`, `MB`, `calls`, `times`, `%` or a plural.
        values: One for each time it was measured.
        failure: Why there are none.
    """

    name: str
    title: str
    destination: str = ""
    unit: str = ""
    values: list[float] = field(default_factory=list)
    failure: str | None = None


class Records:
    """All runs and figures of a benchmark.

    Args:
        file: Gets them as JSON; None: they are not saved.
        about: Goes into the file too.
    """

    def __init__(self, file: Path | None, about: Mapping[str, object]) -> None:
        self._file = file
        self.about = about
        self.cases: dict[str, Case] = {}
        self.bytes: dict[str, int] = {}
        self.runs: list[Run] = []
        self.imports: dict[str, list[float]] = {}
        self.figures: list[Figure] = []

    def save(self) -> None:
        """Replaces the file at once, so that it is never half written."""
        if self._file is None:
            return
        whole = {
            **self.about,
            "cases": {
                name: {**asdict(case), "bytes": self.bytes.get(name)}
                for name, case in self.cases.items()
            },
            "imports": self.imports,
            "runs": [asdict(run) for run in self.runs],
            "figures": [asdict(figure) for figure in self.figures],
        }
        unfinished = self._file.with_name(f".{self._file.name}.tmp")
        unfinished.write_text(json.dumps(whole, indent=1) + "\n")
        unfinished.replace(self._file)

    def add_run(self, run: Run) -> None:
        self.runs.append(run)
        self.save()

    def add_figure(self, figure: Figure) -> None:
        self.figures.append(figure)
        self.save()

    def of(self, case: str, way: str) -> list[Run]:
        """All runs of a way in a case."""
        return [run for run in self.runs if (run.case, run.way) == (case, way)]

    def usages(self, case: str, way: str) -> list[Usage]:
        """What they took; empty if any failed."""
        runs = self.of(case, way)
        usages = [run.usage for run in runs if run.usage]
        return usages if len(usages) == len(runs) else []

    def walls(self, case: str, way: str, *, after_imports: bool = False) -> list[float]:
        """Their seconds; with `after_imports` less what the imports take."""
        start = 0.0
        if after_imports:
            imports = self.imports.get(way.removesuffix(AGAIN))
            if not imports:
                return []
            start = statistics.median(imports)
        return [usage.wall - start for usage in self.usages(case, way)]

    def wall(self, case: str, way: str, *, after_imports: bool = False) -> float | None:
        """The median of `walls`; None where there are none."""
        return median(self.walls(case, way, after_imports=after_imports))

    def peak(self, case: str, way: str) -> float | None:
        """The median of the peak memory in MB."""
        return median([usage.peak_mb for usage in self.usages(case, way)])

    def figure(self, name: str, destination: str = "") -> float | None:
        """The median of a figure's values; None where there are none."""
        for each in self.figures:
            if (each.name, each.destination) == (name, destination):
                return median(each.values)
        return None


def median(values: list[float]) -> float | None:
    return statistics.median(values) if values else None
