"""Selects over the views: conditions whose values are bound, an order, and pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, ConfigDict, Field

from captaindata_source.assistant.answers import Ask, Reader, Rows, as_rows
from captaindata_source.assistant.failures import sendable, shown
from captaindata_source.assistant.paging import cursor_of, read_cursor
from captaindata_source.assistant.views import Column
from captaindata_source.sqltext import quoted

__all__ = ["Conditions", "Filter", "Newest", "fetch", "fetch_newest"]

LONG_AGO = "1900-01-01 00:00:00+00"
"""Stands for a time that is not known: such rows come last."""
NUMBERS = ("smallint", "integer", "bigint", "hugeint", "double", "real", "numeric")


class Filter(BaseModel):
    """A condition on a column."""

    model_config = ConfigDict(extra="forbid")

    column: str = Field(description="name of a column of the view")
    operator: Literal["equals", "contains"] = Field(
        description="equals: the whole value; contains: a part of its text, in any case"
    )
    value: str = Field(description="as text: 42, true, 2026-01-31 00:00:00+00")


@dataclass(slots=True)
class Conditions:
    """What rows must fulfil.

    Args:
        texts: SQL, joined by `and`.
        values: Of the parameters in it.
    """

    texts: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)

    def add(self, sql: str, *values: str | None) -> None:
        """Adds a condition, unless a value of it is None. Each `?` is the next value."""
        if any(value is None for value in values):
            return
        for value in values:
            self.values.append(sendable(str(value)))
            sql = sql.replace("?", f"${len(self.values)}", 1)
        self.texts.append(sql)

    def add_filter(self, found: Filter, columns: Sequence[Column]) -> None:
        """Adds the condition of a caller.

        Raises:
            ToolError: The view has no such column, or the value is not of its type.
        """
        column = next((each for each in columns if each.name == found.column), None)
        if column is None:
            raise ToolError(
                f"The view has no column {shown(found.column)}: describe_view shows its columns"
            )
        name = quoted(column.name)
        if found.operator == "contains":
            self.add(f"strpos(lower(cast({name} as text)), lower(?)) > 0", found.value)
        elif column.kind.startswith(NUMBERS):
            self.add(f"{name} = cast(? as double precision)", _number(found))
        else:
            self.add(f"cast({name} as text) = ?", found.value)

    @property
    def sql(self) -> str:
        return " and ".join(self.texts) or "true"


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """Rows of a view, newest first.

    Args:
        view: Its name.
        time: The column of the time.
        key: The column that tells rows of the same time apart.
        columns: Those that are wanted, in their order.
    """

    view: str
    time: str
    key: str
    columns: Sequence[str]


async def fetch(
    reader: Reader,
    select: str,
    conditions: Conditions,
    *,
    order: str,
    limit: int,
    cursor: str | None = None,
) -> Rows:
    """A page of a short list, which is counted from its beginning.

    Args:
        reader: Reads the views.
        select: From `select` to the view.
        conditions: On its rows.
        order: By what it is sorted, so that no two rows are equal.
        limit: Rows of the page.
        cursor: Where it begins.
    """
    query = (select, conditions.texts, conditions.values)
    skip = 0
    if cursor is not None:
        [text] = read_cursor(cursor, query=query, size=1)
        skip = int(text) if text.isdigit() else 0
    sql = f"{select} where {conditions.sql} order by {order} limit {limit + 1} offset {skip}"
    answer = await reader.ask(Ask(sql=sql, values=conditions.values, rows=limit))
    found = as_rows(answer, limit=limit)
    if found.has_more:
        found.next_cursor = cursor_of([str(skip + len(found.rows))], query=query)
    return found


async def fetch_newest(
    reader: Reader, what: Newest, conditions: Conditions, *, limit: int, cursor: str | None
) -> Rows:
    """A page of a long list, which goes on after the last row of the page before, also if newer
    rows were loaded meanwhile.

    Args:
        reader: Reads the views.
        what: The list.
        conditions: On its rows.
        limit: Rows of the page.
        cursor: Where it begins.
    """
    query = (what.view, list(what.columns), list(conditions.texts), list(conditions.values))
    time = f"coalesce({quoted(what.time)}, timestamptz '{LONG_AGO}')"
    key = f"cast({quoted(what.key)} as text)"
    if cursor is not None:
        moment, last = read_cursor(cursor, query=query, size=2)
        at = "cast(? as timestamptz)"
        conditions.add(f"({time} < {at} or ({time} = {at} and {key} > ?))", moment, moment, last)
    columns = ", ".join([*map(quoted, what.columns), time, key])
    sql = (
        f"select {columns} from {quoted(what.view)} where {conditions.sql} "  # noqa: S608 - quoted
        f"order by {time} desc, {key} limit {limit + 1}"
    )
    answer = await reader.ask(Ask(sql=sql, values=conditions.values, rows=limit))
    places = [(row[-4], row[-2]) for row in answer.rows]
    found = as_rows(answer.first(len(what.columns)), limit=limit)
    if found.has_more:
        found.next_cursor = cursor_of(places[len(found.rows) - 1], query=query)
    return found


def _number(found: Filter) -> str:
    try:
        return str(float(found.value))
    except ValueError:
        raise ToolError(
            f"The column {shown(found.column)} has numbers: {shown(found.value)} is none"
        ) from None
