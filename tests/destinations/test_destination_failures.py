"""The destination fails: one line says what to do, exit 1, and the next sync is exact."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import dlt
import duckdb
import psycopg2
import pytest

from captaindata_source.engine import loading
from captaindata_source.errors import DestinationError, causes
from captaindata_source.http import Secret
from captaindata_source.settings.sync_options import SyncOptions
from captaindata_source.settings.workspace import Settings
from captaindata_source.warehouse import workspace_queries
from captaindata_source.warehouse.database import opening
from captaindata_source.warehouse.loaded_rows import LoadedRows
from captaindata_source.warehouse.pipeline import make_pipeline
from captaindata_source.warehouse.remedies import (
    explained,
    is_passing,
    message_of,
    spares_package,
    words_of,
)
from tests.support import mishaps
from tests.support.databases import Postgres
from tests.support.harness import Harness, Synced
from tests.support.marks import INTEGRATION, POSTGRES_LATER
from tests.support.oracle import Oracle, assert_equal
from tests.support.waiting import wait_for, wait_for_results

ON_DUCKDB = pytest.mark.parametrize("database", ["duckdb"], indirect=True)
ON_POSTGRES = pytest.mark.parametrize("database", ["postgres"], indirect=True)
PASSWORD = "hidden-word"
IN_A_MOMENT = json.dumps(
    {
        "captaindata_source.engine.loading:LOAD_WAITS": [0.05, 0.05],
        "captaindata_source.warehouse.locks:FILE_SECONDS": 0.3,
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


# -- what errors say ------------------------------------------------------------------------------


class Said(psycopg2.Error):
    """An error of Postgres; psycopg2's own can't be given a code."""

    def __init__(self, text: str, code: str) -> None:
        super().__init__(text)
        self.sqlstate = code


ROW = "Failing row contains (Jane, timeout expired)."
JANE = '{"name": "Jane", "note": "Conflict, No space left on device"}'
WITH_DATA = [
    Said(f'new row for relation "jobs" violates check constraint "c"\nDETAIL:  {ROW}', "23514"),
    Said(f'new row for relation "jobs" violates check constraint "c" DETAIL:  {ROW}', "23514"),
    Said('invalid input syntax for type bigint: "Jane: Connection refused"', "22P02"),
    Said("Jane is refused: server closed the connection", "P0001"),
    duckdb.ConversionException(f"Conversion Error: Failed to cast value to numerical: {JANE}"),
    duckdb.InvalidInputException(f"Invalid Input Error: Malformed JSON. Input: {JANE}"),
    duckdb.ConversionException("Conversion Error: Could not convert string 'Jane' to INT32"),
    duckdb.ConstraintException('Constraint Error: duplicate key "name: Jane, Conflict"'),
    duckdb.TransactionException('TransactionContext Error: duplicate key "Jane, Conflict"'),
    KeyError("Jane"),
    ValueError(f"could not convert {JANE}"),
]


@pytest.mark.parametrize("error", WITH_DATA, ids=lambda error: type(error).__name__)
def test_no_row_is_said_or_taken_for_what_happened(error: Exception) -> None:
    wrapped = RuntimeError(str(error))
    wrapped.__cause__ = error
    for said in (message_of(wrapped), words_of(error)):
        assert not any(text in said for text in ("Jane", "timeout", "Conflict"))
        assert "\n" not in said
    assert type(error).__name__ not in message_of(wrapped)
    assert not is_passing(wrapped)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Said('relation "jobs" is a view\nHINT: x', "42809"), 'relation "jobs" is a view'),
        (
            duckdb.BinderException('Binder Error: Column "a" is not there\n\nLINE 1: select'),
            'Binder Error: Column "a" is not there',
        ),
        (TypeError("Recursion limit reached"), "Recursion limit reached"),
        (OSError("no errno"), "no errno"),
        (
            AttributeError("'CursorResult' object has no attribute 'description'"),
            "'CursorResult' object has no attribute 'description'",
        ),
    ],
)
def test_names_are_said(error: Exception, said: str) -> None:
    assert message_of(error) == said


@pytest.mark.parametrize("error", [KeyError("Jane"), MemoryError(), ValueError("7: Jane")])
def test_an_error_without_words_says_where_it_was_raised(error: Exception) -> None:
    assert message_of(error) == "an unexpected error"
    try:
        raise error  # noqa: TRY301 - it is the place
    except Exception as raised:  # noqa: BLE001 - any
        place = rf"an unexpected error in {Path(__file__).name}, line \d+"
        assert re.fullmatch(place, message_of(raised))


# -- what an error was raised from -----------------------------------------------------------------


def test_causes_that_lead_back_end() -> None:
    first, second, third = ValueError("1"), OSError("2"), TypeError("3")
    first.__cause__, second.__context__, third.__cause__ = second, third, first
    assert list(causes(first)) == [first, second, third]
    assert list(causes(first, hidden=True)) == [first, second, third]
    itself = ValueError("4")
    itself.__cause__ = itself
    assert list(causes(itself)) == [itself]
    assert message_of(itself) == "an unexpected error"
    assert message_of(first) == "an unexpected error"
    assert not is_passing(itself)


def test_what_is_hidden_is_a_cause_for_whoever_asks() -> None:
    shown, hidden = ValueError("shown"), ValueError("hidden")
    shown.__context__, shown.__suppress_context__ = hidden, True
    assert list(causes(shown)) == [shown]
    assert list(causes(shown, hidden=True)) == [shown, hidden]


@pytest.mark.parametrize(
    "error", [ValueError("nothing known"), KeyError("x"), OSError(28, "No space left on device")]
)
def test_an_error_is_never_its_own_cause(error: Exception) -> None:
    with pytest.raises(Exception) as caught, explained():
        raise error
    with (
        pytest.raises(DestinationError, match=r"^can't be opened \("),
        explained("can't be opened"),
    ):
        raise ValueError("nothing known")
    assert caught.value.__cause__ is (error if isinstance(caught.value, DestinationError) else None)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("global_config", '{"nonsense_option": "1"}', "nonsense_option"),
        ("local_config", '{"nonsense_option": "1"}', "nonsense_option"),
        ("pragmas", '["nonsense_pragma"]', "nonsense_pragma"),
        ("global_config", '{"memory_limit": "lots"}', "must have a number"),
    ],
)
def test_an_option_that_duckdb_does_not_know(
    option: str, value: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = "DESTINATION__DUCKDB__CREDENTIALS"
    monkeypatch.setenv(credentials, str(tmp_path / "w.duckdb"))
    monkeypatch.setenv(f"{credentials}__{option.upper()}", value)
    settings = Settings(name="acme", api_key=Secret("x"), project_uid="w")
    pipeline = make_pipeline(settings, SyncOptions(), folder=tmp_path)
    with pytest.raises(DestinationError) as caught, opening.connected(pipeline):
        pass
    assert said in str(caught.value)
    assert str(caught.value).startswith("duckdb can't be opened: check destination.duckdb")
    assert not is_passing(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://u:p@hidden-word@host",
        "password='top hidden-word' host=h",
        "password='it\\'s hidden-word",
        "password = hidden-word",
        'could not translate host name "p@hidden-word@host" to address',
        '"password": "a hidden-word"',
        "postgresql://u:{p@hidden-word@[::1]/x and postgresql://v:hidden-word@host",
    ],
)
def test_no_password_is_said(text: str) -> None:
    for error in (OSError(text), psycopg2.OperationalError(f"connection to server {text}")):
        assert PASSWORD not in message_of(error)


@pytest.mark.parametrize(
    "text",
    [
        'invalid dsn: missing "=" after "u:hidden-word@h/db" in connection info string',
        'invalid percent-encoded token: "hidden-word%zz"',
        'invalid integer value "hidden-word" for connection option "port"',
    ],
)
def test_no_address_that_was_taken_for_another_is_said(text: str) -> None:
    for kind in (psycopg2.OperationalError, psycopg2.ProgrammingError):
        said = message_of(kind(text))
        assert said.startswith("The address of Postgres can't be used")
        assert PASSWORD not in said


@pytest.mark.parametrize(
    "credentials",
    [
        "host=h password=hidden-word dbname=x",
        "u:hidden-word@h/db",
        "postgresql://u:hidden-word@h:p/db",
    ],
)
@ON_DUCKDB
def test_credentials_that_can_not_be_read(harness: Harness, credentials: str) -> None:
    folder = harness.folder
    harness.extra["DESTINATION__POSTGRES__CREDENTIALS"] = credentials
    done = harness.finish(*harness.start("--destination", "postgres"))
    assert done.code == 2
    assert PASSWORD not in done.stderr + json.dumps(done.summary)
    assert "its credentials can't be read. Set DESTINATION__POSTGRES__CREDENTIALS" in done.stderr
    assert not list(folder.glob("*.duckdb"))


@POSTGRES_LATER
def test_rows_that_a_table_refuses_are_said_nowhere(harness: Harness) -> None:
    harness.sync()
    if harness.database.name == "postgres":
        change = "add constraint c check (position < 0) not valid"
    else:
        harness.database.execute("alter table job_results drop column data")
        change = "add column data bigint"
    harness.database.execute(f"alter table job_results {change}")
    harness.sandbox.log.clear()
    done = harness.finish(*harness.start("--full-refresh"))
    assert done.code == 1
    (failed,) = harness.rows("sync_runs", where="outcome = 'failed'")
    said = [done.stderr, json.dumps(done.summary), failed["error"]]
    said += [str(row["detail"]) for row in harness.rows("sync_issues")]
    assert len(said) > 3
    for text in ("{", "DETAIL", "Failing row", "linkedin"):
        assert not any(text in each for each in [*said[2:], done.summary["workspaces"][0]["error"]])
    assert "Failing row" not in done.stderr


# -- opening a DuckDB file -------------------------------------------------------------------------

LOCKED = duckdb.IOException('IO Error: Could not set lock on file "x": Conflicting lock is held')
OUT_OF_MEMORY = duckdb.OutOfMemoryException("Out of Memory Error: could not allocate block")
FULL = duckdb.IOException('IO Error: Could not write file "x": No space left on device')


class Opens:
    """A client of dlt's, whose first try to open a file fails in a certain way."""

    def __init__(self, file: Path, error: Exception, leaves: int) -> None:
        self.credentials = self
        self.database = str(file)
        self.failures = [error]
        self.leaves = leaves

    def open_connection(self) -> None:
        if self.failures:
            Path(self.database).write_bytes(bytes(self.leaves))
            raise self.failures.pop()


@pytest.mark.parametrize("patience", [0.0, 5.0])
def test_a_file_that_another_process_makes_meanwhile_stays(tmp_path: Path, patience: float) -> None:
    file = tmp_path / "new.duckdb"
    client: Any = Opens(file, LOCKED, leaves=20)
    with nullcontext() if patience else pytest.raises(DestinationError, match="in another process"):
        opening._open_file(client, patience=patience)
    assert file.exists()


@pytest.mark.parametrize(("leaves", "stays"), [(0, False), (2_000, False), (12_288, True)])
def test_what_is_no_database_goes(tmp_path: Path, leaves: int, stays: bool) -> None:
    file = tmp_path / "new.duckdb"
    client: Any = Opens(file, FULL, leaves)
    with pytest.raises(Exception, match="The disk of the DuckDB file is full"):
        opening._open_file(client, patience=0)
    assert file.exists() == stays


def test_what_another_process_is_making_stays(tmp_path: Path) -> None:
    file = tmp_path / "new.duckdb"
    script = "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.lockf(f, fcntl.LOCK_EX); "
    script += "print('locked', flush=True); sys.stdin.read()"
    command = [sys.executable, "-Sc", script, str(file)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as other:  # type: ignore[call-overload]
        other.stdout.readline()
        opening._remove_stub(file)
        assert file.exists()
        other.stdin.close()
    opening._remove_stub(file)
    assert not file.exists()


# -- further tries ---------------------------------------------------------------------------------


def test_only_the_first_try_waits_for_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[bool] = []

    def holding(*_: Any, waits_for_file: bool, **__: Any) -> Any:
        waits.append(waits_for_file)
        raise LOCKED

    monkeypatch.setattr(loading, "holding", holding)
    monkeypatch.setattr(loading, "LOAD_WAITS", (0.0, 0.0))
    nothing: Any = None
    with pytest.raises(duckdb.IOException):
        loading.load(nothing, turn=nothing, workspace="x", limit=loading.MemoryLimit())
    assert waits == [True, False, False]


def test_a_package_that_needs_more_memory_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds: list[int] = []
    tries: list[int] = []

    @contextmanager
    def holding(*_: Any, **__: Any) -> Any:
        tries.append(len(bounds))
        yield None
        if len(tries) == 1:
            raise duckdb.OutOfMemoryException("Out of Memory Error: could not allocate block")

    monkeypatch.setattr(loading, "holding", holding)
    monkeypatch.setattr(loading, "_limit_memory", lambda *_: bounds.append(1))
    monkeypatch.setattr(loading, "packages", lambda _: {})
    anything: Any = MagicMock()
    limit = loading.MemoryLimit()
    loading.load(anything, turn=anything, workspace="x", limit=limit)
    assert tries == [0, 1]
    assert len(bounds) == 1
    assert not limit.is_on, "the packages that follow are as large"


@pytest.mark.parametrize("failures", range(9))
def test_whatever_fails_a_load_returns_after_it_was_made(
    failures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory runs out in any of the tries, the last one too, after errors that pass."""
    waits = len(loading.LOAD_WAITS)
    for out_of_memory in range(failures + 1):
        errors: list[Exception] = [LOCKED] * failures
        errors[out_of_memory:out_of_memory] = [OUT_OF_MEMORY]
        made: list[str] = []

        @contextmanager
        def holding(*_: Any, errors: list[Exception] = errors, **__: Any) -> Any:
            if errors:
                raise errors.pop(0)
            yield None

        pipeline: Any = MagicMock()
        pipeline.load.side_effect = partial(made.append, "loaded")
        monkeypatch.setattr(loading, "holding", holding)
        monkeypatch.setattr(loading, "_limit_memory", lambda *_: None)
        monkeypatch.setattr(loading, "packages", lambda _: {})
        monkeypatch.setattr(loading, "wait_seconds", lambda _: None)
        fails = pytest.raises(duckdb.IOException) if failures > waits else nullcontext()
        with fails:
            loading.load(pipeline, turn=pipeline, workspace="x", limit=loading.MemoryLimit())
        assert made == ([] if failures > waits else ["loaded"])


def test_memory_that_runs_out_without_a_bound_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def holding(*_: Any, **__: Any) -> Any:
        raise OUT_OF_MEMORY

    monkeypatch.setattr(loading, "holding", holding)
    nothing: Any = None
    with pytest.raises(duckdb.OutOfMemoryException):
        loading.load(nothing, turn=nothing, workspace="x", limit=loading.MemoryLimit())


def test_a_load_that_fails_is_told_to_whoever_waits_and_whoever_extracts() -> None:
    told: list[str] = []

    def fail() -> None:
        raise LOCKED

    with ThreadPoolExecutor(1) as pool:
        background = loading.BackgroundLoad(pool)
        background.wait()
        background.start(fail, on_failure=lambda: told.append("stop"))
        with pytest.raises(duckdb.IOException):
            background.wait()
        background.wait()
    assert told == ["stop"]


@pytest.mark.parametrize(
    ("error", "is_spared"),
    [
        (LOCKED, True),
        (FULL, True),
        (Said("canceling statement due to statement timeout", "57014"), True),
        (Said("permission denied for schema x", "42501"), True),
        (Said("cannot execute INSERT in a read-only transaction", "25006"), True),
        (PermissionError(13, "Permission denied"), True),
        (Said('relation "jobs" does not exist', "42P01"), False),
        (duckdb.IOException("IO Error: Could not read enough bytes from file"), False),
        (FileNotFoundError(2, "No such file or directory"), False),
        (duckdb.CatalogException("Catalog Error: no such table"), False),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_left_is_kept_where_the_destination_fails(
    error: Exception, is_spared: bool
) -> None:
    assert spares_package(error) == is_spared


# -- a full disk -----------------------------------------------------------------------------------

FULL_FILE = "The disk of the DuckDB file is full: free some space there"
FULL_FOLDER = (
    "The disk of dlt's working folder is full: free some space, or let DLT_DATA_DIR name a folder"
)


@pytest.mark.parametrize(
    ("database", "size", "message"),
    [
        pytest.param("duckdb", 2_000, FULL_FILE, marks=INTEGRATION),
        ("duckdb", 200_000, FULL_FILE),
        pytest.param("postgres", 20_000, FULL_FOLDER, marks=INTEGRATION),
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


@INTEGRATION
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


@pytest.mark.integration
@ON_POSTGRES
def test_postgres_restarts_within_a_load(
    harness: Harness, oracle: Oracle, postgres: Postgres
) -> None:
    def is_loading() -> object:
        return postgres.execute(
            "select 1 from pg_locks where not granted and locktype = 'relation'"
        )

    harness.sync()
    harness.extra[mishaps.CONSTANTS] = IN_A_MOMENT
    holder = psycopg2.connect(postgres.uri)
    holder.cursor().execute(f"lock table {postgres.dataset}.job_results in share mode")
    process, name = harness.start("--full-refresh")
    wait_for(is_loading)
    postgres.execute(END_ALL)  # the holder's session, too
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


@INTEGRATION
@ON_DUCKDB
@pytest.mark.parametrize(
    "lets_go", [True, pytest.param(False, marks=INTEGRATION)], ids=["for a while", "for long"]
)
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


def test_a_file_that_another_process_loads_into_while_jobs_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "warehouse.duckdb"
    script = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    command = [sys.executable, "-c", script, str(path)]
    pipeline = dlt.pipeline(
        "compares", str(tmp_path), destination=dlt.destinations.duckdb(str(path))
    )
    with subprocess.Popen(command, **pipes) as other:  # type: ignore[call-overload]
        other.stdout.readline()
        waits = []

        def let_go(seconds: float) -> None:
            waits.append(seconds)
            other.communicate(b"\n")

        monkeypatch.setattr(workspace_queries, "wait_seconds", let_go)
        remembered = LoadedRows(pipeline, workspace_uid="w")
        assert remembered.count_results(["job"]) == {}
    assert len(waits) == 1


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


@INTEGRATION
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
