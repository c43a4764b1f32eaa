"""The views of results that there should be, and those that need no look."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from captaindata_source.tables import views_schema
from captaindata_source.views.definitions import Definitions
from captaindata_source.views.results.fields import Field, WorkflowKey
from captaindata_source.views.results.tables import ResultView, groups_of, result_views
from captaindata_source.views.results.united import united_views
from captaindata_source.views.view import View
from captaindata_source.warehouse.database import Database

__all__ = ["WantedViews", "wanted_views"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedViews:
    """Views of results.

    Args:
        typed: Those of one workflow each that are brought up to date.
        united: Those of all workflows of one name.
        kept: Names of others, which stay as they are.
    """

    typed: Sequence[ResultView]
    united: Sequence[View]
    kept: Collection[str] = ()


def wanted_views(
    database: Database,
    dataset: str,
    *,
    workflows: Mapping[WorkflowKey, str],
    fields: Mapping[WorkflowKey, list[Field]],
    taken: Sequence[str],
    keeps_repeated: bool,
    workspaces: Collection[str] | None = None,
) -> WantedViews:
    """The views of results that are brought up to date.

    Args:
        database: Outside of a transaction.
        dataset: Holds the tables.
        workflows: Those of `workflow_names`.
        fields: Fields of each workflow.
        taken: Names of views of the package.
        keeps_repeated: See `result_views`.
        workspaces: Where none of the views of these workspaces changes, no others are looked at:
            with thousands of workflows that takes many times as long as the rest. None: all are.
    """
    groups = groups_of(database, dataset, workflows=workflows, taken=taken)
    taken = [*taken, *(group.view_name for group in groups)]

    def typed(only: Collection[str] | None) -> list[ResultView]:
        return result_views(
            database,
            dataset,
            workflows=workflows,
            fields=fields,
            taken=taken,
            keeps_repeated=keeps_repeated,
            only=only,
        )

    if workspaces is not None:
        own = typed(workspaces)
        there = database.relations(views_schema(dataset))
        known = Definitions(database, dataset).of(there)
        if all(known.get(each.view.name) == each.view.hash for each in own):
            return WantedViews(typed=own, united=(), kept=there.keys())
    united = united_views(
        database, dataset, groups=groups, fields=fields, keeps_repeated=keeps_repeated
    )
    return WantedViews(typed=typed(None), united=united)
