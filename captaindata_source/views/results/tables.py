"""A view, or a table, for the results of each workflow: one typed column a key."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from captaindata_source.sqltext import quoted
from captaindata_source.tables import JOB_RESULTS, views_schema
from captaindata_source.views.results.columns import Column, Source, kept_columns, select_query
from captaindata_source.views.results.fields import BASE_COLUMNS, RESULT_VIEWS, Field, WorkflowKey
from captaindata_source.views.results.keys import ensure_keys
from captaindata_source.views.results.labels import LABELS, Labels, ensure_labels
from captaindata_source.views.results.listed import workspace_names
from captaindata_source.views.results.names import assign_names
from captaindata_source.views.results.origin import RESULTS, results_of
from captaindata_source.views.view import View
from captaindata_source.warehouse.database import Database

__all__ = [
    "PREFIX",
    "RESULT_VIEWS",
    "ResultView",
    "result_views",
    "typed_names",
]

PREFIX = "results_"
BASE_DESCRIPTIONS = dict(
    zip(
        BASE_COLUMNS,
        (
            "job that gave the result",
            "identifies the result in its workspace; joins to job_results",
            "when the job began, UTC",
            "when the result was written: its extracted_at, else the job's finish time, UTC",
        ),
        strict=True,
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultView:
    """The results of a workflow as a table.

    Args:
        workspace_uid: The workspace.
        workflow_uid: The workflow.
        view: The view, or what the table holds.
        columns: Columns of keys.
        labels: The columns that say where a result is from.
        keeps_repeated: Whether it has the results that are repeated.
        query_of: Makes the query on some columns, with a condition on `r`, the view of results, and
            the name of a column that holds the whole result, None: without.
    """

    workspace_uid: str
    workflow_uid: str
    view: View
    columns: Sequence[Column]
    labels: Labels
    keeps_repeated: bool
    query_of: Callable[[Sequence[Column], str, str | None], str]


def result_views(
    database: Database,
    dataset: str,
    *,
    workflows: Mapping[WorkflowKey, str],
    fields: Mapping[WorkflowKey, list[Field]],
    taken: Sequence[str],
    keeps_repeated: bool = False,
    only: Collection[str] | None = None,
) -> list[ResultView]:
    """The views that there should be, one for each workflow that is known.

    A workflow's view keeps its name, whatever happens to the workflow's.

    Args:
        database: Outside of a transaction.
        dataset: Holds the tables.
        workflows: Those of `workflow_names`.
        fields: Fields of each workflow.
        taken: Names of other views.
        keeps_repeated: Whether they have the results of retries that the main job holds too.
        only: Uids of workspaces whose views are made; None: of all.
    """
    tables = database.relations(dataset)
    if JOB_RESULTS.name not in tables:
        return []
    spaces = workspace_names(database, dataset, tables)
    names = _view_names(
        database, dataset, workflows, spaces, taken=taken, exists=RESULT_VIEWS in tables
    )
    labels = ensure_labels(
        database,
        dataset,
        views=names,
        fields=fields,
        there=database.relations(views_schema(dataset)),
    )
    return [
        _result_view(
            key,
            labels=labels[key],
            keeps_repeated=keeps_repeated,
            tables=tables,
            workflow_name=workflows.get(key, ""),
            workspace_name=spaces.get(key[0], key[0]),
            view_name=name,
            fields=fields.get(key, []),
            dataset=dataset,
            kind=database.kind,
        )
        for key, name in sorted(names.items(), key=lambda each: each[1])
        if only is None or key[0] in only
    ]


def typed_names(database: Database, dataset: str) -> list[str]:
    """Names of the views of one workflow each, as far as they are chosen."""
    if RESULT_VIEWS not in database.relations(dataset):
        return []
    table = f"{quoted(dataset)}.{RESULT_VIEWS}"
    return [name for (name,) in database.query(f"select view_name from {table}")]


def _view_names(
    database: Database,
    dataset: str,
    workflows: Mapping[WorkflowKey, str],
    spaces: Mapping[str, str],
    *,
    taken: Sequence[str],
    exists: bool,
) -> dict[WorkflowKey, str]:
    table = f"{quoted(dataset)}.{RESULT_VIEWS}"
    if not exists:
        database.run(
            f"create table {table} (workspace_uid text not null, workflow_uid text not null, "
            "view_name text not null, added_at timestamp with time zone not null)"
        )
        ensure_keys(database, dataset)
    names: dict[WorkflowKey, str] = {
        (workspace, workflow): name
        for workspace, workflow, name in database.query(
            f"select workspace_uid, workflow_uid, view_name from {table}"
        )
    }
    for key in [key for key, name in names.items() if name in taken]:
        # a view of the package got the name since
        database.query(f"delete from {table} where workspace_uid = %s and workflow_uid = %s", key)
        del names[key]
    # where another workspace has a workflow of that name, the workspace's name goes behind it
    fresh = assign_names(
        (
            (key, [[name or key[1]], [name or key[1], spaces.get(key[0], key[0])]])
            for key, name in workflows.items()
            if key not in names
        ),
        taken={*taken, *names.values()},
        prefix=PREFIX,
    )
    for (workspace, workflow), name in fresh.items():
        database.query(
            f"insert into {table} values (%s, %s, %s, current_timestamp)",
            (workspace, workflow, name),
        )
    return names | fresh


def _result_view(
    key: WorkflowKey,
    *,
    workflow_name: str,
    workspace_name: str,
    view_name: str,
    fields: Sequence[Field],
    dataset: str,
    kind: str,
    labels: Labels,
    keeps_repeated: bool,
    tables: Collection[str],
) -> ResultView:
    placed = sorted(
        (field for field in fields if field.column_place is not None and field.column_type),
        key=lambda field: field.column_place or 0,
    )
    columns = [
        Column(field.column_name, field.key, field.nested_key, field.column_type)
        for field in placed
        if field.column_type is not None
    ]
    place = sum(1 for field in placed if (field.column_place or 0) <= labels.behind)
    hidden = sum(1 for field in fields if field.column_type and field.column_place is None)
    comment = (
        f"Results of workflow {workflow_name!r} in workspace {workspace_name!r}. "
        "One row per result (result_id)."
    )
    if hidden:
        comment += f" {hidden} more keys are in job_results.data alone."

    def query_of(some: Sequence[Column], condition: str = "true", rest: str | None = None) -> str:
        kept = condition if keeps_repeated else f"not r.is_repeated and {condition}"
        source = Source(
            results=f"{results_of(key, dataset, tables)} and {kept}",
            base=BASE_COLUMNS,
            labels=dict(zip(LABELS, labels.names, strict=True)),
            place=place,
        )
        return select_query(kind, source, some, rest=rest)

    def query_keeping(there: Sequence[tuple[str, str]]) -> str:
        return query_of(kept_columns(columns, there, kind))

    return ResultView(
        workspace_uid=key[0],
        workflow_uid=key[1],
        view=View(
            name=view_name,
            query=query_of(columns),
            query_keeping=query_keeping,
            comment=comment,
            views=[RESULTS],
            columns=BASE_DESCRIPTIONS | labels.descriptions | _descriptions(columns),
        ),
        columns=columns,
        labels=labels,
        keeps_repeated=keeps_repeated,
        query_of=query_of,
    )


def _descriptions(columns: Sequence[Column]) -> dict[str, str]:
    """What is in the columns that have another name than their key."""
    return {
        column.name: f"key {column.key!r}"
        + ("" if column.nested_key is None else f", {column.nested_key!r} within it")
        for column in columns
        if column.name != column.key or column.nested_key is not None
    }
