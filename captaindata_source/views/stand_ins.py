"""Views that are made without a table that they read: the table is not loaded everywhere.

`captaindata sync --table job_results` loads results without jobs. No result is a retry's then.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from captaindata_source.sqltext import quoted
from captaindata_source.tables import JOB_RESULTS, JOBS
from captaindata_source.views.view import View

__all__ = ["without_missing_tables"]

NO_JOBS = (
    "(select cast(null as text) as workspace_uid, cast(null as text) as uid, "
    "cast(null as text) as main_job_uid, cast(null as boolean) as is_sub_job where false)"
)


def without_missing_tables(
    views: Sequence[View], dataset: str, tables: Collection[str]
) -> list[View]:
    """The same views; that of results reads no jobs where their table is missing.

    Args:
        views: All views, each after those that it reads.
        dataset: Holds the tables.
        tables: Those that it has.
    """
    if JOBS.name in tables:
        return list(views)
    jobs = f"{quoted(dataset)}.{quoted(JOBS.name)} as "
    return [
        replace(
            view,
            query=view.query.replace(jobs, f"{NO_JOBS} as "),
            tables=frozenset(view.tables) - {JOBS.name},
        )
        if view.name == JOB_RESULTS.name
        else view
        for view in views
    ]
