"""Where the views of results read: a workflow's results, with the names of what they are from."""

from __future__ import annotations

from collections.abc import Collection

from captaindata_source.sqltext import literal, quoted
from captaindata_source.tables import JOBS, WORKFLOWS, WORKSPACES, views_schema
from captaindata_source.times import EARLIEST, LATEST
from captaindata_source.views.results.fields import WorkflowKey

__all__ = ["RESULTS", "names_of", "results_of"]

RESULTS = "job_results"
"""The view that says which results are repeated."""


def names_of(key: WorkflowKey, dataset: str, tables: Collection[str]) -> tuple[str, str]:
    """SQL of the current names of a workspace and of a workflow; null where none is known."""
    schema = quoted(dataset)
    workspace = workflow = "cast(null as text)"
    if WORKSPACES.name in tables:
        workspace = (
            f"(select max(coalesce(name, configured_name)) from {schema}.{WORKSPACES.name} "
            f"where workspace_uid = {literal(key[0])})"
        )
    if WORKFLOWS.name in tables:
        workflow = (
            f"(select max(name) from {schema}.{WORKFLOWS.name} "
            f"where workspace_uid = {literal(key[0])} and uid = {literal(key[1])})"
        )
    return workspace, workflow


def results_of(key: WorkflowKey, dataset: str, tables: Collection[str]) -> str:
    """SQL of a workflow's results, with all that `Source` wants; ends within a condition."""
    schema = quoted(dataset)
    workspace, workflow = names_of(key, dataset, tables)
    started, job, join = "cast(null as timestamp with time zone)", "cast(null as text)", ""
    if JOBS.name in tables:
        started, job = _plausible("j.start_time"), "j.name"
        workflow = f"coalesce({workflow}, j.workflow_name)"
        join = (
            f"left join {schema}.{JOBS.name} as j "
            "on j.workspace_uid = r.workspace_id and j.uid = r.job_id "
        )
    return (
        f"select r.job_id, r.result_id, {started} as started_at, r.created_at, "
        f"{workspace} as workspace_name, {workflow} as workflow_name, {job} as job_name, "
        "r.is_sub_job, r.is_repeated, r.data "
        f"from {quoted(views_schema(dataset))}.{RESULTS} as r {join}"
        f"where r.workspace_id = {literal(key[0])} and r.workflow_id = {literal(key[1])}"
    )


def _plausible(time: str) -> str:
    """A time that the API tells, null where it can't be one; see `captaindata_source.times`."""
    bounds = f"timestamptz '{EARLIEST}' and timestamptz '{LATEST}'"
    return f"case when {time} between {bounds} then {time} end"
