"""Locks of others: a sync waits for them briefly, names who holds them, and heeds a signal."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import psycopg2
import pytest
from dlt.common.runtime import signals

from captaindata_source.warehouse.database.statements import watch
from captaindata_source.warehouse.interrupts import run_until_signal
from tests.support import mishaps
from tests.support.databases import Postgres
from tests.support.harness import Harness
from tests.support.oracle import Oracle, assert_equal
from tests.support.statements import run_on
from tests.support.waiting import wait_for

pytestmark = pytest.mark.integration

ON_POSTGRES = pytest.mark.parametrize("database", ["postgres"], indirect=True)
SHORT = {
    "captaindata_source.warehouse.database.statements:SET_TIMEOUT": "set lock_timeout = '50ms'",
    "captaindata_source.engine.loading:LOAD_WAITS": [0.1],
    "captaindata_source.engine.beginning:LOAD_WAITS": [0.1],
}


@contextmanager
def held(postgres: Postgres, *statements: str) -> Iterator[int]:
    """A transaction of someone else that stays open; gives the pid of its session."""
    other = psycopg2.connect(
        postgres.uri, application_name="nightly dump", options=f"-csearch_path={postgres.dataset}"
    )
    try:
        with other.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            yield other.info.backend_pid
    finally:
        other.close()


@ON_POSTGRES
@pytest.mark.parametrize(
    "statement",
    ["select count(*) from jobs", "lock table jobs in exclusive mode"],
    ids=["a reader, and a column to add", "a writer, and rows to merge"],
)
def test_who_holds_a_table_is_named(harness: Harness, postgres: Postgres, statement: str) -> None:
    harness.extra[mishaps.CONSTANTS] = json.dumps(SHORT)
    harness.sync()
    harness.world.advance(days=1)
    if statement.startswith("select"):
        postgres.execute("alter table jobs drop column accounts")
    with held(postgres, statement) as pid:
        done = harness.sync(expect=1)
        error = done.summary["workspaces"][0]["error"]
        assert f"Postgres session {pid} (nightly dump of role postgres" in error
        assert "holds jobs; end that session" in error
        assert "Trying again" in done.stderr
        assert "Traceback" not in done.stderr


@ON_POSTGRES
def test_readers_of_all_tables_hold_nobody_up(harness: Harness, postgres: Postgres) -> None:
    oracle = Oracle(harness.world)
    oracle.look()
    harness.sync()
    tables = ("jobs", "job_results", "workflows", "sync_runs", "_dlt_loads")
    harness.world.advance(days=1)
    oracle.look()
    with held(postgres, *(f"select count(*) from {table}" for table in tables)):
        harness.sync()
    assert_equal(harness, oracle)


@ON_POSTGRES
def test_sigterm_ends_a_statement_that_runs(harness: Harness, postgres: Postgres) -> None:
    harness.sync()
    harness.world.advance(days=1)
    postgres.execute(
        f"""
        create function {postgres.dataset}.slow() returns trigger language plpgsql as
            $$ begin perform pg_sleep(600); return null; end $$;
        create trigger slow after insert on {postgres.dataset}.jobs execute function
            {postgres.dataset}.slow();
        """
    )
    process, name = harness.start()
    assert process.pid is not None
    asleep = "select 1 from pg_stat_activity where wait_event = 'PgSleep'"
    wait_for(lambda: bool(run_on(postgres, asleep)))
    os.kill(process.pid, signal.SIGTERM)
    done = harness.finish(process, name)
    assert done.code == 1
    assert done.summary["workspaces"][0]["error"].startswith("Interrupted")
    assert "Traceback" not in done.stderr
    wait_for(lambda: not run_on(postgres, asleep))


@pytest.fixture
def signalled() -> Iterator[None]:
    """As if SIGTERM had come."""
    signals.set_received_signal(signal.SIGTERM)
    yield
    signals.set_received_signal(0)


def on_duckdb(_: Path) -> tuple[Any, Callable[[], Any]]:
    connection = duckdb.connect()
    endless = "select sum(a.range * b.range) from range(100000000) as a, range(100000000) as b"
    return connection, lambda: connection.execute(endless).fetchall()


def on_psycopg2(folder: Path) -> tuple[Any, Callable[[], Any]]:
    connection = psycopg2.connect(Postgres(folder).uri)
    return connection, lambda: connection.cursor().execute("select pg_sleep(600)")


def on_adbc(folder: Path) -> tuple[Any, Callable[[], Any]]:
    from adbc_driver_postgresql import dbapi  # noqa: PLC0415 - an extra

    connection = dbapi.connect(Postgres(folder).uri)

    def run() -> Any:
        with connection.cursor() as cursor:
            cursor.execute("select pg_sleep(600)")
            return cursor.fetchall()

    return connection, run


@pytest.mark.parametrize("connect", [on_duckdb, on_psycopg2, on_adbc])
def test_a_signal_ends_statements_of_each_driver(
    connect: Callable[[Path], tuple[Any, Callable[[], Any]]],
    postgres_folder: Path,
    signalled: None,
) -> None:
    connection, statement = connect(postgres_folder)
    watch(connection)
    with pytest.raises(Exception, match=r"(?i)interrupt|cancel"):
        run_until_signal([statement], name="test")
    connection.close()


def test_work_that_heeds_no_signal_is_left_behind(
    signalled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from threading import Event  # noqa: PLC0415 - here alone

    monkeypatch.setattr("captaindata_source.warehouse.interrupts.GRACE_SECONDS", 0.01)
    is_over = Event()
    assert run_until_signal([is_over.wait], name="test") == [None]
    is_over.set()
