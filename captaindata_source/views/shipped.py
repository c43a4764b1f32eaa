"""Reads the views' files: `sql/views/*.sql`, one view per file.

A file begins with a comment that states the view's title, grain and columns. The connector writes
it into the database as comments; `sql/views/README.md` prints it too. The query names its sources
in the default schemas, `captaindata` and `captaindata_views`, so the file runs as it is. For
another dataset the schemas are replaced when the view is made. The time zone of reports is
`'UTC' /* report_timezone */` in it, and is replaced too. So is `cast(… as text) /* same_json */`:
the databases have no function in common that makes one text of equal JSON. `Time:` names the column
that `--since` of an export compares, or is `none`; a column of days says whose days they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from captaindata_source.people_fields import PEOPLE_TABLES
from captaindata_source.sqltext import literal, quoted, same_json
from captaindata_source.tables import EXTRA_TABLES, views_schema
from captaindata_source.times import UTC_NAME

__all__ = ["ViewDefinition", "ViewTime", "load_views", "parse_view", "sql_folder"]

RAW, VIEWS = "captaindata", "captaindata_views"
SOURCE = re.compile(rf"\b({VIEWS}|{RAW})\.(\w+)")
COMMENT = re.compile(r"--.*$", re.MULTILINE)
ZONE = "'UTC' /* report_timezone */"
NO_TIME = "none"
EVENT_LAG = "event_lag"
"""Reads a table that is there once an event was received."""
REPORT_DAYS, UTC_DAYS = "report_timezone", "UTC"
"""Whose days a column of days holds."""
TIME = re.compile(rf"(\w+)(?: in ({REPORT_DAYS}|{UTC_DAYS}))?")
KEY = re.compile(r"\((\w+(?:, \w+)*)\)")
SAME_JSON = re.compile(r"cast\(([\w.]+) as text\) /\* same_json \*/")


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewTime:
    """The column that says when a row became what it is.

    Args:
        column: Its name.
        is_day: Whether it holds days, not times; a month is its first day.
        is_reported: Whether these are days of the option report_timezone, not of UTC.
    """

    column: str
    is_day: bool = False
    is_reported: bool = False

    @property
    def is_month(self) -> bool:
        """Whether its days stand for months."""
        return self.is_day and self.column == "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewDefinition:
    """A view that comes with the package.

    Args:
        name: Its name.
        title: What it shows.
        grain: What a row is, with the columns that identify it.
        needs: Its sources as the file's header names them.
        columns: Column to description, with units, in their order.
        query: The select, on the default schemas.
        time: The column that tells the time of a row; None: there is none.
    """

    name: str
    title: str
    grain: str
    needs: tuple[str, ...]
    columns: Mapping[str, str]
    query: str
    time: ViewTime | None

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that identify a row, as its grain names them."""
        lists = (found.split(", ") for found in KEY.findall(self.grain))
        return tuple(next((each for each in lists if self.columns.keys() >= {*each}), ()))

    @property
    def comment(self) -> str:
        return f"{self.title}. {self.grain}"

    @property
    def tables(self) -> frozenset[str]:
        """The tables of the dataset that it reads."""
        return frozenset(name for schema, name in self._sources() if schema == RAW)

    @property
    def is_optional(self) -> bool:
        """Whether it reads a table that is loaded only where someone asks for it, or that not every
        warehouse needs."""
        asked_for = {*(table.name for table in EXTRA_TABLES), *PEOPLE_TABLES}
        return self.name == EVENT_LAG or not self.tables.isdisjoint(asked_for)

    @property
    def views(self) -> frozenset[str]:
        """The other views that it reads."""
        return frozenset(name for schema, name in self._sources() if schema == VIEWS)

    def query_on(self, dataset: str, *, dialect: str, report_timezone: str = UTC_NAME) -> str:
        """The select on a dataset and its views, with days and months in a time zone.

        Args:
            dataset: Holds the tables.
            dialect: Of the database.
            report_timezone: Time zone of the days and months of runs.
        """
        names = {RAW: dataset, VIEWS: views_schema(dataset)}
        query = self.query.replace(ZONE, literal(report_timezone))
        query = SAME_JSON.sub(lambda m: same_json(m[1], dialect), query)
        return SOURCE.sub(lambda m: f"{quoted(names[m[1]])}.{quoted(m[2])}", query)

    def _sources(self) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = SOURCE.findall(COMMENT.sub("", self.query))
        return found


@cache
def load_views() -> Sequence[ViewDefinition]:
    """All views, each after those that it reads."""
    found = {}
    for file in sorted((sql_folder() / "views").iterdir(), key=lambda each: each.name):
        if file.name.endswith(".sql"):
            name = file.name.removesuffix(".sql")
            found[name] = parse_view(name, file.read_text(encoding="utf-8"))
    order = TopologicalSorter({name: sorted(view.views) for name, view in found.items()})
    return tuple(found[name] for name in order.static_order())


def parse_view(name: str, text: str, *, has_time: bool = True) -> ViewDefinition:
    """Reads a file.

    Args:
        name: Its name, without an ending.
        text: What it holds.
        has_time: Whether its header must tell the time of a row.

    Raises:
        ValueError: The header lacks a part.
    """
    lines = text.splitlines()
    size = next((n for n, line in enumerate(lines) if not line.startswith("--")), len(lines))
    header = [line.removeprefix("--").rstrip() for line in lines[:size]]
    parts: dict[str, str] = {}
    columns: dict[str, str] = {}
    target, key = parts, ""
    for line in header:
        stripped = line.strip()
        if stripped == "Columns:":
            target, key = columns, ""
        elif found := re.fullmatch(r" {1,3}([A-Za-z]\w*): (.+)", line):
            key = found[1] if target is columns else found[1].lower()
            target[key] = found[2].strip()
        elif stripped and key:
            target[key] = f"{target[key]} {stripped}"
        else:
            key = ""
    needed = (name, "grain", "needs", *(("time",) if has_time else ()))
    missing = [part for part in needed if part not in parts]
    if missing or not columns:
        raise ValueError(f"{name}.sql: the header lacks {', '.join([*missing]) or 'Columns:'}")
    return ViewDefinition(
        name=name,
        title=parts[name],
        grain=parts["grain"],
        needs=tuple(part.strip() for part in parts["needs"].split(",")),
        columns=columns,
        query="\n".join(lines[size:]).strip().rstrip(";"),
        time=_time(name, parts.get("time", NO_TIME), columns),
    )


def _time(name: str, text: str, columns: Mapping[str, str]) -> ViewTime | None:
    if text == NO_TIME:
        return None
    found = TIME.fullmatch(text)
    if found is None or found[1] not in columns:
        raise ValueError(f"{name}.sql: Time: {text} is no column, nor {NO_TIME}")
    return ViewTime(
        column=found[1], is_day=found[2] is not None, is_reported=found[2] == REPORT_DAYS
    )


def sql_folder() -> Traversable:
    """`sql/`, which is within the package where it was installed from a wheel."""
    packaged = files("captaindata_source") / "sql"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "sql"
