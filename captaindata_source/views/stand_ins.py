"""Views that are made without a table that they read: the table is not loaded everywhere.

`captaindata sync --table job_results` loads results without jobs. No result is a retry's then.
Where no event was received, there is no table of events.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from captaindata_source.sqltext import quoted
from captaindata_source.tables import JOB_RESULTS, JOBS, WEBHOOK_EVENTS
from captaindata_source.views.view import View

__all__ = ["STAND_INS", "without_missing_tables"]

STAND_INS = {
    (JOB_RESULTS.name, JOBS.name): (
        "(select cast(null as text) as workspace_uid, cast(null as text) as uid, "
        "cast(null as text) as main_job_uid, cast(null as boolean) as is_sub_job where false)"
    ),
    ("sync_freshness", WEBHOOK_EVENTS.name): (
        "(select cast(null as text) as workspace_uid, cast(null as text) as action, "
        "cast(null as timestamp with time zone) as loaded_at where false) as webhook_events"
    ),
}
"""By view and table, what the view reads in place of the table."""


def without_missing_tables(
    views: Sequence[View], dataset: str, tables: Collection[str]
) -> list[View]:
    """The same views; some read nothing in place of a table that is missing.

    Args:
        views: All views, each after those that it reads.
        dataset: Holds the tables.
        tables: Those that it has.
    """
    found = {view.name: view for view in views}
    for (name, table), stand_in in STAND_INS.items():
        if table not in tables and (view := found.get(name)) is not None:
            source = f"{quoted(dataset)}.{quoted(table)}"
            found[name] = replace(
                view,
                query=view.query.replace(source, stand_in),
                tables=frozenset(view.tables) - {table},
            )
    return list(found.values())
