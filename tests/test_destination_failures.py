"""The destination fails: one line says what to do, exit 1, and the next sync is exact."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import psycopg2
import pytest

from tests.support import mishaps
from tests.support.databases import Postgres
from tests.support.harness import Harness, Synced
from tests.support.oracle import Oracle, assert_equal
from tests.support.waiting import wait_for, wait_for_results

ON_DUCKDB = pytest.mark.parametrize("database", ["duckdb"], indirect=True)
ON_POSTGRES = pytest.mark.parametrize("database", ["postgres"], indirect=True)
PASSWORD = "hidden-word"
IN_A_MOMENT = json.dumps(
    {
        "captaindata_source.loading:LOAD_WAITS": [0.05, 0.05],
        "captaindata_source.locks:FILE_SECONDS": 0.3,
    }
)


@pytest.fixture
def oracle(harness: Harness) -> Oracle:
    """What the sandbox holds; it does not change."""
    oracle = Oracle(harness.world)
    oracle.look()
    return oracle


def assert_failed(synced: Synced, *texts: str) -> None:
    """Exit 1, a message with each text, no traceback, no password, and no long wait."""
    assert synced.code == 1, synced.stderr
    (report,) = synced.summary["workspaces"]
    assert report["outcome"] == "failed"
    for text in texts:
        assert text in report["error"]
    assert "\n" not in report["error"]
    assert "Traceback" not in synced.stderr
    assert PASSWORD not in synced.stderr + json.dumps(synced.summary)
    assert report["seconds"] < 30


def assert_next_is_exact(harness: Harness, oracle: Oracle, **environment: Any) -> Synced:
    harness.extra.clear()
    synced = harness.sync(**environment)
    assert_equal(harness, oracle)
    return synced


# -- a full disk -----------------------------------------------------------------------------------

FULL_FILE = "The disk of the DuckDB file is full: free some space there"
FULL_FOLDER = (
    "The disk of dlt's working folder is full: free some space, or let DLT_DATA_DIR name a folder"
)


@pytest.mark.parametrize(
    ("database", "size", "message"),
    [
        ("duckdb", 2_000, FULL_FILE),
        ("duckdb", 200_000, FULL_FILE),
        ("postgres", 20_000, FULL_FOLDER),
    ],
    ids=["new file", "log", "results"],
    indirect=["database"],
)
def test_a_full_disk(harness: Harness, oracle: Oracle, size: int, message: str) -> None:
    folder = str(harness.folder / "kept")
    harness.extra[mishaps.MAX_FILE_BYTES] = str(size)
    assert_failed(harness.sync(expect=1, data_dir=folder), message, "File too large")
    assert_next_is_exact(harness, oracle, data_dir=folder)


# -- Postgres is gone ------------------------------------------------------------------------------

END_ALL = (
    "select pg_terminate_backend(pid) from pg_stat_activity "
    "where pid <> pg_backend_pid() and backend_type = 'client backend'"
)


@contextmanager
def postgres_gone(database: Postgres) -> Iterator[None]:
    """Ends every session as soon as there is one."""
    connection = psycopg2.connect(database.uri)
    connection.autocommit = True
    is_back = threading.Event()

    def end_sessions() -> None:
        with connection.cursor() as cursor:
            while not is_back.wait(0.005):
                cursor.execute(END_ALL)

    thread = threading.Thread(target=end_sessions)
    thread.start()
    try:
        yield
    finally:
        is_back.set()
        thread.join()
        connection.close()


@ON_POSTGRES
def test_postgres_is_gone_for_the_rest_of_a_sync(
    harness: Harness, oracle: Oracle, postgres: Postgres
) -> None:
    harness.extra[mishaps.CONSTANTS] = IN_A_MOMENT
    folder = str(harness.folder / "kept")
    harness.sandbox.log.clear()
    process, name = harness.start(data_dir=folder)
    wait_for_results(harness)
    with postgres_gone(postgres):
        done = harness.finish(process, name)
    assert_failed(done, "Postgres")
    again = assert_next_is_exact(harness, oracle, data_dir=folder)
    assert not again.paths("/results"), "the package was there"


@ON_POSTGRES
def test_postgres_restarts_within_a_load(
    harness: Harness, oracle: Oracle, postgres: Postgres
) -> None:
    def is_loading() -> object:
        found = "select 1 from pg_tables where schemaname like %s and tablename = 'job_results'"
        return postgres.execute(found, [f"{postgres.dataset}%"])

    harness.extra[mishaps.CONSTANTS] = IN_A_MOMENT
    process, name = harness.start()
    wait_for(is_loading)
    postgres.execute(END_ALL)
    done = harness.finish(process, name)
    assert done.code == 0, done.summary
    assert "The connection to Postgres broke" in done.stderr
    assert_equal(harness, oracle)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("loader:{}@127.0.0.1:9/none", "Postgres can't be reached: see that it runs"),
        ("loader:{}@localhost/none?host=/nowhere", "Postgres can't be reached: see that it runs"),
        ("nobody:{}@localhost/postgres?host=<socket>", "Postgres refuses the login: check user"),
        ("postgres:{}@localhost/nodb?host=<socket>", "Postgres refuses the login: check user"),
        ("postgres:{}@localhost:99999/none", "The address of Postgres can't be used: check host"),
    ],
)
@ON_POSTGRES
def test_a_postgres_that_can_not_be_used(
    harness: Harness, postgres: Postgres, uri: str, message: str
) -> None:
    uri = uri.format(PASSWORD).replace("<socket>", str(postgres.socket_folder))
    harness.extra["DESTINATION__POSTGRES__CREDENTIALS"] = f"postgresql://{uri}"
    done = harness.sync(expect=1)
    assert_failed(done, message, "destination.postgres.credentials")
    assert done.requests == []
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("grants", "message"),
    [
        (
            "alter role weak set default_transaction_read_only = on;"
            "grant create on database postgres to weak",
            "Postgres takes no writes, for default_transaction_read_only is on for role weak",
        ),
        ("", 'let an administrator run grant create on database "postgres" to "weak"'),
    ],
    ids=["read-only", "no right to create"],
)
@ON_POSTGRES
def test_a_role_that_may_not_write(
    harness: Harness, postgres: Postgres, grants: str, message: str
) -> None:
    uri = postgres.uri.replace("postgres:x@", f"weak:{PASSWORD}@")
    postgres.execute(f"create role weak login password '{PASSWORD}'; {grants}")
    harness.extra["DESTINATION__POSTGRES__CREDENTIALS"] = uri
    done = harness.sync(expect=1)
    assert_failed(done, message)
    assert done.requests == []
    postgres.execute("drop owned by weak; drop role weak")


# -- a DuckDB file that can't be written -----------------------------------------------------------

HELD = (
    "The DuckDB file is open in another process, and one alone may write to it: close it there, "
    "and let readers use the copy that publish_copy leaves"
)


@contextmanager
def held(path: Path, *, is_read_only: bool) -> Iterator[None]:
    """Holds a DuckDB file open, as soon as that is possible."""
    connections: list[duckdb.DuckDBPyConnection] = []

    def is_open() -> bool:
        try:
            connections.append(duckdb.connect(str(path), read_only=is_read_only))
        except duckdb.IOException:
            return False
        return True

    wait_for(is_open)
    try:
        yield
    finally:
        connections[0].close()


@ON_DUCKDB
def test_a_file_that_a_tool_holds_at_the_start(harness: Harness, oracle: Oracle) -> None:
    path = harness.folder / "warehouse.duckdb"
    duckdb.connect(str(path)).close()
    for is_read_only in (True, False):
        harness.extra[mishaps.CONSTANTS] = IN_A_MOMENT
        with held(path, is_read_only=is_read_only):
            done = harness.sync(expect=1)
        assert_failed(done, HELD, "PID")
        assert done.requests == []
        assert f"WARNING {HELD}" in done.stderr
    assert_next_is_exact(harness, oracle)


@ON_DUCKDB
@pytest.mark.parametrize("lets_go", [True, False], ids=["for a while", "for long"])
def test_a_file_that_a_tool_takes_between_two_packages(
    harness: Harness, oracle: Oracle, lets_go: bool
) -> None:
    folder = str(harness.folder / "kept")
    path = harness.folder / "warehouse.duckdb"
    harness.extra["SOURCES__CAPTAINDATA__PACKAGE_MAX_RESULTS"] = "50"
    if not lets_go:
        harness.extra[mishaps.CONSTANTS] = IN_A_MOMENT
    harness.sandbox.log.clear()
    process, name = harness.start(data_dir=folder)
    wait_for_results(harness)
    log = harness.folder / f"{name}.err"
    with held(path, is_read_only=False):
        wait_for(lambda: "Waiting for up to" in log.read_text(encoding="utf-8"))
        if not lets_go:
            wait_for(lambda: not process.is_alive())
    done = harness.finish(process, name)
    if lets_go:
        assert done.code == 0, done.summary
        assert_equal(harness, oracle)
    else:
        assert_failed(done, HELD)
        assert_next_is_exact(harness, oracle, data_dir=folder)


@ON_DUCKDB
def test_a_file_that_is_opened_read_only(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    path = harness.folder / "warehouse.duckdb"
    duckdb.connect(str(path)).close()
    credentials = "DESTINATION__DUCKDB__CREDENTIALS"
    options = {f"{credentials}__DATABASE": str(path), f"{credentials}__READ_ONLY": "true"}
    monkeypatch.setattr(harness.database, "environment", lambda: options)
    done = harness.sync(expect=1)
    assert_failed(done, "The DuckDB file is opened read-only: take read_only out of")
    assert done.requests == []


@ON_DUCKDB
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("warehouse.duckdb", "The DuckDB file can't be written: give this user the right to"),
        ("", "can't be written (Permission denied): DuckDB needs it for its log"),
    ],
    ids=["file", "folder"],
)
def test_a_file_without_the_right_to_write_it(harness: Harness, name: str, message: str) -> None:
    folder = harness.folder / "read-only"
    folder.mkdir()
    file = folder / "warehouse.duckdb"
    duckdb.connect(str(file)).close()
    (folder / name).chmod(0o500)
    harness.extra |= {
        mishaps.HEEDS_MODES: "1",
        "DESTINATION__DUCKDB__CREDENTIALS": str(file),
    }
    done = harness.sync(expect=1)
    (folder / name).chmod(0o700)
    assert_failed(done, message, "destination.duckdb.credentials")
    assert done.requests == []


@ON_DUCKDB
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no/such.duckdb", "does not exist: make it, or name another file"),
        ("text.duckdb", "The DuckDB file is no database, or a damaged one"),
    ],
)
def test_a_file_that_is_none(harness: Harness, name: str, message: str) -> None:
    (harness.folder / "text.duckdb").write_text("not a database", encoding="utf-8")
    harness.extra["DESTINATION__DUCKDB__CREDENTIALS"] = str(harness.folder / name)
    done = harness.sync(expect=1)
    assert_failed(done, message, "destination.duckdb.credentials")
    assert done.requests == []
    assert not (harness.folder / "no").exists()
    assert (harness.folder / "text.duckdb").read_text(encoding="utf-8") == "not a database"


# -- dlt's working folder --------------------------------------------------------------------------


@ON_DUCKDB
def test_a_working_folder_that_can_not_be_written(harness: Harness) -> None:
    file = harness.folder / "file"
    file.touch()
    done = harness.sync(expect=1, data_dir=str(file))
    assert "captaindata: dlt's working folder can't be written: give this user" in done.stderr
    assert "DLT_DATA_DIR" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.requests == []


@ON_DUCKDB
def test_a_working_folder_that_vanishes(harness: Harness, oracle: Oracle) -> None:
    folder = harness.folder / "kept"
    harness.sandbox.log.clear()
    process, name = harness.start(data_dir=str(folder))
    wait_for_results(harness)
    remove(folder)
    done = harness.finish(process, name)
    assert_failed(done, "A file of dlt's working folder is gone: let nothing clean it up")
    assert_next_is_exact(harness, oracle, data_dir=str(folder))


def remove(folder: Path) -> None:
    """Removes a folder into which another process writes."""

    def is_gone() -> bool:
        shutil.rmtree(folder, ignore_errors=True)
        return not folder.exists()

    wait_for(is_gone)
