"""The models of `sql/dbt` on Spark, over files that two syncs wrote: the rows of our views.

dbt and Spark live in an environment of their own, `.venv/lakehouse`. The project is that of
`pipelines/lakehouse`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from captaindata_source.tables import LOADS
from captaindata_source.views.shipped import load_views
from tests.conftest import MakeHarness
from tests.support import dbt_run, dbt_sources
from tests.support.databases import DuckDb, Row
from tests.support.dbt_staging import staged_tables
from tests.support.dbt_unit_tests import create_tables, create_views, view_types
from tests.support.raw_tables import TYPES

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv" / "lakehouse" / "bin" / "python"
PROJECT = ROOT / "pipelines" / "lakehouse"
SETTINGS = ROOT / "tests" / "spark_conf"
LIMIT_SECONDS = 500
RAW_TABLES = {table.name: table for table in dbt_sources.raw_tables()}


class Files:
    """A folder that the filesystem destination fills."""

    name = "filesystem"
    dataset = "captaindata"

    def __init__(self, folder: Path) -> None:
        self.bucket = folder / "bucket"

    def environment(self) -> dict[str, str]:
        return {"DESTINATION__FILESYSTEM__BUCKET_URL": str(self.bucket)}

    @property
    def folder(self) -> Path:
        return self.bucket / self.dataset


@pytest.fixture
def database(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.mark.parametrize("tested", ["models", "and_tests"])
def test_marts_on_spark_are_the_views(
    make_harness: MakeHarness, database: Files, tmp_path: Path, tested: str
) -> None:
    assert PYTHON.exists(), "Spark is not there: run make .venv/.lakehouse-ready"
    harness = make_harness(2, workspaces=2)
    harness.versions[harness.world.workspaces[1].uid] = "v4"
    harness.sync()
    harness.world.advance(days=6)
    harness.sync()
    project = tmp_path / "pipelines" / "lakehouse"
    shutil.copytree(PROJECT, project)
    (tmp_path / "sql").symlink_to(ROOT / "sql")
    names = {"lake": str(database.folder), "captaindata_append_only": True}
    chosen = ["--resource-type", "model"]
    if tested != "models":
        chosen = ["--exclude", "source:captaindata", "source:captaindata_views"]
        names["captaindata_unit_tests"] = True
    _, built = run(project, [["deps"], ["build", *chosen, "--vars", json.dumps(names)]])
    views = load_views()
    assert len(built["statuses"]) > len(views)
    assert set(built["statuses"].values()) <= {"success", "pass", "no-op"}, built
    expected = our_views(database, tmp_path)
    marts = project / "spark-warehouse" / "marts.db"
    filled = set()
    for view in views:
        columns = ", ".join(view.columns)
        wanted = expected.execute(f"select {columns} from captaindata_views.{view.name}")
        found = mart_rows(marts / f"captaindata__{view.name}", view.name)
        assert counted(found) == counted(wanted), view.name
        filled |= {view.name} if wanted else set()
    assert len(filled) > 18, filled


def run(project: Path, commands: list[list[str]]) -> list[dict[str, Any]]:
    """Runs dbt's commands in a process. Returns their answers."""
    done = subprocess.run(
        [PYTHON, "-I", dbt_run.__file__],
        cwd=project,
        env={
            **{name: os.environ[name] for name in ("PATH", "JAVA_HOME") if name in os.environ},
            "HOME": str(project),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DBT_QUIET": "true",
            "DBT_LOG_LEVEL_FILE": "none",
            "DBT_PROFILES_DIR": str(SETTINGS),
            "SPARK_CONF_DIR": str(SETTINGS),
            "SPARK_LOCAL_IP": "127.0.0.1",
        },
        input="".join(f"{json.dumps(command)}\n" for command in commands),
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=True,
    )
    answers: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    for answer in answers:
        assert answer["is_success"], f"{answer['error']}\n{done.stderr}"
        assert answer["network"] == [], "dbt is to stay off the network"
    return answers


def our_views(files: Files, folder: Path) -> DuckDb:
    """A DuckDB file with the rows of the files that count, and our views on them."""
    found = DuckDb(folder)
    create_tables(found)
    found.execute(f"delete from {LOADS}")
    columns = "columns = {load_id: 'varchar', status: 'bigint', inserted_at: 'timestamptz'}"
    found.execute(
        f"insert into {LOADS} by name "
        f"select * from read_json('{files.folder}/{LOADS}/*.jsonl', {columns})"
    )
    for name, types in staged_tables().items():
        if name == LOADS or not [*(files.folder / name).glob("[!.]*")]:
            continue
        table = RAW_TABLES[name]
        if table.file_format is None:
            listed = ", ".join(
                f"'{each}': '{TYPES['duckdb'][kind]}'" for each, kind in types.items()
            )
            source = f"read_json('{files.folder}/{name}/*', columns = {{{listed}}})"
        else:
            source = f"read_parquet('{files.folder}/{name}/*.parquet', union_by_name = true)"
        there = {row["column_name"] for row in found.execute(f"describe from {source}")}
        key = ", ".join(table.key)
        newest = f"_dlt_load_id = max(_dlt_load_id) over (partition by {key})"
        if not table.replaces_by_key:
            later = ", loaded_at desc" if "loaded_at" in there else ""
            newest = f"row_number() over (partition by {key} order by _dlt_load_id desc{later}) = 1"
        chosen = ", ".join(each for each in types if each in there)
        found.execute(
            f"insert into {name} by name select {chosen} "
            f"from {source} where _dlt_load_id in (select load_id from {LOADS} where status = 0) "
            f"qualify {newest}{' and _deleted is not true' if '_deleted' in there else ''}"
        )
    create_views(found)
    return found


def mart_rows(folder: Path, view: str) -> list[Row]:
    """The rows that Spark wrote."""
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        cursor = connection.execute(f"from read_parquet('{folder}/*.parquet')")
        names = [column[0] for column in cursor.description or []]
        types = view_types()[view]
        assert names == [*types]
        return [
            {
                name: _value(value, is_json=types[name] == "json")
                for name, value in zip(names, values, strict=True)
            }
            for values in cursor.fetchall()
        ]


def _value(value: Any, *, is_json: bool) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return json.loads(value) if is_json and value is not None else value


def counted(rows: list[Row]) -> Counter[str]:
    """Rows by their values; numbers have nine places, keys of JSON have no order."""
    return Counter(repr({name: _same(value) for name, value in row.items()}) for row in rows)


def _same(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        return json.dumps(value, sort_keys=True)
    return round(value, 9) if isinstance(value, float) else value
