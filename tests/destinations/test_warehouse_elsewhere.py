"""What was loaded before, read from a database that keeps times as text and truth as a number."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.destinations.sql_client import DBApiCursorImpl

from captaindata_source.tables import JOBS, WORKFLOWS
from captaindata_source.warehouse.loaded_rows import LoadedRows
from captaindata_source.warehouse.remember import remember

NOW = datetime(2026, 11, 27, 12, 30, 0, 123456, UTC)


class Result:
    """As SQLAlchemy's results: names of columns, but no `description`."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self.names = [column[0].upper() for column in cursor.description]
        self.fetchall = cursor.fetchall


class Cursor(DBApiCursorImpl):
    def _get_columns(self) -> list[str]:
        return list(self.native_cursor.names)  # type: ignore[attr-defined]


class Sqlite:
    """A pipeline, its destination and a client of it, as far as the warehouse asks."""

    default_schema_name = "captaindata"
    destination = SimpleNamespace(destination_type="dlt.destinations.sqlalchemy")
    capabilities = SimpleNamespace(sqlglot_dialect="sqlite")

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:")
        self.is_open = False

    def sql_client(self) -> Any:
        return self

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def make_qualified_table_name(self, name: str) -> str:
        return name

    @contextmanager
    def execute_query(self, sql: str, *parameters: Any) -> Iterator[Any]:
        assert not self.is_open, "the transaction of a cursor that is half read"
        self.is_open = True
        try:
            found = self.connection.execute(sql.replace("%s", "?"), parameters)
        except sqlite3.OperationalError as error:
            self.is_open = False
            raise DestinationUndefinedEntity from error
        yield Cursor(Result(found))  # type: ignore[arg-type]
        self.is_open = False  # not where the block was left early, as in SQLAlchemy


def warehouse(connection: sqlite3.Connection, database: Any) -> LoadedRows:
    connection.executescript(
        """
        create table _dlt_loads (load_id, status);
        insert into _dlt_loads values ('1', 0);
        create table sync_runs (workspace_uid, started_at, outcome, api_version);
        insert into sync_runs values ('w', '2026-11-26', 'loaded', 'v3');
        insert into sync_runs values ('w', '2026-11-27', 'loaded', 'v3');
        create table jobs (workspace_uid, uid, row_hash, finish_time, is_deleted, loaded_at,
            _dlt_load_id);
        insert into jobs values ('w', 'a', 'h', '2026-11-27 12:30:00.123456', 0, '2026-11-27', '1');
        insert into jobs values ('w', 'b', 'h', null, 1, '2026-11-28', '1');
        create table job_results_ledger (workspace_uid, job_uid, fingerprint, result_rows,
            loaded_at, _dlt_load_id);
        insert into job_results_ledger values ('w', 'a', 'f', 3, '1', '1');
        create table job_results (workspace_uid, job_uid);
        insert into job_results values ('w', 'a'), ('w', 'a'), ('w', 'a');
        """
    )
    return LoadedRows(database, workspace_uid="w")


def test_what_is_remembered_has_the_types_of_the_tables() -> None:
    database = Sqlite()
    memory = remember(warehouse(database.connection, database))
    assert memory.api_version == "v3"
    assert memory.results["a"].version == "f"
    assert memory.workflows == {}
    first, second = memory.jobs["a"], memory.jobs["b"]
    assert (first.finish_time, first.is_deleted) == (NOW, False)
    assert (second.finish_time, second.is_deleted) == (None, True)
    assert (first.created_at, first.row_count) == (None, None), "columns that are not there"


def test_rows_have_the_types_of_the_tables() -> None:
    database = Sqlite()
    found = warehouse(database.connection, database)
    [row] = found.rows(JOBS, ["a"])
    assert (row["finish_time"], row["is_deleted"], row["uid"]) == (NOW, False, "a")
    assert not list(found.rows(WORKFLOWS, ["a"]))
