"""Lakes and SQLAlchemy: each sync leaves what the sandbox holds, and fetches only what is new."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from captaindata_source.sandbox import World
from tests.conftest import SMALL_WORLD
from tests.support.faulty_sandbox import FaultySandbox
from tests.support.lakes import DuckLake, Engine, EngineHarness, Lake, Sqlite
from tests.support.mishaps import DIE_IN
from tests.support.oracle import Oracle, assert_equal

pytestmark = pytest.mark.integration

MakeEngine = Callable[..., EngineHarness]
COMMIT = "dlt.destinations.impl.filesystem.filesystem:FilesystemClient.complete_load:1"


@pytest.fixture
def make_engine(tmp_path: Path) -> Iterator[MakeEngine]:
    """Makes a harness over a small world and a destination of `.venv/engines`."""
    opened: list[Any] = []

    def make(engine: Engine, seed: int = 2, **options: object) -> EngineHarness:
        sandbox = FaultySandbox(World(seed, **SMALL_WORLD | options))  # type: ignore[arg-type]
        sandbox.start()
        opened.append(sandbox.stop)
        harness = EngineHarness(sandbox, engine, tmp_path)
        opened.append(harness.close)
        return harness

    yield make
    for end in reversed(opened):
        end()


def follow(harness: EngineHarness, oracle: Oracle, *, said: str) -> None:
    """Syncs as the world moves on; results of jobs become fewer, and none."""
    sizes: dict[Any, int] = {}
    kinds: set[str] = set()
    for days in (2, 3, 0):
        oracle.look()
        synced = harness.sync()
        told = [line for line in synced.stderr.splitlines() if "warning" in line.lower()]
        assert [line for line in told if said not in line] == []
        assert len(told) == bool(said)
        assert_equal(harness, oracle)
        for job, rows in oracle.results.items():
            was, now = sizes.get(job, len(rows)), len(rows)
            kinds.add("gone" if was and not now else "less" if now < was else "other")
            sizes[job] = now
        harness.world.advance(days=days)
    assert {"gone", "less"} <= kinds
    again = harness.sync()
    assert again.paths("/results") == []
    assert_equal(harness, oracle)


@pytest.mark.parametrize("table_format", ["delta", "iceberg"])
def test_a_lake_holds_what_the_sandbox_holds(
    make_engine: MakeEngine, tmp_path: Path, table_format: str
) -> None:
    lake = Lake(tmp_path, table_format)
    harness = make_engine(lake)
    oracle = Oracle(harness.world)
    follow(harness, oracle, said="Destination filesystem: no views are made there")
    for table in ("job_results", "successful_jobs"):
        assert {row["_deleted"] for row in harness.rows(table)} == {None}
    harness.world.advance(days=2)
    oracle.look()
    same: dict[str, Any] = {"data_dir": str(tmp_path / "kept")}
    harness.extra[DIE_IN] = COMMIT
    harness.sync(expect=-9, **same)  # all is there but the commit
    del harness.extra[DIE_IN]
    resumed = harness.sync(**same)
    assert resumed.paths("/results") == []
    assert_equal(harness, oracle)
    loads = lake.bucket / lake.dataset / "_dlt_loads"
    [*_, newest] = sorted(loads.iterdir())
    newest.unlink()  # the same, and dlt's working folder is lost
    harness.sync()
    assert_equal(harness, oracle)
    other = {"delta": "iceberg", "iceberg": "delta"}[table_format]
    refused = harness.sync("--table-format", other, expect=1)
    [error] = [each["error"] for each in refused.workspaces.values()]
    assert f"holds {table_format} tables, not {other} tables" in error
    assert_equal(harness, oracle)


def test_sqlite_holds_what_the_sandbox_holds(make_engine: MakeEngine, tmp_path: Path) -> None:
    sqlite = Sqlite(tmp_path)
    harness = make_engine(sqlite, workspaces=2)
    oracle = Oracle(harness.world)
    follow(harness, oracle, said="Destination sqlalchemy: no views are made there")
    sqlite.execute("alter table jobs drop column sync_mode")  # as an earlier version left it
    harness.sync()
    assert "sync_mode" in sqlite.execute("select * from jobs")[0]
    assert_equal(harness, oracle)
    for file in tmp_path.glob("warehouse__captaindata_staging_*.db"):
        sqlite.dataset = file.stem.removeprefix("warehouse__")
        names = [row["name"] for row in sqlite.execute("select name from sqlite_master")]
        assert "jobs_captaindata_key" in names, "merges compare each row with each"


def test_ducklake_holds_what_the_sandbox_holds(make_engine: MakeEngine, tmp_path: Path) -> None:
    lake = DuckLake(tmp_path)
    harness = make_engine(lake, workspaces=2)
    lake.read("extensions")
    harness.extra["SOURCES__CAPTAINDATA__CREATE_VIEWS"] = "true"
    oracle = Oracle(harness.world)
    oracle.look()
    second = harness.new_runner("second")
    try:  # two processes at once, a workspace each
        configs = [harness.config(workspace) for workspace in harness.world.workspaces]
        runners = (harness.runner, second)
        names = [
            harness.begin(runner, configs=[config])
            for runner, config in zip(runners, configs, strict=True)
        ]
        for runner, name in zip(runners, names, strict=True):
            synced = harness.end(runner, name)
            assert synced.code == 0, f"{synced.summary}\n{synced.stderr}"
    finally:
        second.close()
    assert_equal(harness, oracle)
    harness.world.advance(days=2)
    oracle.look()
    harness.extra["SOURCES__CAPTAINDATA__ALERTS"] = "true"
    synced = harness.sync()
    assert "WARNING" not in synced.stderr
    assert synced.summary["alerts"]["new"], synced.summary["alerts"]
    assert_equal(harness, oracle)
    views = lake.execute(
        "select view_name from duckdb_views() "
        "where schema_name = 'captaindata_views' and database_name = 'lake'"
    )
    assert len(views) > 30
    names = [row["view_name"] for row in views]
    counts = lake.read(
        "ducklake",
        f"sqlite:{lake.catalog}",
        {name: f'select count(*) as rows from captaindata_views."{name}"' for name in names},
    )
    assert counts["jobs"] == [{"rows": len(harness.rows("jobs"))}]
