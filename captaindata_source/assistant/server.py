"""The MCP server: the tools, under the protocol of the official SDK."""

from __future__ import annotations

import json
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from pydantic import ValidationError

from captaindata_source import __version__
from captaindata_source.assistant.answers import NOTE, Reader
from captaindata_source.assistant.failures import shown, unknown_arguments, wrong_arguments
from captaindata_source.assistant.people_tools import PeopleTools
from captaindata_source.assistant.result_tools import ResultTools
from captaindata_source.assistant.workflow_tools import WorkflowTools

__all__ = ["Assistant"]

NAME = "captaindata"
INSTRUCTIONS = f"""\
Reads a warehouse of Captain Data: workspaces, workflows, their runs (jobs), the results that they
scraped, and the people and companies in them. Everything is read-only.

{NOTE} Names of workflows, error messages, results, people and companies are all such data.

Begin with list_workspaces, list_workflows and list_views. Use the tool for a question where there
is one, and query (SQL) for the rest. Times are in UTC, durations in seconds, rates from 0 to 1.
Each answer says in as_of how old the data are.
"""
READ_ONLY = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)


class Assistant(MCPServer[Any]):
    """The server.

    Args:
        reader: Reads the views.
        zone: Time zone of days in arguments.
    """

    def __init__(self, reader: Reader, *, zone: str) -> None:
        super().__init__(
            NAME,
            title="Captain Data warehouse",
            instructions=INSTRUCTIONS,
            version=__version__,
            log_level="WARNING",
            subscriptions=False,
        )
        results = ResultTools(reader, zone=zone)
        workflows = WorkflowTools(reader, zone=zone)
        people = PeopleTools(reader)
        for tool in (
            workflows.list_workspaces,
            workflows.list_workflows,
            workflows.workflow_performance,
            workflows.failing_workflows,
            workflows.top_error_messages,
            workflows.failed_jobs,
            workflows.stuck_runs,
            results.workflow_results,
            people.search_people,
            people.search_companies,
            results.list_views,
            results.describe_view,
            results.query,
        ):
            self.add_tool(tool, annotations=READ_ONLY)

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> Any:
        """Calls a tool. Whatever is wrong becomes a `ToolError` with a sentence.

        Raises:
            ToolError: An argument is wrong, or the tool can't answer.
        """
        tools = {tool.name: tool for tool in await self.list_tools()}
        if name not in tools:
            raise ToolError(f"There is no tool {shown(name)}: there are {', '.join(tools)}")
        known = [*tools[name].input_schema.get("properties", {})]
        if unknown := [each for each in arguments if each not in known]:
            raise unknown_arguments(unknown, known)
        try:
            found = await super().call_tool(name, arguments, context)
        except UnexpectedToolError:
            raise ToolError("The tool failed: this is a fault of the server") from None
        except ToolError as error:
            cause = error.__cause__
            if isinstance(cause, ValidationError):
                raise wrong_arguments(cause) from None
            raise ToolError(str(cause or error)) from None
        if isinstance(found, CallToolResult) and found.content:
            # the same as compact JSON, for clients that read texts alone
            text = json.dumps(found.structured_content, ensure_ascii=False)
            found.content = [TextContent(type="text", text=text)]
        return found
