"""The views that can be exported, and what is known of their rows."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from captaindata_source.errors import ConfigError
from captaindata_source.sqltext import quoted
from captaindata_source.tables import views_schema
from captaindata_source.views.results.tables import RESULT_VIEWS
from captaindata_source.views.shipped import ViewDefinition, ViewTime, load_views
from captaindata_source.warehouse.database import Database

__all__ = ["Exportable", "find_view"]

RESULTS_OF_NAME = "results_all_"
CREATED = ViewTime(column="created_at")
WRITTEN_ONCE = ("job_results", "jobs_with_results")
"""Shipped views of results: a result that was exported is not new again when its job changes."""
MORE_KEYS = {
    "credit_usage": ("quota_month_started_at",),
    "credits_by_action": ("month_started_at",),
}
"""Columns beside those of the grain, on the days when a month ends and the next begins."""
NEAR, ALIKE = 5, 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Exportable:
    """A view, or a table of results.

    Args:
        name: Its name in the schema of views.
        columns: Names and types of its columns.
        key: Columns that identify a row; empty: not known.
        is_written_once: Whether a row that was exported never counts as new again.
        time: The column that tells the time of a row; None: there is none.
        workspace_uid: The only workspace that it has rows of; None: any.
        workflow_uid: The workflow whose results it has; None: not of one workflow.
        has_workspaces: Whether `workspace_id` tells whose a row is.
    """

    name: str
    columns: Sequence[tuple[str, str]]
    key: Sequence[str] = ()
    is_written_once: bool = False
    time: ViewTime | None = None
    workspace_uid: str | None = None
    workflow_uid: str | None = None
    has_workspaces: bool = False


def find_view(database: Database, dataset: str, name: str) -> Exportable:
    """A view by its name.

    Raises:
        ConfigError: There is none; names those with a similar name.
    """
    schema = views_schema(dataset)
    there = database.relations(schema)
    shipped = {view.name: view for view in load_views()}
    name = name.strip()
    if name not in there and name.lower() in there:
        name = name.lower()
    if name not in there:
        raise ConfigError(_unknown(name, dataset, there, shipped))
    columns = database.columns(schema, name)
    if (owner := _owner(database, dataset, name)) is not None:
        return Exportable(
            name=name,
            columns=columns,
            key=("result_id",),
            is_written_once=True,
            time=CREATED,
            workspace_uid=owner[0],
            workflow_uid=owner[1],
        )
    if name in shipped:
        return _shipped(shipped[name], columns)
    return _other(name, columns)


def _shipped(view: ViewDefinition, columns: Sequence[tuple[str, str]]) -> Exportable:
    """One of the package; the view may be of an earlier version, without some of the columns."""
    names = {name for name, _ in columns}
    key = (*view.key, *MORE_KEYS.get(view.name, ()))
    return Exportable(
        name=view.name,
        columns=columns,
        key=key if names >= {*key} else (),
        is_written_once=view.name in WRITTEN_ONCE,
        time=view.time if view.time is not None and view.time.column in names else None,
        has_workspaces="workspace_id" in names,
    )


def _other(name: str, columns: Sequence[tuple[str, str]]) -> Exportable:
    names = {each for each, _ in columns}
    key = ("workspace_id", "result_id")
    if name.startswith(RESULTS_OF_NAME) and names >= {*key, CREATED.column}:
        return Exportable(
            name=name,
            columns=columns,
            key=key,
            is_written_once=True,
            time=CREATED,
            has_workspaces=True,
        )
    return Exportable(name=name, columns=columns, has_workspaces="workspace_id" in names)


def _owner(database: Database, dataset: str, name: str) -> tuple[str, str] | None:
    """Workspace and workflow of a view of results."""
    if RESULT_VIEWS not in database.relations(dataset):
        return None
    rows = database.query(
        f"select workspace_uid, workflow_uid from {quoted(dataset)}.{RESULT_VIEWS} "
        "where view_name = %s",
        (name,),
    )
    return (rows[0][0], rows[0][1]) if rows else None


def _unknown(name: str, dataset: str, there: Collection[str], shipped: Collection[str]) -> str:
    if not there:
        return (
            f"Dataset {dataset} has no views yet: run `captaindata sync`, or `captaindata views "
            "create` where create_views is off"
        )
    if name in shipped:
        return (
            f"View {name} is not in dataset {dataset}: run `captaindata views create`; "
            "`captaindata views list` says which table it needs"
        )
    wanted = name.lower()
    near = difflib.get_close_matches(wanted, sorted(there), n=NEAR, cutoff=ALIKE)
    near += [each for each in sorted(there) if wanted and wanted in each and each not in near]
    hint = f"; there are {', '.join(near[:NEAR])}" if near else ""
    return f"Unknown view {name!r}{hint}. `captaindata views list` shows all"
