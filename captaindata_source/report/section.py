"""A section of the page, and what its authors share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from captaindata_source.report.cells import Column, Table, table
from captaindata_source.report.chart import Chart
from captaindata_source.report.queries import Answer, Figures, Row, Scope

__all__ = ["Fact", "Reading", "Section", "counted", "failed"]

WORKSPACE = Column(key="workspace_label", heading="Workspace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A key figure.

    Args:
        label: What it is.
        value: The figure.
        note: What it is made of, or compared with.
        section: The section that tells more.
        is_alarm: Whether someone should look at it.
    """

    label: str
    value: str
    note: str = ""
    section: str = ""
    is_alarm: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section of the page.

    Args:
        name: Its id in the page.
        title: Its heading.
        text: What it says in a sentence or two.
        charts: Its charts.
        tables: Its tables.
        facts: Its key figures, for the top of the page.
    """

    name: str
    title: str
    text: str
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    facts: Sequence[Fact] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Reads the figures for one page.

    Args:
        figures: Of the dataset.
        scope: Workspaces and days of the page.
        has_several: Whether it is about several workspaces, so that rows name theirs.
    """

    figures: Figures
    scope: Scope
    has_several: bool

    def read(self, name: str) -> Answer:
        """What a query gives."""
        return self.figures.read(name, self.scope)

    def table(
        self,
        name: str,
        caption: str,
        columns: Sequence[Column],
        found: Answer | Sequence[Mapping[str, Any]],
        *,
        is_folded: bool = False,
    ) -> Table:
        """A table of what was read, with a column of workspaces where there are several."""
        rows = found.rows if isinstance(found, Answer) else found
        names_workspace = self.has_several and rows and WORKSPACE.key in rows[0]
        return table(
            name,
            caption,
            [*([WORKSPACE] if names_workspace else []), *columns],
            rows,
            zone=self.figures.zone,
            total=rows[0].get("total") if rows else None,
            is_folded=is_folded,
        )

    def label(self, row: Row) -> str:
        """What a chart calls a workflow."""
        name = str(row["workflow_name"])
        return f"{name} ({row['workspace_label']})" if self.has_several else name


def failed(name: str, title: str, found: Answer) -> Section:
    """A section that could not be read."""
    return Section(name=name, title=title, text=f"This could not be read: {found.problem}.")


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun, such as 1 run or 2 runs."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
