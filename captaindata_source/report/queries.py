"""Reads the figures of a report: one file of SQL each, in `queries/`.

A file has a header as the views' files have, and runs as it is. What is marked by a comment is
replaced: the workspaces, the days and how many rows are read at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any

from dlt.common.runtime import signals

from captaindata_source.errors import CaptainDataError
from captaindata_source.report.period import Period
from captaindata_source.sqltext import literal, quoted
from captaindata_source.tables import views_schema
from captaindata_source.views.shipped import ViewDefinition, load_views, parse_view
from captaindata_source.warehouse.database import Database
from captaindata_source.warehouse.remedies import driver_of, message_of

__all__ = ["MAX_ROWS", "SERIES", "Answer", "Figures", "Row", "Scope", "load_query", "query_names"]

MAX_ROWS = 200
"""Rows of a table of the page."""
SERIES = 7
"""Workflows or workspaces with a colour of their own in a chart."""
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a report is about.

    Args:
        workspaces: Uids; None: all of the dataset.
        period: The days.
    """

    workspaces: Sequence[str] | None
    period: Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a query gave.

    Args:
        rows: Up to `MAX_ROWS`.
        problem: Why it could not be read; empty: it was.
        is_absent: What it reads is not in the warehouse, and need not be.
    """

    rows: Sequence[Row] = ()
    problem: str = ""
    is_absent: bool = False

    @property
    def total(self) -> int:
        """How many rows there are, also beyond those that were read."""
        return int(self.rows[0]["total"]) if self.rows else 0


@dataclass(slots=True)
class Figures:
    """The figures of a dataset.

    Args:
        database: Open.
        dataset: The schema of the tables.
        zone: Time zone of reports.
    """

    database: Database
    dataset: str
    zone: str
    problems: list[str] = field(default_factory=list)
    """What could not be read, and why."""
    _there: dict[str, frozenset[str]] = field(default_factory=dict)
    _copies: dict[str, str] = field(default_factory=dict)
    """View to the name of a copy of its rows."""

    def views(self) -> frozenset[str]:
        """Views that the dataset has."""
        return self._relations(views_schema(self.dataset))

    def copy(self, views: Iterable[str], *, workspaces: Sequence[str] | None) -> None:
        """Copies rows of views into temporary tables of the session, so that each is computed once.

        A view that can't be copied, also for want of rights, is read as it is.

        Args:
            views: Their names.
            workspaces: Uids; None: all.
        """
        for view in sorted({*views} & self.views()):
            table = quoted(f"report_{view}")
            where = _chosen(workspaces)
            try:
                self.database.run(
                    f"create temporary table {table} as select * from "
                    f"{self._name(view)} where {where}"
                )
                if self.database.kind == "postgres":
                    self.database.run(f"create index on {table} (workspace_id); analyze {table}")
            except Exception as error:
                signals.raise_if_signalled()
                if not isinstance(error, CaptainDataError) and not driver_of(error):
                    raise
                continue
            self._copies[view] = table

    def of_page(self) -> Figures:
        """The same with no problems yet, for another page."""
        return replace(self, problems=[])

    def _name(self, view: str) -> str:
        return f"{quoted(views_schema(self.dataset))}.{quoted(view)}"

    def read(self, name: str, scope: Scope) -> Answer:
        """Runs a query. What can't be read is named in `problems`, once.

        Args:
            name: Name of the file, without `.sql`.
            scope: Workspaces and days.
        """
        query = load_query(name)
        if missing := sorted(query.tables - self._relations(self.dataset)):
            return Answer(is_absent=True, problem=f"there is no table {missing[0]}")
        if missing := sorted(query.views - self.views()):
            if missing[0] in _optional_views():
                return Answer(is_absent=True, problem=f"there is no view {missing[0]}")
            return self._failed(f"view {missing[0]} is not there: run `captaindata views create`")
        sql = query.query_on(self.dataset, dialect=self.database.dialect, report_timezone=self.zone)
        for marked, text in _replacements(scope).items():
            sql = sql.replace(marked, text)
        for view in query.views & self._copies.keys():
            sql = sql.replace(self._name(view), self._copies[view])
        what = ", ".join(sorted(query.views or query.tables))
        try:
            signals.raise_if_signalled()
            rows = self.database.query(sql)
        except CaptainDataError as error:
            return self._failed(f"{what} can't be read: {error}")
        except Exception as error:
            signals.raise_if_signalled()
            if not driver_of(error):
                raise
            return self._failed(
                f"{what} can't be read: {message_of(error)}. `captaindata views create` brings "
                "the views up to date"
            )
        return Answer(rows=[dict(zip(query.columns, row, strict=True)) for row in rows])

    def _failed(self, problem: str) -> Answer:
        if problem not in self.problems:
            self.problems.append(problem)
        return Answer(problem=problem)

    def _relations(self, schema: str) -> frozenset[str]:
        if schema not in self._there:
            self._there[schema] = frozenset(self.database.relations(schema))
        return self._there[schema]


def query_names() -> list[str]:
    """The names of all queries."""
    folder = files("captaindata_source.report") / "queries"
    return sorted(
        each.name.removesuffix(".sql") for each in folder.iterdir() if each.name.endswith(".sql")
    )


@cache
def load_query(name: str) -> ViewDefinition:
    """Reads the file of a query."""
    file = files("captaindata_source.report") / "queries" / f"{name}.sql"
    return parse_view(name, file.read_text(encoding="utf-8"), has_time=False)


@cache
def _optional_views() -> frozenset[str]:
    return frozenset(view.name for view in load_views() if view.is_optional)


def _chosen(uids: Sequence[str] | None) -> str:
    if uids is None:
        return "true"
    return f"workspace_id in ({', '.join(map(literal, uids))})" if uids else "false"


def _replacements(scope: Scope) -> dict[str, str]:
    period = scope.period
    return {
        "true /* workspaces */": _chosen(scope.workspaces),
        "date '2026-01-01' /* first_day */": f"date '{period.first_day}'",
        "date '2026-01-31' /* last_day */": f"date '{period.last_day}'",
        "date '2026-01-01' /* day_before */": f"date '{period.day_before}'",
        "date '2026-01-01' /* first_month */": f"date '{period.first_month}'",
        "'day' /* step */": literal(period.step),
        "1 /* rows */": str(MAX_ROWS),
        "1 /* series */": str(SERIES),
    }
