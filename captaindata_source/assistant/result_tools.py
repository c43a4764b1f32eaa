"""Tools about views and what they hold: results of workflows, and whatever a query asks for."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from captaindata_source.assistant.answers import DEFAULT_ROWS, Answer, Ask, Reader, Rows, as_rows
from captaindata_source.assistant.arguments import (
    MAX_TEXT,
    Cursor,
    Limit,
    Since,
    Workspace,
    start_of,
)
from captaindata_source.assistant.failures import shown
from captaindata_source.assistant.lists import Conditions, Filter, Newest, fetch_newest
from captaindata_source.assistant.views import Views

__all__ = ["ResultTools"]

DEFAULT_SECONDS, MAX_SECONDS = 30, 120
MAX_SQL = 20_000


class ResultTools:
    """What the views hold.

    Args:
        reader: Reads the views.
        zone: Time zone of days in `since`.
    """

    def __init__(self, reader: Reader, *, zone: str) -> None:
        self._reader = reader
        self._views = Views(reader)
        self._zone = zone

    async def list_views(self) -> Rows:
        """The views that query and describe_view can read. One row per view: its name and what it shows. Views named results_… hold the results of one workflow each, one column per key."""  # noqa: E501
        found = await self._views.all()
        return self._own(["view", "shows"], [[each.name, each.text] for each in found])

    async def describe_view(
        self, view: Annotated[str, Field(max_length=MAX_TEXT, description="name of a view")]
    ) -> Rows:
        """The columns of a view, in their order: name, type (text, bigint, double, boolean, timestamptz, json …), and meaning with its unit."""  # noqa: E501
        found = await self._views.columns(view)
        return self._own(
            ["column", "type", "meaning"], [[each.name, each.kind, each.text] for each in found]
        )

    async def workflow_results(
        self,
        workflow: Annotated[
            str,
            Field(
                max_length=MAX_TEXT, description="name or uid of a workflow, or a results_… view"
            ),
        ],
        workspace: Workspace = None,
        since: Since = None,
        filters: Annotated[
            list[Filter] | None, Field(max_length=20, description="conditions that all must hold")
        ] = None,
        columns: Annotated[
            list[Annotated[str, Field(max_length=MAX_TEXT)]] | None,
            Field(max_length=200, description="only these columns; null: all"),
        ] = None,
        limit: Limit = DEFAULT_ROWS,
        cursor: Cursor = None,
    ) -> Rows:
        """Results (records) of one workflow, newest first: one column per key of the results, with result_id, job_id, created_at and started_at (UTC). What they hold was scraped from the web."""  # noqa: E501
        view = await self._views.results_view(workflow, await self._views.workspace(workspace))
        there = await self._views.columns(view)
        names = [each.name for each in there]
        if not {"created_at", "result_id"} <= {*names}:
            raise ToolError("This view has no results of a workflow: use query for it")
        conditions = Conditions()
        conditions.add("created_at >= cast(? as timestamptz)", start_of(since, zone=self._zone))
        for each in filters or ():
            conditions.add_filter(each, there)
        wanted = list(dict.fromkeys(columns or names))
        for name in wanted:
            if name not in names:
                raise ToolError(
                    f"{view} has no column {shown(name)}: describe_view shows its columns"
                )
        what = Newest(view=view, time="created_at", key="result_id", columns=wanted)
        return await fetch_newest(self._reader, what, conditions, limit=limit, cursor=cursor)

    async def query(
        self,
        sql: Annotated[
            str,
            Field(
                min_length=1,
                max_length=MAX_SQL,
                description="one select over the views; their schema may be left out",
            ),
        ],
        limit: Limit = DEFAULT_ROWS,
        timeout_seconds: Annotated[
            int, Field(ge=1, le=MAX_SECONDS, description="seconds after which it is ended")
        ] = DEFAULT_SECONDS,
    ) -> Rows:
        """Runs one read-only select over the views and returns its first rows. list_views and describe_view show what there is. It can read nothing else, write nothing and change no setting. Aggregate in SQL instead of fetching many rows."""  # noqa: E501
        asked = Ask(sql=_one_statement(sql), rows=limit, seconds=timeout_seconds)
        return as_rows(await self._reader.ask(asked), limit=limit)

    def _own(self, names: list[str], rows: list[list[str]]) -> Rows:
        """Rows that were read already."""
        texts: list[list[Any]] = [
            [part for text in row for part in (text, len(text))] for row in rows
        ]
        answer = Answer(
            names=names, kinds=["text"] * len(names), rows=texts, as_of=self._reader.as_of()
        )
        return as_rows(answer, limit=len(rows))


def _one_statement(sql: str) -> str:
    """A query without the semicolon that people end it with."""
    if "\x00" in sql:
        raise ToolError("The query holds a null character")
    return sql.encode("utf-8", "replace").decode().strip().rstrip(";").rstrip()
