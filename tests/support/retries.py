"""Which results of retries the main job holds too, counted in Python."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["Rows", "mains_of", "repeated"]

Rows = Mapping[str, Sequence[Any]]
"""Results of each job."""


def repeated(jobs: Mapping[str, str | None], results: Rows) -> dict[str, list[bool]]:
    """Whether each result is repeated, by its place.

    Args:
        jobs: What each job retries; None: it is a main job.
        results: Of each job.
    """
    counts = {
        job: Counter(json.dumps(row, sort_keys=True) for row in rows)
        for job, rows in results.items()
    }
    found: dict[str, list[bool]] = {}
    for job, rows in results.items():
        seen: Counter[str] = Counter()
        found[job] = []
        for row in rows:
            text = json.dumps(row, sort_keys=True)
            seen[text] += 1
            mains = [main for main in mains_of(jobs, job) if job not in mains_of(jobs, main)]
            found[job].append(any(seen[text] <= counts.get(m, Counter())[text] for m in mains))
    return found


def mains_of(jobs: Mapping[str, str | None], job: str) -> list[str]:
    """The jobs that a job goes back to, the nearest first; also one that is not there."""
    found: list[str] = []
    main = jobs.get(job)
    while main is not None and main not in found and main != job:
        found.append(main)
        main = jobs.get(main)
    return found
