"""Tools about workspaces, workflows and their runs."""

from __future__ import annotations

from captaindata_source.assistant.answers import DEFAULT_ROWS, MAX_ROWS, Reader, Rows
from captaindata_source.assistant.arguments import (
    Cursor,
    Limit,
    Since,
    Workflow,
    Workspace,
    start_of,
)
from captaindata_source.assistant.lists import Conditions, Newest, fetch, fetch_newest
from captaindata_source.assistant.views import Views

__all__ = ["WorkflowTools"]


class WorkflowTools:
    """How workflows do.

    Args:
        reader: Reads the views.
        zone: Time zone of days in `since`.
    """

    def __init__(self, reader: Reader, *, zone: str) -> None:
        self._reader = reader
        self._views = Views(reader)
        self._zone = zone

    async def list_workspaces(self) -> Rows:
        """Workspaces, and how fresh their data are. One row per workspace: uid (workspace_id), configured name (workspace_label), name, end of the last sync that did not fail (last_sync_at), outcome of the last one (last_outcome), end of the last sync that brought something new (last_change_at); times in UTC."""  # noqa: E501 - the assistant reads it
        select = (
            "select * from (select w.workspace_id, w.workspace_label, w.workspace_name, "
            "max(f.last_sync_at) as last_sync_at, max(f.last_outcome) as last_outcome, "
            "max(f.last_change_at) as last_change_at from workspaces as w left join "
            "sync_freshness as f on f.workspace_id = w.workspace_id group by 1, 2, 3) as found"
        )
        order = "workspace_label, workspace_id"
        return await fetch(self._reader, select, Conditions(), order=order, limit=MAX_ROWS)

    async def list_workflows(
        self, workspace: Workspace = None, limit: Limit = DEFAULT_ROWS, cursor: Cursor = None
    ) -> Rows:
        """Workflows (API v3), actions (v4) and flows, by name. One row each: uid (workflow_id), name, workspace, status (active, paused, archived), and results_views: the views that hold its results, separated by commas; null: none."""  # noqa: E501
        conditions = Conditions()
        conditions.add("workspace_id = ?", await self._views.workspace(workspace))
        select = (
            "select * from (select w.workspace_id, w.workspace_label, w.workflow_id, "
            "w.workflow_name, w.kind, w.status, (select string_agg(v.view_name, ', ') from "
            "(select distinct workspace_id, workflow_id, view_name from job_result_fields) as v "
            "where v.workspace_id = w.workspace_id and v.workflow_id = w.workflow_id) "
            "as results_views from workflows as w) as found"
        )
        order = "lower(workflow_name), workspace_id, workflow_id"
        return await fetch(
            self._reader, select, conditions, order=order, limit=limit, cursor=cursor
        )

    async def workflow_performance(
        self,
        workspace: Workspace = None,
        workflow: Workflow = None,
        limit: Limit = DEFAULT_ROWS,
        cursor: Cursor = None,
    ) -> Rows:
        """Runs, success rate (0 to 1), durations (seconds) and records of each workflow, lowest success rate first. describe_view('workflow_performance') explains the columns."""  # noqa: E501
        order = "success_rate nulls last, workspace_id, workflow_id"
        return await self._of_workflows(
            "workflow_performance", workspace, workflow, order=order, limit=limit, cursor=cursor
        )

    async def failing_workflows(
        self,
        workspace: Workspace = None,
        workflow: Workflow = None,
        limit: Limit = DEFAULT_ROWS,
        cursor: Cursor = None,
    ) -> Rows:
        """Workflows that fail often or have become slow, with the reason, worst first. Rates are from 0 to 1, durations in seconds. Empty: none does."""  # noqa: E501
        order = "recent_failure_rate desc, workspace_id, workflow_id"
        return await self._of_workflows(
            "failing_workflows", workspace, workflow, order=order, limit=limit, cursor=cursor
        )

    async def top_error_messages(
        self, workspace: Workspace = None, limit: Limit = DEFAULT_ROWS, cursor: Cursor = None
    ) -> Rows:
        """Most frequent error messages of runs in each workspace, with the number of runs and workflows that had them, when first and last, and an example job."""  # noqa: E501
        conditions = Conditions()
        conditions.add("workspace_id = ?", await self._views.workspace(workspace))
        select = "select * from top_error_messages"
        order = "runs desc, workspace_id, message_rank"
        return await fetch(
            self._reader, select, conditions, order=order, limit=limit, cursor=cursor
        )

    async def failed_jobs(
        self,
        workspace: Workspace = None,
        workflow: Workflow = None,
        since: Since = None,
        limit: Limit = DEFAULT_ROWS,
        cursor: Cursor = None,
    ) -> Rows:
        """Runs that failed, newest first, with their error message. run_at in UTC, duration_seconds in seconds. Retries (is_sub_job) are included."""  # noqa: E501
        conditions = await self._conditions(workspace, workflow)
        conditions.add("status_group = 'failed'")
        conditions.add("run_at >= cast(? as timestamptz)", start_of(since, zone=self._zone))
        names = [
            "workspace_id", "workspace_label", "workflow_id", "workflow_name", "job_id",
            "job_name", "status", "run_at", "finished_at", "duration_seconds", "error_message",
            "is_sub_job", "main_job_id",
        ]  # fmt: skip
        what = Newest(view="jobs", time="run_at", key="job_id", columns=names)
        return await fetch_newest(self._reader, what, conditions, limit=limit, cursor=cursor)

    async def stuck_runs(
        self,
        workspace: Workspace = None,
        workflow: Workflow = None,
        limit: Limit = DEFAULT_ROWS,
        cursor: Cursor = None,
    ) -> Rows:
        """Runs in progress for much longer than usual: since when (since_at, UTC), for how many hours, and why, if the API says so. Longest first. Empty: none is."""  # noqa: E501
        order = "hours desc nulls last, workspace_id, job_id"
        return await self._of_workflows(
            "stuck_runs", workspace, workflow, order=order, limit=limit, cursor=cursor
        )

    async def _of_workflows(
        self,
        view: str,
        workspace: str | None,
        workflow: str | None,
        *,
        order: str,
        limit: int,
        cursor: str | None,
    ) -> Rows:
        conditions = await self._conditions(workspace, workflow)
        select = f"select * from {view}"  # noqa: S608 - a name of ours
        return await fetch(
            self._reader, select, conditions, order=order, limit=limit, cursor=cursor
        )

    async def _conditions(self, workspace: str | None, workflow: str | None) -> Conditions:
        conditions = Conditions()
        conditions.add("workspace_id = ?", await self._views.workspace(workspace))
        conditions.add("(workflow_id = ? or lower(workflow_name) = lower(?))", workflow, workflow)
        return conditions
