"""The scripts in `pipelines/` run as they are against the sandbox."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from captaindata_source.sandbox import World, example_secrets
from tests.support import sql_readme
from tests.support.databases import Database, DuckDb, Postgres
from tests.support.faulty_sandbox import FaultySandbox
from tests.support.harness import Harness
from tests.support.oracle import Oracle, assert_equal

pytestmark = pytest.mark.integration

SCRIPTS = Path(__file__).parents[2] / "pipelines"


@pytest.fixture
def sandbox() -> Iterator[FaultySandbox]:
    with FaultySandbox(World(6, jobs_per_day=0.1, mean_results=6, workflows=6)) as sandbox:
        yield sandbox


def run_script(name: str, folder: Path, environment: dict[str, str]) -> str:
    base = {"PATH": os.environ["PATH"], "HOME": str(folder), "DLT_DATA_DIR": str(folder / "dlt")}
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / name)],
        cwd=folder,
        env={**base, "RUNTIME__DLTHUB_TELEMETRY": "false", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def one_workspace(sandbox: FaultySandbox) -> dict[str, str]:
    workspace = sandbox.world.workspaces[0]
    return {
        "SOURCES__CAPTAINDATA__API_KEY": workspace.api_key,
        "SOURCES__CAPTAINDATA__PROJECT_UID": workspace.uid,
        "SOURCES__CAPTAINDATA__BASE_URL": sandbox.base_url,
    }


def assert_loaded(sandbox: FaultySandbox, database: Database, folder: Path, *, both: bool) -> None:
    oracle = Oracle(sandbox.world)
    oracle.look(*sandbox.world.workspaces[: 2 if both else 1])
    assert_equal(Harness(sandbox, database, folder), oracle)


def test_duckdb_and_the_demo_leaves_that_warehouse_alone(
    sandbox: FaultySandbox, tmp_path: Path
) -> None:
    output = run_script("duckdb_pipeline.py", tmp_path, one_workspace(sandbox))
    assert "LOADED" in output
    assert_loaded(sandbox, DuckDb(tmp_path), tmp_path, both=False)
    (tmp_path / "warehouse.duckdb").rename(tmp_path / "demo.duckdb")
    before = (tmp_path / "demo.duckdb").read_bytes()
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / "demo.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "holds other data than this demo's" in done.stdout
    assert (tmp_path / "demo.duckdb").read_bytes() == before


def test_postgres(sandbox: FaultySandbox, tmp_path: Path, default_postgres: Postgres) -> None:
    database = default_postgres
    environment = {**one_workspace(sandbox), **database.environment()}
    output = run_script("postgres_pipeline.py", tmp_path, environment)
    assert "LOADED" in output
    assert_loaded(sandbox, database, tmp_path, both=False)


def test_several_workspaces(sandbox: FaultySandbox, tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "secrets.toml").write_text(
        example_secrets(sandbox.world, sandbox.base_url), encoding="utf-8"
    )
    output = run_script("several_workspaces_pipeline.py", tmp_path, {})
    assert output.count("LOADED") == 2
    assert_loaded(sandbox, DuckDb(tmp_path), tmp_path, both=True)


def test_orchestrated_sync(sandbox: FaultySandbox, tmp_path: Path) -> None:
    growth, sales = sandbox.world.workspaces
    environment = {
        "SOURCES__CAPTAINDATA__BASE_URL": sandbox.base_url,
        "GROWTH_API_KEY": growth.api_key,
        "GROWTH_PROJECT_UID": growth.uid,
        "SALES_API_KEY": sales.api_key,
        "SALES_PROJECT_UID": sales.uid,
    }
    output = run_script("orchestrated_sync.py", tmp_path, environment).splitlines()
    assert output[0].split() == ["growth", "sales"]
    assert "outcome                 loaded  loaded" in output
    assert_loaded(sandbox, DuckDb(tmp_path), tmp_path, both=True)


def test_demo_prints_what_readme_shows(tmp_path: Path) -> None:
    output = run_script("demo.py", tmp_path, {})
    first, second = output.split("Second sync:")
    rows = {
        line.rsplit(maxsplit=2)[0]: line.split()[-2:]
        for line in second.splitlines()
        if line.startswith(("  ", "results", "outcome"))
    }
    assert first.count("loaded     loaded") == 1
    assert rows["outcome"] == ["loaded", "loaded"]
    assert rows["  workflows"][0] == "0", "of v4, each that ran has a newer last run"
    assert all(int(count) > 0 for count in rows["  jobs"])
    skipped = [int(count) for count in rows["results skipped (jobs)"]]
    assert skipped[0] > 100
    assert 0 < skipped[1] < 100, "v4 lists only what changed lately"
    assert (tmp_path / "demo.duckdb").exists()
    assert not (tmp_path / "warehouse.duckdb").exists()
    assert second.count("┌") == 4, "four little tables"
    assert re.search(r"  identities +- +[1-9]", first)
    assert "full_name" in second
    assert_as_in_readme(second, tmp_path / "demo.duckdb")


def assert_as_in_readme(printed: str, warehouse: Path) -> None:
    readme = (SCRIPTS.parent / "README.md").read_text(encoding="utf-8")
    [summary, *outputs] = re.findall(r"```text\n(.*?)```", readme, re.DOTALL)
    assert [
        line
        for line in summary.splitlines()
        if line not in printed.splitlines() and not line.startswith("API calls")
    ] == []
    queries = re.findall(r"```sql\n(.*?)```\n\n```text", readme, re.DOTALL)
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        for query, output in zip(queries, outputs, strict=True):
            found = connection.execute(query)
            names = [column[0] for column in found.description or []]
            rows = [dict(zip(names, values, strict=True)) for values in found.fetchall()]
            assert f"{sql_readme.printed(rows)}\n" == output
