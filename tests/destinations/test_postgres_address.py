"""The address of Postgres: whatever is in it, both drivers get what was meant, before any call."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import adbc_driver_postgresql.dbapi as adbc
import dlt
import psycopg2
import pytest
from psycopg2.extensions import parse_dsn

from captaindata_source.http import Secret
from captaindata_source.settings.sync_options import SyncOptions
from captaindata_source.settings.workspace import Settings
from captaindata_source.warehouse.pipeline import make_pipeline
from tests.support import processes
from tests.support.databases import Postgres
from tests.support.harness import Harness
from tests.support.marks import INTEGRATION
from tests.support.oracle import Oracle, assert_equal

CREDENTIALS = "DESTINATION__POSTGRES__CREDENTIALS"
ON_POSTGRES = pytest.mark.parametrize("database", ["postgres"], indirect=True)
ODD = (
    " two words ",
    "100%",
    "%41",
    "a+b",
    "p@ss",
    "a/b",
    "a#b",
    "a?b=c&d",
    "a:b",
    "pässwörd語",
    "'\"\\",
)


@contextmanager
def credentials(folder: Path, **environment: str) -> Iterator[Any]:
    """What dlt connects with, of a pipeline that was configured by the environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(f"{CREDENTIALS}{name}", value)
        settings = Settings(name="acme", api_key=Secret("x"), project_uid=uuid.uuid4().hex)
        options = SyncOptions(destination="postgres")
        pipeline: dlt.Pipeline = make_pipeline(settings, options, folder=folder)
        yield pipeline.sql_client().credentials


def address_of(folder: Path, **environment: str) -> str:
    with credentials(folder, **environment) as found:
        address: str = found.to_native_representation()
    return address


@pytest.mark.parametrize("odd", ODD)
def test_what_is_in_an_address_arrives(odd: str, tmp_path: Path) -> None:
    user, host = f"u{odd}", "db.example"
    encoded = f"postgresql://{quote(user, safe='')}:{quote(odd, safe='')}@{host}:5433/db"
    as_address = parse_dsn(address_of(tmp_path, **{"": encoded}))
    parts = {"__USERNAME": user, "__PASSWORD": odd, "__HOST": host, "__DATABASE": "db"}
    as_parts = parse_dsn(address_of(tmp_path, __PORT="5433", **parts))
    for found in (as_address, as_parts):
        assert [found[name] for name in ("user", "password", "host", "port", "dbname")] == [
            user,
            odd,
            host,
            "5433",
            "db",
        ]


@pytest.mark.parametrize("odd", ["two words", "a+b", "a/b", "a#b", "a?b=c&d", "100%", "pässwörd"])
def test_a_password_that_was_not_encoded_arrives_where_it_can(odd: str, tmp_path: Path) -> None:
    found = parse_dsn(address_of(tmp_path, **{"": f"postgresql://me:{odd}@h/db"}))
    assert (found["user"], found["password"], found["host"]) == ("me", odd, "h")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("me:x@h/db?options=-c%20a%3Db", {"options": "-c a=b", "host": "h"}),
        ("me:x@h/db?options=-c+a%3Db", {"options": "-c a=b"}),
        ("me:x@h/db?options=-c%20a%3Dx%2By", {"options": "-c a=x+y"}),
        ("me:x@h/db?sslmode=verify-full&sslrootcert=%2Fa%20b%2Fca", {"sslrootcert": "/a b/ca"}),
        ("me:x@h/db?sslmode=require", {"sslmode": "require"}),
        ("me:x@/db?host=/var/run/a%20b", {"host": "/var/run/a b", "dbname": "db"}),
        ("me:x@%2Fvar%2Frun/db", {"host": "/var/run"}),
        ("me:x@[::1]:5433/db", {"host": "::1", "port": "5433"}),
        ("me:x@h/my%20db", {"dbname": "my db"}),
        ("me:x@h/%E3%81%82", {"dbname": "あ"}),
        ("me:x@/db?host=a&host=b&port=1&port=2", {"host": "a,b", "port": "1,2"}),
        ("me:x@h/db?application_name=a%26b", {"application_name": "a&b"}),
        ("me:x@h/db?client_encoding=latin1", {"client_encoding": "UTF8"}),
    ],
)
def test_options_arrive(address: str, expected: dict[str, str], tmp_path: Path) -> None:
    for scheme in ("postgresql", "postgres", "postgresql+psycopg2"):
        found = parse_dsn(address_of(tmp_path, **{"": f"{scheme}://{address}"}))
        assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    "query",
    ["", "&options=-c%20work_mem%3D5MB", "&options=-c+work_mem%3D5MB%20-c%20geqo%3Doff"],
)
def test_both_drivers_connect(query: str, postgres: Postgres, tmp_path: Path) -> None:
    server = f"host={quote(str(postgres.socket_folder), safe='')}{query}"
    address = f"postgresql://postgres:two words+@localhost/postgres?{server}"
    shown = []
    with credentials(tmp_path, **{"": address}) as found:
        uri = found.to_native_representation()
        for connect in (psycopg2.connect, adbc.connect):
            with closing(connect(uri)) as connection, connection.cursor() as cursor:
                cursor.execute("select current_setting('work_mem'), current_setting('geqo')")
                shown.append(cursor.fetchone())
        assert found.password == "two words+"
    expected = ("5MB" if "5MB" in query else "4MB", "off" if "geqo" in query else "on")
    assert shown == [expected, expected]


@INTEGRATION
@ON_POSTGRES
def test_a_sync_with_an_odd_address(harness: Harness, postgres: Postgres) -> None:
    role = f"o'd +{uuid.uuid4().hex[:4]}"
    postgres.execute(f'create role "{role}" superuser login; alter role "{role}" set geqo = off')
    postgres.execute(f"alter role \"{role}\" set client_encoding = 'latin1'")
    harness.extra |= {
        "PGCLIENTENCODING": "EUC_JP",
        CREDENTIALS: f"postgresql://{quote(role)}:hidden-word+ %23@localhost/postgres"
        f"?host={postgres.socket_folder}&options=-c%20work_mem%3D5MB%20-c%20DateStyle%3Dgerman",
    }
    oracle = Oracle(harness.world)
    oracle.look()
    synced = harness.sync()
    assert_equal(harness, oracle)
    assert "hidden-word" not in synced.stderr
    harness.sync()
    assert_equal(harness, oracle)
    postgres.drop()
    postgres.execute(f'drop role "{role}"')


# -- the encoding of the database ------------------------------------------------------------------


@contextmanager
def database_in(encoding: str, postgres: Postgres) -> Iterator[str]:
    """The address of a database in an encoding."""
    name = f"in_{encoding.lower()}"
    with closing(psycopg2.connect(postgres.uri)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(
            f"create database {name} encoding '{encoding}' locale 'C' template template0"
        )
        try:
            yield postgres.uri.replace("/postgres?", f"/{name}?")
        finally:
            cursor.execute(f"drop database {name} with (force)")


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1", "EUC_JP"])
@ON_POSTGRES
def test_a_database_that_is_not_in_utf8(
    encoding: str, harness: Harness, postgres: Postgres
) -> None:
    with database_in(encoding, postgres) as address:
        harness.extra[CREDENTIALS] = address
        synced = harness.sync(expect=1)
        [report] = synced.summary["workspaces"]
        said = [report["error"]]
        assert synced.requests == []
        if encoding == "LATIN1":
            said.append(destination_checked(harness))
    for each in said:
        assert f"Postgres database in_{encoding.lower()} is encoded in {encoding}" in each
        assert "create database … encoding 'UTF8' template template0" in each
        assert "\n" not in each


def destination_checked(harness: Harness) -> str:
    """What `check` says of the destination."""
    database = ["--destination", "postgres", "--dataset", harness.database.dataset]
    done = processes.run(
        ["check", *database], environment=harness.environment(), folder=harness.folder
    )
    assert done.code == 1
    [line] = [each for each in done.stdout.splitlines() if "destination postgres" in each]
    return line
