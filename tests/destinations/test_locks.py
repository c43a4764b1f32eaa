"""One sync of a workspace at a time, from whichever folder; a lock dies with its process."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import dlt
import duckdb
import psycopg2
import pytest

from captaindata_source.warehouse.turns import Turn, alone
from tests.support import mishaps
from tests.support.databases import Postgres
from tests.support.faults import Fault
from tests.support.harness import Harness
from tests.support.marks import INTEGRATION
from tests.support.oracle import Oracle, assert_equal
from tests.support.statements import run_on
from tests.support.waiting import wait_for_results

ON_POSTGRES = pytest.mark.parametrize("database", ["postgres"], indirect=True)
SLOWLY = Fault(match="/results$", kind="drip", seconds=0.01, size=500)


@contextmanager
def stopped(process: ForkServerProcess) -> Iterator[int]:
    """Stops a process for a while. Gives its pid."""
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield process.pid
    finally:
        os.kill(process.pid, signal.SIGCONT)


def listings(harness: Harness) -> int:
    """How often the workflows were listed: each sync does it once."""
    return sum(request.path == "/v3/workflows" for request in harness.sandbox.log.entries)


def begun(harness: Harness, **environment: Any) -> tuple[ForkServerProcess, str]:
    """A sync that fetches results."""
    harness.sandbox.log.clear()
    harness.sandbox.faults.add(SLOWLY)
    process, name = harness.start(**environment)
    wait_for_results(harness)
    return process, name


@pytest.mark.parametrize(
    ("database", "folders"),
    [
        ("duckdb", "one folder"),
        pytest.param("duckdb", "two folders", marks=pytest.mark.integration),
        ("postgres", "two folders"),
    ],
    indirect=["database"],
)
def test_two_syncs_of_one_workspace_the_second_says_so_and_ends(
    harness: Harness, folders: str
) -> None:
    oracle = Oracle(harness.world)
    oracle.look()
    first, second = (str(harness.folder / name) for name in ("first", "second"))
    process, name = begun(harness, data_dir=first)
    with stopped(process) as pid:
        harness.sandbox.faults.clear()
        data_dir = first if folders == "one folder" else second
        done = harness.finish(*harness.start(data_dir=data_dir))
    assert listings(harness) == 1
    assert done.code == 1
    error = done.summary["workspaces"][0]["error"]
    assert error.startswith("Another sync of this workspace into this destination is running (")
    assert f"process {pid} on " in error
    assert ", since 20" in error
    assert error.endswith("): wait for it to end")
    assert harness.finish(process, name).code == 0
    assert_equal(harness, oracle)
    runs = {row["outcome"] for row in harness.rows("sync_runs")}
    assert runs == {"loaded", "failed"}


@pytest.mark.parametrize(
    "database", [pytest.param("duckdb", marks=INTEGRATION), "postgres"], indirect=True
)
def test_a_killed_sync_keeps_nobody_away(harness: Harness) -> None:
    oracle = Oracle(harness.world)
    oracle.look()
    process, _ = begun(harness)
    process.kill()
    process.join()
    harness.sandbox.faults.clear()
    harness.sync()
    assert_equal(harness, oracle)


@pytest.mark.parametrize(
    ("database", "names"),
    [
        ("warehouse.duckdb", [".warehouse.duckdb."]),
        ("warehouse", [".warehouse."]),
        (":memory:", []),
    ],
)
def test_a_lock_is_beside_each_file(tmp_path: Path, database: str, names: list[str]) -> None:
    credentials = database if database[0] == ":" else str(tmp_path / database)
    if database[0] == ":":
        credentials = duckdb.connect(credentials)  # type: ignore[assignment]
    pipeline = dlt.pipeline(
        "alone",
        destination=dlt.destinations.duckdb(credentials),
        dataset_name="x",
        pipelines_dir=str(tmp_path / "pipelines"),
    )
    with alone(pipeline, workspace_uid="w"):
        found = [path.name for path in tmp_path.glob(".*.lock")]
    assert [name[: -len("01234567.lock")] for name in found] == names


def session_of(pid: int) -> str:
    """A condition on `pg_stat_activity`: the session with the lock of a sync."""
    return f"application_name like 'captaindata sync, process {pid} on %'"


@INTEGRATION
@ON_POSTGRES
def test_a_lost_lock_is_taken_again(harness: Harness, postgres: Postgres) -> None:
    oracle = Oracle(harness.world)
    oracle.look()
    process, name = begun(harness)
    with stopped(process) as pid:
        end = "select pg_terminate_backend(pid) from pg_stat_activity where"
        assert run_on(postgres, f"{end} {session_of(pid)}") == [(True,)]
        harness.sandbox.faults.clear()
    done = harness.finish(process, name)
    assert done.code == 0, done.summary
    assert_equal(harness, oracle)


@pytest.mark.integration
@ON_POSTGRES
def test_a_lost_lock_that_another_sync_has_taken_ends_the_sync(
    harness: Harness, postgres: Postgres
) -> None:
    oracle = Oracle(harness.world)
    oracle.look()
    few = {"captaindata_source.warehouse.database.session_lock:RETAKE_TRIES": 2}
    harness.extra[mishaps.CONSTANTS] = json.dumps(few)
    process, name = begun(harness)
    other = psycopg2.connect(postgres.uri)
    with other.cursor() as cursor, stopped(process) as pid:
        cursor.execute(
            "select l.classid::bigint, l.objid::bigint, pg_terminate_backend(a.pid) "
            "from pg_stat_activity as a inner join pg_locks as l on l.pid = a.pid "
            f"where l.locktype = 'advisory' and {session_of(pid)}"
        )
        ((first, second, _),) = cursor.fetchall()
        # waits until the session has ended
        signed = [key - 2**32 if key >= 2**31 else key for key in (first, second)]
        cursor.execute("select pg_advisory_lock(%s, %s)", signed)
    done = harness.finish(process, name)
    assert done.code == 1
    error = done.summary["workspaces"][0]["error"]
    assert "another one began meanwhile" in error
    assert "Postgres session" in error
    other.close()
    harness.sandbox.faults.clear()
    harness.sync()
    assert_equal(harness, oracle)


@INTEGRATION
@pytest.mark.integration
@ON_POSTGRES
def test_a_lost_lock_that_another_sync_had_meanwhile_ends_the_sync(
    harness: Harness, postgres: Postgres
) -> None:
    oracle = Oracle(harness.world)
    oracle.look()
    folder = str(harness.folder / "kept")
    process, name = begun(harness, data_dir=folder)
    with stopped(process) as pid:
        end = "select pg_terminate_backend(pid) from pg_stat_activity where"
        assert run_on(postgres, f"{end} {session_of(pid)}") == [(True,)]
        harness.sandbox.faults.clear()
        harness.sync()
    done = harness.finish(process, name)
    assert done.code == 1
    error = done.summary["workspaces"][0]["error"]
    assert "another one began meanwhile (which has ended)" in error
    again = harness.sync(data_dir=folder)
    assert "the workspace was synced since" in again.stderr
    assert_equal(harness, oracle)


def test_a_short_turn_is_asked_for_by_others_alone(tmp_path: Path) -> None:
    """Who has a short turn gives way to nobody: it would be to itself."""
    file = dlt.destinations.duckdb(str(tmp_path / "warehouse.duckdb"))
    here, there = (
        dlt.pipeline(
            "turns", destination=file, dataset_name="d", pipelines_dir=str(tmp_path / name)
        )
        for name in ("here", "there")
    )
    with alone(here, workspace_uid="w", is_short=True) as short:
        assert not short.is_knocked
        assert Turn(there, "w").is_knocked
    with alone(here, workspace_uid="w") as usual:
        assert not usual.is_knocked
