"""Counts the results that are repeated, and tells where they are left out for the first time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from captaindata_source.sqltext import quoted
from captaindata_source.tables import views_schema
from captaindata_source.views.results.fields import VIEW_LABELS, WorkflowKey
from captaindata_source.views.results.origin import RESULTS
from captaindata_source.views.results.tables import ResultView
from captaindata_source.views.view import Change, State
from captaindata_source.warehouse.database import Database

__all__ = ["count_repeated", "note_left_out"]

IN_PLACE = (State.CREATED, State.REPLACED, State.UNCHANGED)


def count_repeated(database: Database, dataset: str) -> dict[WorkflowKey, int]:
    """How many results of each workflow are retries' and held by the main job too."""
    rows = database.query(
        "select workspace_id, workflow_id, count(*) "
        f"from {quoted(views_schema(dataset))}.{RESULTS} where is_repeated "
        "group by workspace_id, workflow_id"
    )
    return {(workspace, workflow): int(count) for workspace, workflow, count in rows}


def note_left_out(
    database: Database, dataset: str, wanted: Sequence[ResultView], changes: Sequence[Change]
) -> list[Change]:
    """Keeps which views have the results that are repeated, once they are as they should be.

    Args:
        database: Outside of a transaction.
        dataset: Holds the tables.
        wanted: The views or tables of results.
        changes: What became of each.

    Returns:
        The changes; those of views that had the repeated results until now say how many.
    """
    states = {change.view: change.state for change in changes}
    fresh = [
        each
        for each in wanted
        if each.labels.keeps_repeated is not each.keeps_repeated
        and states.get(each.view.name) in IN_PLACE
    ]
    had = {
        each.view.name: (each.workspace_uid, each.workflow_uid)
        for each in fresh
        if not each.keeps_repeated and states[each.view.name] is not State.CREATED
    }
    counts = count_repeated(database, dataset) if had else {}
    for each in fresh:
        database.query(
            f"update {quoted(dataset)}.{VIEW_LABELS} set keeps_repeated = %s "
            "where workspace_uid = %s and workflow_uid = %s",
            (each.keeps_repeated, each.workspace_uid, each.workflow_uid),
        )
    return [
        replace(change, left_out=counts.get(had[change.view], 0)) if change.view in had else change
        for change in changes
    ]
