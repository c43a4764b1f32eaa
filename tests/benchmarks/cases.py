"""The sizes that are measured."""

from __future__ import annotations

from dataclasses import dataclass, replace

NUMBERS_PER_JOB = 100_000
"""A result's `id` is its job's number times this, plus its position in the job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One workspace.

    Args:
        name: Identifies it on the command line and in the JSON.
        jobs: All successful.
        rows: Results on a page.
        pages: Pages of a job's results.
        row_bytes: Size of a result, about.
        workflows: Over which the jobs are spread evenly.
        changed: The first so many jobs have one more result and a later end.
    """

    name: str
    jobs: int = 1_000
    rows: int = 100
    pages: int = 1
    row_bytes: int = 700
    workflows: int = 10
    changed: int = 0

    @property
    def results(self) -> int:
        return self.jobs * self.rows * self.pages + self.changed

    @property
    def title(self) -> str:
        size = f"{self.row_bytes / 1000:g} KB"
        pages = f"pages of {self.rows:,}" if self.rows > 1 else "one a page"
        return f"{self.results:,} results of {size} in {pages}, {self.jobs:,} jobs"

    def scaled(self, factor: float) -> Case:
        """The same with so many times the jobs."""
        jobs = max(1, round(self.jobs * factor))
        return replace(
            self,
            jobs=jobs,
            workflows=min(jobs, self.workflows),
            changed=min(jobs, self.changed),
        )


BASE = Case(name="base")
SMALL = Case(name="10k", jobs=100)
LARGE = Case(name="1M", jobs=10_000)
AXES = (
    SMALL,
    Case(name="pages-1000", jobs=100, rows=1_000),
    Case(name="0.3KB", row_bytes=300),
    Case(name="20KB", row_bytes=20_000),
    LARGE,
)
SMOKE = Case(name="smoke", jobs=300)

FEW_WORKFLOWS = Case(name="few-workflows", jobs=200, rows=10, workflows=20)
MANY_WORKFLOWS = Case(name="many-workflows", jobs=2_000, rows=10, workflows=2_000)
CHANGED = replace(BASE, name="changed", changed=10)
RESULT_VIEWS = Case(name="result-views", rows=10, workflows=100)
RATE_LIMITED = Case(name="rate-limited", jobs=960, rows=10)
LEDGER = Case(name="ledger", jobs=100_000, rows=1, row_bytes=300)
