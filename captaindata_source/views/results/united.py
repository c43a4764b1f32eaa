"""`results_all_…`: the results of workflows of one name in one view, over all workspaces.

Columns keep their place in a view that is there; new ones are appended. The view reads the results
themselves, not the views or tables of the workflows, which may so be changed at any time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from captaindata_source.sqltext import literal, quoted
from captaindata_source.tables import WORKSPACES, views_schema
from captaindata_source.views.results.columns import (
    Column,
    Source,
    column_types,
    kept_columns,
    select_query,
)
from captaindata_source.views.results.fields import Field, Path, WorkflowKey
from captaindata_source.views.results.labels import LABELS, free_name
from captaindata_source.views.results.learning import MAX_COLUMNS
from captaindata_source.views.results.names import assign_names
from captaindata_source.views.results.origin import RESULTS, results_of
from captaindata_source.views.results.types import value_type
from captaindata_source.views.view import View
from captaindata_source.warehouse.database import Database

__all__ = ["PREFIX", "Group", "group_names", "united_views"]

PREFIX = "results_all_"
FIRST: Mapping[str, str] = {
    "workspace_id": "UID of the workspace",
    "workspace_name": LABELS["workspace_name"],
    "workspace_label": "name of the workspace in your configuration, or else its UID",
    "workflow_id": "UID of the workflow",
    "workflow_name": LABELS["workflow_name"],
    "job_id": "job that gave the result",
    "job_name": LABELS["job_name"],
    "result_id": "identifies the result in its workspace; joins to job_results",
    "started_at": "when the job began, UTC",
    "created_at": "when the result was written, UTC",
    "is_sub_job": LABELS["is_sub_job"],
    "is_repeated": LABELS["is_repeated"],
}
"""Columns before those of the keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Workflows of one name.

    Args:
        workflow_name: Their name.
        members: The workflows.
        view_name: Name of the view.
    """

    workflow_name: str
    members: Sequence[WorkflowKey]
    view_name: str


def group_names(workflows: Mapping[WorkflowKey, str], *, taken: Collection[str]) -> list[Group]:
    """The names that two or more workflows have, without the spaces around them.

    Args:
        workflows: Name of each workflow; empty: unknown.
        taken: Names of other views.
    """
    members: dict[str, list[WorkflowKey]] = defaultdict(list)
    for key, name in workflows.items():
        if name.strip():
            members[name.strip()].append(key)
    shared = {name: sorted(keys) for name, keys in members.items() if len(keys) > 1}
    names = assign_names(((name, [[name]]) for name in shared), taken=taken, prefix=PREFIX)
    return [
        Group(workflow_name=name, members=shared[name], view_name=names[name])
        for name in sorted(shared)
    ]


def united_views(
    database: Database,
    dataset: str,
    *,
    groups: Sequence[Group],
    fields: Mapping[WorkflowKey, Sequence[Field]],
    keeps_repeated: bool,
) -> list[View]:
    """The view of each group.

    Args:
        database: Outside of a transaction.
        dataset: Holds the tables.
        groups: Workflows of one name.
        fields: Fields of each workflow.
        keeps_repeated: Whether they have the results of retries that the main job holds too.
    """
    schema = views_schema(dataset)
    there = database.relations(schema)
    union = _Union(
        kind=database.kind,
        dataset=dataset,
        tables=database.relations(dataset),
        keeps_repeated=keeps_repeated,
    )
    return [
        union.view(
            group,
            {key: fields.get(key, ()) for key in group.members},
            database.columns(schema, group.view_name) if group.view_name in there else (),
        )
        for group in groups
    ]


def _columns(fields: Mapping[WorkflowKey, Sequence[Field]]) -> dict[str, Column]:
    """A column for each key of any workflow, of a type that holds the values of all."""
    kinds: dict[Path, set[str]] = defaultdict(set)
    names: dict[Path, str] = {}
    ordered = sorted(
        ((field.field_id, key, field) for key, own in fields.items() for field in own),
        key=lambda each: each[:2],
    )
    for _, _, field in ordered:
        path = (field.key, field.nested_key)
        kinds[path] |= field.kinds
        names.setdefault(path, field.column_name)
    columns: dict[str, Column] = {}
    for path, name in names.items():
        kind = value_type(kinds[path], is_nested=path[1] is not None)
        if kind is not None:
            free = free_name(name, {*FIRST, *columns})
            columns[free] = Column(free, *path, kind)
    return columns


@dataclass(frozen=True, slots=True, kw_only=True)
class _Union:
    kind: str
    dataset: str
    tables: Collection[str]
    keeps_repeated: bool

    def view(
        self,
        group: Group,
        fields: Mapping[WorkflowKey, Sequence[Field]],
        there: Sequence[tuple[str, str]],
    ) -> View:
        """The view of a group; `there` are the columns that it has."""
        columns = _columns(fields)
        known = {name: columns[name] for name, _ in there if name in columns}
        chosen = list((known | columns).values())[:MAX_COLUMNS]

        def query_of(columns: Sequence[Column]) -> str:
            members = (self._member(key, columns, own) for key, own in fields.items())
            return "\nunion all\n".join(members)

        def query_keeping(there: Sequence[tuple[str, str]]) -> str:
            return query_of(kept_columns(chosen, there, self.kind))

        return View(
            name=group.view_name,
            query=query_of(chosen),
            query_keeping=query_keeping,
            comment=f"Results of the {len(group.members)} workflows named "
            f"{group.workflow_name!r}. One row per workspace and result (workspace_id, result_id).",
            columns=FIRST,
            views=[RESULTS],
        )

    def _member(self, key: WorkflowKey, columns: Sequence[Column], fields: Sequence[Field]) -> str:
        """The results of one workflow with the columns of all."""
        paths = {(field.key, field.nested_key) for field in fields}
        own = [column for column in columns if (column.key, column.nested_key) in paths]
        given = {column.name: f"column_{place}" for place, column in enumerate(own)}
        results = results_of(key, self.dataset, self.tables)
        source = Source(
            results=results if self.keeps_repeated else f"{results} and not r.is_repeated",
            base=("job_id", "result_id", "started_at", "created_at"),
            labels={name: name for name in LABELS},
        )
        query = select_query(
            self.kind, source, [replace(column, name=given[column.name]) for column in own]
        )
        fixed = {
            "workspace_id": literal(key[0]),
            "workspace_label": self._label(key[0]),
            "workflow_id": literal(key[1]),
        }
        types = column_types(self.kind)
        selected = [
            f"cast({fixed[name]} as text) as {name}" if name in fixed else f"member.{name}"
            for name in FIRST
        ]
        selected += [
            f"member.{given[each.name]} as {quoted(each.name)}"
            if each.name in given
            else f"cast(null as {types[each.value_type]}) as {quoted(each.name)}"
            for each in columns
        ]
        return "select\n    " + ",\n    ".join(selected) + f"\nfrom (\n{query}\n) as member"

    def _label(self, workspace: str) -> str:
        uid = literal(workspace)
        if WORKSPACES.name not in self.tables:
            return uid
        return (
            f"coalesce((select max(configured_name) from {quoted(self.dataset)}.{WORKSPACES.name} "
            f"where workspace_uid = {uid}), {uid})"
        )
