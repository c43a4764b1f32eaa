"""dbt's unit tests of the marts: rows given and expected as the tests of the views have them.

The tests in `tests/unit/views/test_rows.py` are run against DuckDB. What they compare with the rows
of a view in a workspace becomes a unit test of its mart. Given are the rows of the models that the
mart reads: those of raw tables as the tests insert them, those of other marts as their views have
them.
"""

from __future__ import annotations

import inspect
import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

from captaindata_source.tables import LOADS, views_schema
from captaindata_source.views.shipped import ZONE, ViewDefinition, load_views
from tests.support.databases import Database, DuckDb
from tests.support.dbt_staging import mart, staged, staged_tables
from tests.support.raw_tables import RAW_TABLES, TYPES, create_raw_tables

__all__ = ["render", "view_types"]

test_rows: Any = import_module("tests.unit.views.test_rows")

JSON = "json"
"""Texts of JSON differ between databases: columns of it are not expected."""
MANY_ROWS = 200
"""Given rows of a case that is left to the tests of the views."""


@dataclass(frozen=True, slots=True)
class Case:
    """Rows of a view that a test expects: some columns, in a workspace."""

    view: str
    columns: tuple[str, ...]
    workspace: str


class _Rows(list[Any]):
    """Rows of a view, which note it when they are what a test expects."""

    def __init__(self, rows: Sequence[Any], case: Case, noted: list[Case]) -> None:
        super().__init__(rows)
        self._case, self._noted = case, noted

    def __eq__(self, other: object) -> bool:
        is_equal = list.__eq__(self, other) is True
        if is_equal:
            self._noted.append(self._case)
        return is_equal

    __hash__ = None


def render() -> str:
    """The tests as YAML; each row is a line of JSON."""
    view_types()
    with example() as database:
        noted = _noted(database)
        lines = ["version: 2", "unit_tests:"]
        for view in load_views():
            groups: dict[tuple[str, ...], list[str]] = {}
            for case in noted:
                if case.view == view.name:
                    groups.setdefault(case.columns, []).append(case.workspace)
            for columns in sorted(groups, key=len, reverse=True):
                given = {
                    each: _given(database, view, each, groups[columns]) for each in _read(view)
                }
                if sum(map(len, given.values())) <= MANY_ROWS:
                    expected = _expected(database, view, columns, groups[columns])
                    lines += _test(view, given, expected)
                    break
    return "\n".join([*lines, ""])


@cache
def view_types() -> Mapping[str, Mapping[str, str]]:
    """View to the types of its columns, by the names that DuckDB and Postgres share."""
    with example() as database:
        return {
            view.name: _types(database, views_schema(database.dataset), view.name)
            for view in load_views()
        }


@contextmanager
def example() -> Iterator[Database]:
    """A DuckDB file with the rows of the tests, and all views on them."""
    with tempfile.TemporaryDirectory() as folder:
        database = DuckDb(Path(folder))
        database.hold()
        create_tables(database)
        test_rows.fill(database)
        create_views(database)
        yield database
        database.release()


def create_tables(database: DuckDb) -> None:
    """Creates each table that a view reads, empty, in a new file."""
    create_raw_tables(database)
    there = {table.name for table in RAW_TABLES} | {LOADS}
    for name, columns in staged_tables().items():
        if name not in there:
            types = ", ".join(f"{c} {TYPES['duckdb'][kind]}" for c, kind in columns.items())
            database.execute(f"create table {name} ({types})")


def create_views(database: DuckDb) -> None:
    """Creates all views."""
    schema = views_schema(database.dataset)
    database.execute(f"create schema {schema}")
    for view in load_views():
        query = view.query_on(database.dataset, dialect=database.dialect)
        database.execute(f"create view {schema}.{view.name} as {query}")


def _noted(database: Database) -> list[Case]:
    """What the tests compare with the rows of views, in a workspace each."""
    noted: list[Case] = []
    views = {view.name: view for view in load_views()}
    rows_of = test_rows.rows

    def rows(database: Database, view: str, workspace: str, columns: str = "*", **zone: str) -> Any:
        found = rows_of(database, view, workspace, columns, **zone)
        names = [*views[view].columns] if columns == "*" else columns.split(", ")
        if not {*names} <= {*views[view].columns}:
            return found
        plain = [each for each in names if view_types()[view][each] != JSON]
        names = list(dict.fromkeys(["workspace_id", *plain]))
        return _Rows(found, Case(view, tuple(names), workspace), noted)

    with patch.object(test_rows, "rows", rows):
        for name, function in inspect.getmembers(test_rows, inspect.isfunction):
            if name.startswith("test_") and [*inspect.signature(function).parameters] == [
                "warehouse"
            ]:
                function(database)
    return list(dict.fromkeys(noted))


def _read(view: ViewDefinition) -> list[str]:
    """The models that a mart reads."""
    return [*map(staged, sorted(view.tables)), *map(mart, sorted(view.views))]


def _given(
    database: Database, view: ViewDefinition, model: str, workspaces: Sequence[str]
) -> list[str]:
    """The rows of some workspaces that a model has, without what the view does not name."""
    words = {*re.findall(r"\w+", view.query)}
    for name in view.tables:
        if staged(name) == model:
            schema, table, column = database.dataset, name, "workspace_uid"
    for name in view.views:
        if mart(name) == model:
            schema, table, column = views_schema(database.dataset), name, "workspace_id"
    types = _types(database, schema, table)
    chosen = [name for name in types if name in words]
    where = _where(column, workspaces) if column in types else "true"
    rows = database.execute(f"select {', '.join(chosen)} from {schema}.{table} where {where}")
    return _sorted(
        {name: _plain(value, types[name]) for name, value in row.items() if value is not None}
        for row in rows
    )


def _expected(
    database: Database, view: ViewDefinition, columns: Sequence[str], workspaces: Sequence[str]
) -> list[str]:
    types = view_types()[view.name]
    rows = database.execute(
        f"select {', '.join(columns)} from {views_schema(database.dataset)}.{view.name} "
        f"where {_where('workspace_id', workspaces)}"
    )
    return _sorted({name: _plain(v, types[name]) for name, v in row.items()} for row in rows)


def _sorted(rows: Iterator[Mapping[str, Any]]) -> list[str]:
    return sorted(json.dumps(row, ensure_ascii=False) for row in rows)


def _where(column: str, workspaces: Sequence[str]) -> str:
    return f"{column} in ({', '.join(map(repr, workspaces))})"


def _types(database: Database, schema: str, table: str) -> dict[str, str]:
    same = {"VARCHAR": "text", "DOUBLE": "double precision"}
    return {
        row["column_name"]: same.get(row["data_type"], row["data_type"].lower())
        for row in database.execute(
            "select column_name, data_type from information_schema.columns "
            f"where table_schema = '{schema}' and table_name = '{table}' order by ordinal_position"
        )
    }


def _plain(value: Any, kind: str) -> Any:
    """A value as dbt casts it to the type of its column."""
    if kind == JSON and value is not None:
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, (date, datetime)):
        return value.isoformat(*(" ",) if isinstance(value, datetime) else ())
    return repr(value) if isinstance(value, float) else value


def _test(
    view: ViewDefinition, given: Mapping[str, Sequence[str]], expected: Sequence[str]
) -> Iterator[str]:
    yield f"  - name: {mart(view.name)}__rows"
    yield f"    model: {mart(view.name)}"
    yield "    config:"
    yield "      enabled: \"{{ var('captaindata_unit_tests', false) }}\""
    if ZONE in view.query:
        yield "    overrides:"
        yield "      vars: {captaindata_report_timezone: UTC}"
    yield "    given:"
    for model, rows in given.items():
        yield f"      - input: ref('{model}')"
        yield f"        rows:{'' if rows else ' []'}"
        yield from (f"          - {row}" for row in rows)
    yield "    expect:"
    yield f"      rows:{'' if expected else ' []'}"
    yield from (f"        - {row}" for row in expected)
