"""The copy of the views of a DuckDB file: what it holds, who can read it, when it is made again."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import Any

import duckdb
import pytest

from captaindata_source.assistant.on_duckdb import DuckDbReader
from tests.support.assistants import ask, fill, reader_of
from tests.support.databases import DuckDb
from tests.support.marks import INTEGRATION

JOBS = ("query", {"sql": "select count(*) as jobs from jobs"})
SCHEMA = "captaindata_views"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = DuckDb(tmp_path_factory.mktemp("filled"))
    fill(where)
    return where.path


@pytest.fixture
def where(filled: Path, tmp_path: Path) -> DuckDb:
    found = DuckDb(tmp_path)
    shutil.copy(filled, found.path)
    return found


def test_it_holds_the_views_for_its_owner_and_is_made_again_after_a_change(where: DuckDb) -> None:
    with reader_of(where) as reader:
        [first] = ask(reader, [JOBS])
        folder = where.path.parent / ".warehouse.duckdb.mcp"
        copy = folder / f"views_of_{SCHEMA}.duckdb"
        assert sorted(path.name for path in folder.iterdir()) == [".lock", copy.name]
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        with duckdb.connect(str(copy), read_only=True) as connection:
            relations = connection.execute(
                "select schema_name, table_name from duckdb_tables() union all "
                "select schema_name, view_name from duckdb_views() where not internal"
            ).fetchall()
        with duckdb.connect(str(where.path)) as connection:  # nothing holds it meanwhile
            views = connection.execute(
                "select schema_name, view_name from duckdb_views() where schema_name = $1", [SCHEMA]
            ).fetchall()
            connection.execute("delete from captaindata.jobs where uid = 'f0'")
        assert sorted(relations) == sorted(views)
        os.utime(where.path)
        [second] = ask(reader, [JOBS])
        assert [first.rows, second.rows] == [[{"jobs": 3}], [{"jobs": 2}]]
        made = copy.stat().st_ino
        assert ask(reader, [JOBS])[0].rows == [{"jobs": 2}]
        assert copy.stat().st_ino == made, "nothing changed"


@INTEGRATION
def test_the_last_one_serves_while_a_sync_holds_the_file(where: DuckDb) -> None:
    with reader_of(where) as reader:
        [first] = ask(reader, [JOBS])
        with duckdb.connect(str(where.path)) as connection:
            connection.execute("delete from captaindata.jobs; checkpoint")
            os.utime(where.path)
            [held] = ask(reader, [JOBS])
    assert held == first
    with reader_of(where) as reader:
        assert ask(reader, [JOBS])[0].rows == [{"jobs": 0}]


@INTEGRATION
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("held", "another process, such as a sync, holds"),
        ("gone", "run `captaindata sync` first"),
        ("dropped", "the warehouse has no views"),
        ("rubbish", "The query failed"),
    ],
)
def test_without_a_copy_the_reason_is_said(where: DuckDb, change: str, said: str) -> None:
    with reader_of(where) as reader:
        held: Any = None
        if change == "gone":
            where.path.unlink()
        elif change == "rubbish":
            where.path.write_bytes(b"this is no database" * 1_000)
        else:
            held = duckdb.connect(str(where.path))
            if change == "dropped":
                held.execute(f"drop schema {SCHEMA} cascade")
                held.close()
        [found] = ask(reader, [JOBS])
        if change == "held":
            held.close()
    assert said in found.error
    folder = where.path.parent / ".warehouse.duckdb.mcp"
    assert [path.name for path in folder.iterdir()] == [".lock"]


@INTEGRATION
def test_a_broken_view_and_a_killed_copy_are_no_hindrance(where: DuckDb) -> None:
    with duckdb.connect(str(where.path)) as connection:
        connection.execute("create table captaindata.lost (a int)")
        connection.execute(f"create view {SCHEMA}.broken as select * from captaindata.lost")
        connection.execute("drop table captaindata.lost")
    folder = where.path.parent / ".warehouse.duckdb.mcp"
    folder.mkdir()
    (folder / f"views_of_{SCHEMA}.part").write_bytes(b"half")
    with reader_of(where) as reader:
        jobs, views = ask(reader, [JOBS, ("list_views", {})])
    assert jobs.rows == [{"jobs": 3}]
    assert "broken" not in {row["view"] for row in views.rows}


def test_a_folder_of_others_is_not_used(where: DuckDb, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / ".warehouse.duckdb.mcp").symlink_to(elsewhere)
    reader = DuckDbReader(where.path, SCHEMA, {})
    try:
        assert reader.folder.parent != tmp_path
        assert stat.S_IMODE(reader.folder.stat().st_mode) == 0o700
    finally:
        reader.close()
    assert not reader.folder.exists()
    assert [*elsewhere.iterdir()] == []
