"""The same rows for all engines: raw tables with all that is known to be hard, and the rows that
the views have over them on DuckDB."""

from __future__ import annotations

import json
import math
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from captaindata_source.duckdb_arrow import arrow_batches
from captaindata_source.sandbox import World
from captaindata_source.views.dialects.render import relation_of, render, schema_statement
from captaindata_source.views.shipped import ViewDefinition, load_views
from tests.support.databases import Database, DuckDb, Row, open_file
from tests.support.faulty_sandbox import FaultySandbox
from tests.support.harness import Harness
from tests.support.raw_tables import create_raw_tables, insert
from tests.support.view_extremes import EXTREMES
from tests.support.view_samples import SAMPLES

__all__ = ["PYTHON", "Dataset", "differences", "empty_dataset", "full_dataset", "on_engine"]

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv" / "readers" / "bin" / "python"
SCRIPT = ROOT / "tests" / "support" / "engine_run.py"
LIMIT_SECONDS = 900
KINDS = {
    "VARCHAR": "text",
    "BIGINT": "bigint",
    "INTEGER": "bigint",
    "DOUBLE": "double",
    "BOOLEAN": "bool",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
    "JSON": "json",
}
"""Type of DuckDB to the kind of a column."""
PLACES = 9
ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Dataset:
    """Raw tables and the rows of the views over them.

    Args:
        tables: Table to its columns and file.
        rows: View to its rows on DuckDB; JSON is parsed.
        kinds: View to its columns and their types.
    """

    tables: Mapping[str, Mapping[str, Any]]
    rows: Mapping[str, Sequence[Row]]
    kinds: Mapping[str, Mapping[str, str]]


def full_dataset(folder: Path) -> Dataset:
    """A sandbox of two workspaces (v3 and v4), the rows that each view is tested with, samples of
    tables that are off by default, and extremes."""
    (folder / "sandbox").mkdir()
    sandbox = DuckDb(folder / "sandbox")
    _sync(sandbox, folder)
    database = DuckDb(folder)
    create_raw_tables(database)
    import_module("tests.unit.views.test_rows").fill(database)
    for table, rows in SAMPLES:
        insert(database, table, [{"workspace_uid": "sample", **row} for row in rows])
    for table, rows in EXTREMES:
        insert(database, table, rows)
    _copy(sandbox, database)
    return _dataset(database, folder / "full")


def empty_dataset(folder: Path) -> Dataset:
    """The same tables without rows."""
    with open_file(folder / "warehouse.duckdb") as connection:
        for name in _columns(connection):
            connection.execute(f'delete from captaindata."{name}"')
    return _dataset(DuckDb(folder), folder / "empty")


def _sync(database: Database, folder: Path) -> None:
    world = World(7, workspaces=2, workflows=4, days=30, jobs_per_day=0.3, mean_results=8)
    sandbox = FaultySandbox(world)
    sandbox.start()
    try:
        harness = Harness(sandbox, database, folder)
        harness.versions = {world.workspaces[1].uid: "v4"}
        harness.extra["SOURCES__CAPTAINDATA__CREATE_VIEWS"] = "true"
        harness.sync()
    finally:
        sandbox.stop()


def _copy(source: DuckDb, target: DuckDb) -> None:
    """Adds the rows of a synced dataset; tables that are made with the views come with it."""
    read = {name for view in load_views() for name in view.tables}
    with open_file(target.path) as connection:
        connection.execute(f"attach '{source.path}' as synced")
        own, synced = _columns(connection), _columns(connection, "synced")
        for name in sorted(read & synced.keys()):
            origin = f"synced.captaindata.{name}"
            if name in own:
                both = ", ".join(f'"{each}"' for each in own[name] if each in synced[name])
                select = f"select {both} from {origin}"
                connection.execute(f"insert into captaindata.{name} ({both}) {select}")
            else:
                connection.execute(f"create table captaindata.{name} as from {origin}")
        connection.execute("detach synced")


def _columns(connection: Any, database: str = "warehouse") -> dict[str, list[str]]:
    """Table to its columns."""
    found: dict[str, list[str]] = {}
    for table, column in connection.execute(
        "select table_name, column_name from duckdb_columns() where schema_name = 'captaindata' "
        f"and database_name = '{database}' order by column_index"
    ).fetchall():
        found.setdefault(table, []).append(column)
    return found


def _dataset(database: DuckDb, folder: Path) -> Dataset:
    tables = dict(_exported(database, folder))
    rows, kinds = {}, {}
    with open_file(database.path) as connection:
        connection.execute("drop schema if exists captaindata_views cascade")
        connection.execute("create schema captaindata_views")
        for view in load_views():
            query = view.query_on("captaindata", dialect=database.dialect)
            connection.execute(f"create view captaindata_views.{view.name} as {query}")
            found = connection.execute(f"describe captaindata_views.{view.name}").fetchall()
            kinds[view.name] = {row[0]: row[1] for row in found}
    for view in load_views():
        rows[view.name] = database.execute(f"select * from captaindata_views.{view.name}")
    return Dataset(tables, rows, kinds)


def _exported(database: DuckDb, folder: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    read = {name for view in load_views() for name in view.tables}
    with open_file(database.path) as connection:
        for name in sorted(read):
            described = connection.execute(f"describe captaindata.{name}").fetchall()
            columns = {row[0]: KINDS[row[1]] for row in described}
            file = folder / name / "rows.parquet"
            file.parent.mkdir(parents=True)
            values = ", ".join(
                f'cast("{column}" as varchar) as "{column}"' if kind == "json" else f'"{column}"'
                for column, kind in columns.items()
            )
            relation = connection.sql(f"select {values} from captaindata.{name}")
            pq.write_table(arrow_batches(relation, ROWS).read_all(), file)
            yield name, {"columns": columns, "file": str(file)}


def on_engine(engine: str, datasets: Mapping[str, Dataset]) -> dict[str, dict[str, Any]]:
    """Dataset to view to its rows on an engine, or the text of an error."""
    assert PYTHON.exists(), "The engines are not there: run make .venv/.readers-ready"
    asked = {
        name: {
            "tables": dataset.tables,
            "schema": schema_statement(engine, name),
            "views": {view.name: _view(view, engine, name) for view in load_views()},
        }
        for name, dataset in datasets.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [PYTHON, "-W", "ignore", "-I", SCRIPT, engine],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": folder, "TZ": "UTC"},
            timeout=LIMIT_SECONDS,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-3_000:]
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


def _view(view: ViewDefinition, engine: str, dataset: str) -> dict[str, str]:
    return {
        "statement": render(view, engine, dataset),
        "relation": relation_of(view, engine, dataset),
    }


def differences(engine: str, dataset: Dataset, view: ViewDefinition, found: Any) -> str:
    """What differs between the rows of a view on an engine and on DuckDB; "" if they are equal."""
    if isinstance(found, str):
        return found
    kinds = dataset.kinds[view.name]
    expected = dataset.rows[view.name]
    rows = [{name: _value(row.get(name), kind) for name, kind in kinds.items()} for row in found]
    if engine == "snowflake":
        expected, rows = ([_comparable(row, kinds) for row in each] for each in (expected, rows))
    if found and list(found[0]) != list(kinds):
        return f"columns {list(found[0])}"
    key = view.key
    left, right = (
        {repr([row[name] for name in key]): row for row in each} for each in (expected, rows)
    )
    if len(rows) != len(expected) or left.keys() != right.keys():
        return (
            f"{len(rows)} rows, not {len(expected)}; missing {[*(left.keys() - right.keys())][:3]}"
        )
    wrong = [
        f"{place}: {name} is {right[place][name]!r}, not {value!r}"
        for place, row in left.items()
        for name, value in row.items()
        if not _same(value, right[place][name])
    ]
    return f"{len(wrong)} values: {'; '.join(wrong[:3])}" if wrong else ""


def _comparable(row: Row, kinds: Mapping[str, str]) -> Row:
    """A row with an input in place of the hash of its text, which a variant has not."""
    return row | {"input_id": repr(row["input"])} if {"input", "input_id"} <= kinds.keys() else row


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=10**-PLACES, abs_tol=10**-PLACES)
    return bool(left == right)


def _value(value: Any, kind: str) -> Any:
    if value is None:
        return None
    match kind:
        case "JSON":
            return _parsed(value) if isinstance(value, str) else value
        case "TIMESTAMP WITH TIME ZONE":
            found = datetime.fromisoformat(value)
            return found if found.tzinfo else found.replace(tzinfo=UTC)
        case "DATE":
            return date.fromisoformat(value) if isinstance(value, str) else value
        case "BOOLEAN":
            return bool(value)
        case "DOUBLE":
            return float(value)
    return value


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return f"no JSON: {text}"
