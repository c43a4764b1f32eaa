"""Which views there are, with their columns, and whom a caller means by a workspace or workflow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mcp.server.mcpserver.exceptions import ToolError

from captaindata_source.assistant.answers import Ask, Reader
from captaindata_source.assistant.failures import sendable, shown
from captaindata_source.errors import ConfigError
from captaindata_source.views.view import unmarked
from captaindata_source.views.workspaces import LoadedWorkspace, choose_workspaces

__all__ = ["Column", "ViewFound", "Views"]

MANY = 20_000
LARGE = 20_000_000
RESULTS = "results_"
VIEWS = {
    "postgres": """
        select c.relname, coalesce(obj_description(c.oid, 'pg_class'), '') as comment
        from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace
        where cast(n.nspname as text) = $1 and c.relkind in ('r', 'v', 'm', 'p')
            and has_table_privilege(c.oid, 'select')
        order by 1
    """,
    "duckdb": """
        select view_name, coalesce(comment, '') as comment from duckdb_views()
        where schema_name = $1 and not internal
        union all
        select table_name, coalesce(comment, '') from duckdb_tables() where schema_name = $1
        order by 1
    """,
}
COLUMNS = {
    "postgres": """
        select a.attname, format_type(a.atttypid, a.atttypmod) as kind,
            coalesce(col_description(c.oid, a.attnum), '') as comment
        from pg_attribute as a
        inner join pg_class as c on c.oid = a.attrelid
        inner join pg_namespace as n on n.oid = c.relnamespace
        where cast(n.nspname as text) = $1 and cast(c.relname as text) = $2
            and a.attnum > 0 and not a.attisdropped
        order by a.attnum
    """,
    "duckdb": """
        select column_name, lower(data_type) as kind, coalesce(comment, '') as comment
        from duckdb_columns()
        where schema_name = $1 and table_name = $2
        order by column_index
    """,
}
PLAIN_KINDS = {
    "character varying": "text",
    "varchar": "text",
    "jsonb": "json",
    "double precision": "double",
    "timestamp with time zone": "timestamptz",
}
"""Types by one name, whichever database it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewFound:
    """A view that can be read.

    Args:
        name: Its name.
        text: What it shows.
    """

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a view.

    Args:
        name: Its name.
        kind: Its type.
        text: What it means.
    """

    name: str
    kind: str
    text: str


class Views:
    """The views of a reader.

    Args:
        reader: Reads them.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def all(self) -> list[ViewFound]:
        """All views that can be read, by name."""
        sql = VIEWS[self._reader.kind]
        answer = await self._reader.ask(
            Ask(sql=sql, values=[self._reader.schema], rows=MANY, size=LARGE)
        )
        return [ViewFound(name=row[0], text=unmarked(row[2])) for row in answer.rows]

    async def columns(self, view: str) -> list[Column]:
        """The columns of a view, in their order.

        Raises:
            ToolError: There is no such view.
        """
        sql = COLUMNS[self._reader.kind]
        answer = await self._reader.ask(
            Ask(sql=sql, values=[self._reader.schema, sendable(view)], rows=MANY, size=LARGE)
        )
        found = [
            Column(name=row[0], kind=PLAIN_KINDS.get(row[2], row[2]), text=row[4])
            for row in answer.rows
        ]
        if not found:
            raise ToolError(
                f"There is no view {shown(view)}: list_views shows those that there are"
            )
        return found

    async def workspaces(self) -> list[LoadedWorkspace]:
        """All workspaces, by label."""
        sql = (
            "select workspace_id, workspace_label, coalesce(workspace_name, workspace_label) "
            "from workspaces order by 2, 1"
        )
        answer = await self._reader.ask(Ask(sql=sql, rows=MANY, size=LARGE))
        return [
            LoadedWorkspace(uid=row[0], label=row[2], name=row[4], folder="") for row in answer.rows
        ]

    async def workspace(self, name: str | None) -> str | None:
        """The uid of a workspace.

        Args:
            name: Its label or uid; None: all are meant.

        Raises:
            ToolError: There is none.
        """
        if name is None:
            return None
        try:
            [found] = choose_workspaces(await self.workspaces(), [name])
        except ConfigError:
            raise ToolError(
                f"There is no workspace {shown(name)}: list_workspaces shows those that there are"
            ) from None
        except ValueError:
            raise ToolError(f"Several workspaces are {shown(name)}: give the uid of one") from None
        return found.uid

    async def results_view(self, workflow: str, workspace: str | None) -> str:
        """The view with the results of a workflow.

        Args:
            workflow: Its name, its uid, or the name of the view.
            workspace: The uid of its workspace; None: any.

        Raises:
            ToolError: There is none, or more than one.
        """
        sql = (
            "select distinct view_name from job_result_fields "
            "where (workflow_id = $1 or view_name = $1 or lower(workflow_name) = lower($1))"
        )
        values = [sendable(workflow)]
        if workspace is not None:
            sql += " and workspace_id = $2"
            values.append(workspace)
        answer = await self._reader.ask(Ask(sql=f"{sql} order by 1", values=values, rows=MANY))
        found = [row[0] for row in answer.rows]
        if not found and workflow.startswith(RESULTS) and workspace is None:
            return workflow  # a view of several workflows; whether it is there is asked for next
        return _only(found, workflow)


def _only(found: Sequence[str], workflow: str) -> str:
    if not found:
        raise ToolError(
            f"There are no results of a workflow {shown(workflow)}: list_workflows shows the "
            "workflows, with the views of their results"
        )
    if len(found) > 1:
        raise ToolError(
            f"{len(found)} workflows are called {shown(workflow)}: name the workspace too, or give "
            f"the uid or one of the views {', '.join(found[:10])}"
        )
    return found[0]
