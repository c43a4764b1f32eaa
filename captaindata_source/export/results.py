"""The workflows whose results can be listed, shown and exported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import dlt

from captaindata_source.errors import ConfigError
from captaindata_source.sqltext import quoted
from captaindata_source.tables import LEDGER, WORKFLOWS, views_schema
from captaindata_source.views.results.fields import FIELD_JOBS, VIEW_LABELS, WorkflowKey
from captaindata_source.views.results.labels import Labels, labels_of
from captaindata_source.views.results.repeated import count_repeated
from captaindata_source.views.results.tables import RESULT_VIEWS
from captaindata_source.views.workspaces import (
    LoadedWorkspace,
    choose_workspaces,
    folder_names,
    loaded_workspaces,
)
from captaindata_source.warehouse.database import Database, open_database, schema_of

__all__ = ["Listed", "choose", "list_results"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A workflow whose results can be looked at.

    Args:
        workspace: Its workspace.
        workflow: Name of the workflow as last seen, else its uid.
        workflow_uid: Its uid.
        view: Name of its view or table.
        columns: How many columns it has.
        rows: Results loaded.
        labels: Columns that say where a result is from.
    """

    workspace: LoadedWorkspace
    workflow: str
    workflow_uid: str
    view: str
    columns: int
    rows: int
    labels: tuple[str, ...] = ()


def list_results(pipeline: dlt.Pipeline) -> list[Listed]:
    """What `results_…` views and tables there are.

    Raises:
        ConfigError: There are none, or the destination has no views.
    """
    with open_database(pipeline) as database:
        if database is None:
            raise ConfigError("Results can be listed and exported from DuckDB and Postgres alone")
        found = _list(database, schema_of(pipeline))
    if not found:
        raise ConfigError(
            f"Dataset {pipeline.dataset_name} has no views of results yet: run `captaindata sync`, "
            "or `captaindata views create` where create_views is off"
        )
    return found


def _list(database: Database, dataset: str) -> list[Listed]:
    tables = database.relations(dataset)
    if RESULT_VIEWS not in tables:
        return []
    schema = quoted(dataset)
    there = database.relations(views_schema(dataset))
    workflows = {}
    if WORKFLOWS.name in tables:
        rows = database.query(f"select workspace_uid, uid, name from {schema}.{WORKFLOWS.name}")
        workflows = {(workspace, uid): name for workspace, uid, name in rows}
    counts = {
        (workspace, workflow): int(rows or 0)
        for workspace, workflow, rows in database.query(
            f"""
            select j.workspace_uid, j.workflow_uid, sum(l.result_rows)
            from {schema}.{FIELD_JOBS} as j
            inner join {schema}.{LEDGER.name} as l
                on l.workspace_uid = j.workspace_uid and l.job_uid = j.job_uid
            group by j.workspace_uid, j.workflow_uid
            """
        )
    }
    views = database.query(
        f"select workspace_uid, workflow_uid, view_name from {schema}.{RESULT_VIEWS}"
    )
    labels = labels_of(database, dataset) if VIEW_LABELS in tables else {}
    left_out: dict[WorkflowKey, int] = {}
    if any(each.keeps_repeated is False for each in labels.values()):
        repeated = count_repeated(database, dataset)
        left_out = {
            key: repeated.get(key, 0)
            for key, each in labels.items()
            if each.keeps_repeated is False
        }
    spaces = _workspaces(database, dataset, {workspace for workspace, *_ in views})
    listed = [
        Listed(
            workspace=spaces[workspace],
            workflow=workflows.get((workspace, workflow)) or workflow,
            workflow_uid=workflow,
            view=view,
            columns=len(database.columns(views_schema(dataset), view)),
            rows=counts.get((workspace, workflow), 0) - left_out.get((workspace, workflow), 0),
            labels=labels.get((workspace, workflow), Labels()).names,
        )
        for workspace, workflow, view in views
        if view in there
    ]
    return sorted(listed, key=lambda each: (each.workspace.label, each.workflow, each.view))


def _workspaces(database: Database, dataset: str, uids: set[str]) -> dict[str, LoadedWorkspace]:
    """Workspaces by uid; `job_results` may be loaded without the table of workspaces."""
    found = {each.uid: each for each in loaded_workspaces(database, dataset)}
    if uids <= found.keys():
        return found
    folders = folder_names({uid: found[uid].label if uid in found else uid for uid in uids})
    return {
        uid: found.get(uid) or LoadedWorkspace(uid=uid, label=uid, name=uid, folder=folders[uid])
        for uid in uids
    }


def choose(
    listed: Sequence[Listed], *, workflow: str | None = None, workspaces: Sequence[str] = ()
) -> list[Listed]:
    """Those of a workflow and of workspaces.

    Args:
        listed: What there is.
        workflow: Name, uid, or name of the view; None: all.
        workspaces: Configured names or uids; none: all.

    Raises:
        ConfigError: There is none; says which there are.
    """
    known = {each.workspace.uid: each.workspace for each in listed}
    chosen = {each.uid for each in choose_workspaces(list(known.values()), workspaces)}
    found = [each for each in listed if each.workspace.uid in chosen]
    if workflow is None:
        return found
    exact = [
        each
        for each in found
        if workflow in (each.workflow_uid, each.view)
        or workflow.casefold() == each.workflow.casefold()
    ]
    if not exact:
        names = ", ".join(sorted({repr(each.workflow) for each in found}))
        raise ConfigError(f"Unknown workflow {workflow!r}; there are {names}")
    return exact
