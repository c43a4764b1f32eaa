"""The views of results that there should be, and those that need no look."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from captaindata_source.tables import JOB_RESULTS, views_schema
from captaindata_source.views.definitions import Definitions
from captaindata_source.views.results.fields import Field, WorkflowKey
from captaindata_source.views.results.origin import RESULTS
from captaindata_source.views.results.tables import (
    ResultView,
    result_views,
    typed_names,
)
from captaindata_source.views.results.united import (
    PREFIX,
    Group,
    group_names,
    united_views,
)
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
    shipped: Sequence[View],
    keeps_repeated: bool,
    workspaces: Collection[str] | None = None,
) -> WantedViews:
    """The views of results that are brought up to date.

    Args:
        database: Outside of a transaction.
        dataset: Holds the tables.
        workflows: Those of `workflow_names`.
        fields: Fields of each workflow.
        shipped: Views of the package.
        keeps_repeated: See `result_views`.
        workspaces: Only the views of these workspaces are brought up to date, and the united ones
            that change with them: with thousands of workflows all take many times as long as the
            rest. None: all are.
    """
    taken, named = [view.name for view in shipped], typed_names(database, dataset)
    groups: Sequence[Group] = ()
    if JOB_RESULTS.name in database.relations(dataset):
        groups = group_names(workflows, taken=[*taken, *named])
    taken += [group.view_name for group in groups]

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

    def united(chosen: Sequence[Group]) -> list[View]:
        return united_views(
            database, dataset, groups=chosen, fields=fields, keeps_repeated=keeps_repeated
        )

    if workspaces is None:
        return WantedViews(typed=typed(None), united=united(groups))
    there = database.relations(views_schema(dataset))
    known = Definitions(database, dataset).of(there)
    is_base_current = all(
        known.get(view.name) == view.hash for view in shipped if view.name == RESULTS
    )
    there_united = {name for name in known if name.startswith(PREFIX)}.difference(named)
    if not is_base_current or there_united != {group.view_name for group in groups}:
        return WantedViews(typed=typed(None), united=united(groups))
    own = typed(workspaces)
    changed = {
        (each.workspace_uid, each.workflow_uid)
        for each in own
        if known.get(each.view.name) != each.view.hash
    }
    chosen = [group for group in groups if not changed.isdisjoint(group.members)]
    return WantedViews(typed=own, united=united(chosen), kept=there.keys())
