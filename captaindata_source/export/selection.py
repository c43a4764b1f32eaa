"""Which rows of a view are exported, as SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from captaindata_source.errors import ConfigError
from captaindata_source.export.relations import Exportable
from captaindata_source.since import Since
from captaindata_source.sqltext import literal, quoted
from captaindata_source.tables import JOB_RESULTS, views_schema
from captaindata_source.times import UTC_NAME
from captaindata_source.views.workspaces import LoadedWorkspace

__all__ = ["ROW_HASH", "ROW_KEY", "Filters", "fresh_rows_query", "rows_query"]

ROW_KEY, ROW_HASH = "row key", "row hash"
"""Columns of a query for new rows; no view has a name with a space."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a user asked for.

    Args:
        workspaces: The workspaces that were named; empty: all.
        since: The first time; None: all.
        zone: `report_timezone`.
    """

    workspaces: Sequence[LoadedWorkspace] = field(default=())
    since: Since | None = None
    zone: str = UTC_NAME

    def start(self, view: Exportable) -> date | datetime | None:
        """The first time of the rows of a view, or the day or month that it is in; None: all.

        Raises:
            ConfigError: The view has no time.
        """
        if self.since is None:
            return None
        if view.time is None:
            raise ConfigError(
                f"{view.name} has no column with the time of a row: export it without --since"
            )
        moment = self.since.start(zone=self.zone)
        if not view.time.is_day:
            return moment
        day = self.since.day(zone=self.zone if view.time.is_reported else UTC_NAME)
        return day.replace(day=1) if view.time.is_month else day

    def condition(self, view: Exportable) -> str:
        """SQL on the rows `v` of a view. Rows without a time pass it, to be counted.

        Raises:
            ConfigError: The view can't be filtered like this.
        """
        conditions = [self._of_workspaces(view)] if self.workspaces else []
        start = self.start(view)
        if start is not None and view.time is not None:
            column = f"v.{quoted(view.time.column)}"
            kind = "date" if view.time.is_day else "timestamptz"
            conditions.append(f"({column} >= {kind} '{start.isoformat()}' or {column} is null)")
        return " and ".join(conditions) or "true"

    def _of_workspaces(self, view: Exportable) -> str:
        uids = {each.uid for each in self.workspaces}
        if view.workspace_uid is not None:
            if view.workspace_uid in uids:
                return "true"
            names = ", ".join(repr(each.label) for each in self.workspaces)
            raise ConfigError(
                f"{view.name} has the results of a workflow of another workspace than {names}"
            )
        if not view.has_workspaces:
            raise ConfigError(
                f"{view.name} does not say whose a row is: export it without --workspace"
            )
        return f"v.workspace_id in ({', '.join(map(literal, sorted(uids)))})"


def rows_query(view: Exportable, dataset: str, filters: Filters) -> str:
    """A select of the rows of a view.

    Raises:
        ConfigError: The view can't be filtered like this.
    """
    source = f"{quoted(views_schema(dataset))}.{quoted(view.name)}"
    return f"select v.* from {source} as v where {filters.condition(view)}"


def fresh_rows_query(
    view: Exportable, dataset: str, filters: Filters, *, kind: str, exported: str
) -> str:
    """The same of the rows that were not exported, with a key and a hash of each.

    Args:
        view: The view.
        dataset: Holds its tables.
        filters: What a user asked for.
        kind: The database: duckdb or postgres.
        exported: A select of `row_key` and `row_hash` of all rows that were.

    Raises:
        ConfigError: The view can't be filtered like this, or its rows have no key.
    """
    if not view.key:
        raise ConfigError(
            f"{view.name} has no key that --new could tell its rows by: export it without --new"
        )
    source = f"{quoted(views_schema(dataset))}.{quoted(view.name)}"
    is_same = 'e.row_key = cast(n."row key" as uuid)'
    if not view.is_written_once:
        is_same += ' and e.row_hash = cast(n."row hash" as uuid)'
    return (
        f"select n.* from (select v.*, {_key(view, kind)} as {quoted(ROW_KEY)}, "
        f"{_hash(view, kind)} as {quoted(ROW_HASH)} from {source} as v "
        f"where {filters.condition(view)}{_may_be_fresh(view, dataset, kind, exported)}) as n "
        f"where not exists (select 1 from ({exported}) as e where {is_same})"
    )


def _may_be_fresh(view: Exportable, dataset: str, kind: str, exported: str) -> str:
    """A condition that spares the view the work on results that were exported: it would take
    all of them apart first."""
    if view.workspace_uid is None or view.workflow_uid is None:
        return ""
    text, array = _functions(kind)
    key = f"md5(cast({array}(cast(r.result_uid as {text})) as {text}))"
    return (
        f" and v.result_id in (select r.result_uid from {quoted(dataset)}.{JOB_RESULTS.name} as r "
        f"where r.workspace_uid = {literal(view.workspace_uid)} "
        f"and r.workflow_uid = {literal(view.workflow_uid)} and not exists "
        f"(select 1 from ({exported}) as e where e.row_key = cast({key} as uuid)))"
    )


def _functions(kind: str) -> tuple[str, str]:
    return ("varchar", "json_array") if kind == "duckdb" else ("text", "json_build_array")


def _key(view: Exportable, kind: str) -> str:
    text, array = _functions(kind)
    columns = ", ".join(f"cast(v.{quoted(name)} as {text})" for name in view.key)
    return f"md5(cast({array}({columns}) as {text}))"


def _hash(view: Exportable, kind: str) -> str:
    if view.is_written_once:
        return "cast(null as text)"
    if kind == "duckdb":
        return "md5(cast(to_json(v) as varchar))"
    return "md5(cast(row_to_json(v) as text))"
