"""Arguments that several tools take."""

from __future__ import annotations

from typing import Annotated

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from captaindata_source.assistant.answers import MAX_ROWS, clean
from captaindata_source.errors import ConfigError
from captaindata_source.since import EXAMPLES, read_since

__all__ = ["MAX_TEXT", "Cursor", "Limit", "Since", "Text", "Workflow", "Workspace", "start_of"]

MAX_TEXT = 1_000
Workspace = Annotated[
    str | None,
    Field(max_length=MAX_TEXT, description="configured name or uid of a workspace; null: all"),
]
Workflow = Annotated[
    str | None,
    Field(max_length=MAX_TEXT, description="name (in any case) or uid of a workflow; null: all"),
]
Since = Annotated[
    str | None,
    Field(
        max_length=100,
        description=f"only from then on: a day, a time or a span back from now, such as {EXAMPLES}",
    ),
]
Limit = Annotated[int, Field(ge=1, le=MAX_ROWS, description="most rows of the answer")]
Cursor = Annotated[
    str | None,
    Field(
        max_length=10_000,
        description="next_cursor of the last answer to the same arguments; null: from the start",
    ),
]
Text = Annotated[str | None, Field(max_length=MAX_TEXT)]


def start_of(since: str | None, *, zone: str) -> str | None:
    """The time in UTC that a caller gave.

    Args:
        since: As given; None: none.
        zone: Time zone of days, and of times without one.

    Raises:
        ToolError: It is no time, or in the future.
    """
    if since is None:
        return None
    try:
        return read_since(since).start(zone=zone).isoformat()
    except ConfigError as error:
        raise ToolError(f"since: {clean(str(error).removeprefix('--since '))}") from None
