"""The workflows and workspaces that views of results are named after."""

from __future__ import annotations

from collections.abc import Collection

from captaindata_source.sqltext import literal, quoted
from captaindata_source.tables import JOBS, WORKFLOWS, WORKSPACES
from captaindata_source.views.results.fields import RESULT_VIEWS, WorkflowKey
from captaindata_source.warehouse.database import Database

__all__ = ["workflow_names", "workspace_names"]


def workflow_names(
    database: Database,
    dataset: str,
    *,
    seen: Collection[WorkflowKey],
    workspaces: Collection[str] | None = None,
) -> dict[WorkflowKey, str]:
    """Name of each workflow that is listed, or that jobs or results were seen of; may be empty.

    Args:
        database: Outside of a transaction.
        dataset: Holds the tables.
        seen: Workflows that results were seen of.
        workspaces: Uids of those whose jobs are looked at, if all others are listed; None: all.
    """
    tables = database.relations(dataset)
    schema = quoted(dataset)
    found: dict[WorkflowKey, str] = {key: "" for key in seen if key[1]}
    listed: dict[WorkflowKey, str] = {}
    if WORKFLOWS.name in tables:
        names = database.query(f"select workspace_uid, uid, name from {schema}.{WORKFLOWS.name}")
        listed = {(workspace, uid): name or "" for workspace, uid, name in names}
    if JOBS.name in tables:
        where, known = "", {*found}
        if workspaces is not None and RESULT_VIEWS in tables:
            views = f"select workspace_uid, workflow_uid from {schema}.{RESULT_VIEWS}"
            known.update((workspace, uid) for workspace, uid in database.query(views))
        if workspaces is not None and known <= listed.keys():
            where = f"and workspace_uid in ({', '.join(map(literal, workspaces)) or 'null'}) "
        for *key, name in database.query(
            f"select workspace_uid, workflow_uid, max(workflow_name) from {schema}.{JOBS.name} "
            f"where workflow_uid is not null {where}group by workspace_uid, workflow_uid"
        ):
            found[key[0], key[1]] = name or found.get((key[0], key[1]), "")
    return found | {key: name or found.get(key, "") for key, name in listed.items()}


def workspace_names(database: Database, dataset: str, tables: Collection[str]) -> dict[str, str]:
    """The configured name of each workspace, as far as the dataset has that table."""
    if WORKSPACES.name not in tables:
        return {}
    table = f"{quoted(dataset)}.{WORKSPACES.name}"
    return dict(database.query(f"select uid, coalesce(configured_name, uid) from {table}"))
