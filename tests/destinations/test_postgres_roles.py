"""The roles of SECURITY.md: its SQL as it stands there, then syncs and reads with nothing more."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from captaindata_source.views.shipped import load_views
from tests.conftest import MakeHarness
from tests.support import leaks, mishaps
from tests.support.databases import Postgres
from tests.support.harness import Harness

pytestmark = pytest.mark.integration

SECURITY = Path(__file__).parents[2] / "SECURITY.md"
DATABASE, LOADER, READER = "analytics", "captaindata_loader", "captaindata_reader"
PASSWORD = "marked-password-7f3a91"
"""The server trusts its socket; it is the processes that should not tell it."""


class OwnDatabase(Postgres):
    """A database of its own; syncs come as the loader."""

    def __init__(self, socket_folder: Path) -> None:
        super().__init__(socket_folder)
        self.dataset = "captaindata"

    def uri_of(self, role: str, database: str = DATABASE) -> str:
        return f"postgresql://{role}:{PASSWORD}@localhost/{database}?host={self.socket_folder}"

    @property
    def uri(self) -> str:
        return self.uri_of("postgres")

    def environment(self) -> dict[str, str]:
        return {"DESTINATION__POSTGRES__CREDENTIALS": self.uri_of(LOADER)}


def run(uri: str, *statements: str) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(uri)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


@pytest.fixture
def database(postgres_folder: Path) -> Iterator[OwnDatabase]:
    """A database with the roles that SECURITY.md makes, and no right beyond."""
    database = OwnDatabase(postgres_folder)
    server = database.uri_of("postgres", "postgres")
    blocks = re.findall(r"```sql\n(.*?)```", SECURITY.read_text(encoding="utf-8"), re.DOTALL)
    run(server, f"create database {DATABASE}")
    try:
        run(database.uri, *blocks)
        yield database
    finally:
        run(server, f"drop database {DATABASE} with (force)")
        run(server, f"drop role if exists {LOADER}", f"drop role if exists {READER}")


def test_two_roles_are_enough(make_harness: MakeHarness, database: OwnDatabase) -> None:
    harness: Harness = make_harness(workspaces=2, workflows=2)
    harness.extra |= {
        "SOURCES__CAPTAINDATA__CREATE_VIEWS": "true",
        "RUNTIME__LOG_LEVEL": "DEBUG",
    }
    first = harness.sync()
    assert_readable(database, first.summary["views"]["created"])
    harness.world.advance(days=1)
    harness.extra["SOURCES__CAPTAINDATA__MATERIALIZE_RESULTS"] = "true"
    second = harness.sync("--workspace", "acme")
    assert any(name.startswith("results_") for name in second.summary["views"]["replaced"])
    assert_readable(database, first.summary["views"]["created"])
    assert leaks.in_files(harness.folder, PASSWORD) == []

    for table in ("captaindata.job_results", "captaindata.sync_runs", "captaindata._dlt_loads"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            read_by(READER, database, table)
    for statement in (
        "create table captaindata_views.mine (a int)",
        "create schema mine",
        "drop view captaindata_views.jobs",
    ):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            run(database.uri_of(READER), statement)


def test_a_right_that_is_missing_is_named(make_harness: MakeHarness, database: OwnDatabase) -> None:
    harness: Harness = make_harness(workflows=2)
    harness.extra["SOURCES__CAPTAINDATA__CREATE_VIEWS"] = "true"
    run(database.uri, f"revoke temporary on database {DATABASE} from {LOADER}")
    done = harness.sync(expect=1)
    assert [each["outcome"] for each in done.summary["workspaces"]] == ["loaded"]
    remedy = f'grant temporary on database "{DATABASE}" to "{LOADER}", or set create_views to false'
    assert remedy in done.summary["views_error"]


def test_a_role_with_few_sessions(make_harness: MakeHarness, database: OwnDatabase) -> None:
    harness: Harness = make_harness(workflows=2)
    harness.extra["SOURCES__CAPTAINDATA__CREATE_VIEWS"] = "true"
    run(database.uri, f"alter role {LOADER} connection limit 6")
    assert "connections" not in harness.sync().stderr
    harness.extra[mishaps.CONSTANTS] = json.dumps(
        {"captaindata_source.engine.loading:LOAD_WAITS": [0.0]}
    )
    run(database.uri, f"alter role {LOADER} connection limit 1")
    done = harness.sync(expect=1)
    assert "alter role … connection limit" in done.summary["workspaces"][0]["error"]


def assert_readable(database: OwnDatabase, views: Sequence[str]) -> None:
    """Each view, and those of results, can be read by the reader."""
    assert {view.name for view in load_views() if not view.is_optional} < set(views)
    for view in views:
        assert read_by(READER, database, f'captaindata_views."{view}"') >= 0
    assert read_by(READER, database, "captaindata_views.jobs_with_results") > 0


def read_by(role: str, database: OwnDatabase, relation: str) -> int:
    [(count,)] = run(database.uri_of(role), f"select count(*) from {relation}")
    return int(count)
