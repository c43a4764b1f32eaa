"""Which dataset and which file a command loads into, and that it is the one that was meant."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from captaindata_source.engine.sync import sync_workspaces
from captaindata_source.errors import ConfigError
from captaindata_source.http import Secret
from captaindata_source.settings.sync_options import SyncOptions
from captaindata_source.settings.workspace import Settings
from captaindata_source.warehouse.allowed_names import check_catalog, check_path, check_schema
from tests.conftest import MakeHarness
from tests.support import processes
from tests.support.databases import Database, DuckDb
from tests.support.harness import Harness
from tests.support.marks import INTEGRATION, ON_POSTGRES, POSTGRES_LATER
from tests.support.oracle import Oracle, assert_equal

on_duckdb = pytest.mark.parametrize("database", ["duckdb"], indirect=True)
DUCKDB, POSTGRES = "dlt.destinations.duckdb", "dlt.destinations.postgres"


# -- names of datasets -----------------------------------------------------------------------------


@pytest.mark.parametrize("dataset", ["", " ", "\t", "\n", None])
def test_an_empty_dataset(dataset: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SyncOptions(dataset=dataset)
    assert str(caught.value) == ("The dataset (--dataset) is empty: name one, such as captaindata")


@pytest.mark.parametrize("dataset", ["架空", "شركة", "Клиент", "---", "___", "é", "🎉", "."])
def test_a_dataset_of_which_nothing_would_be_left(dataset: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SyncOptions(dataset=dataset)
    assert str(caught.value) == (
        f"Dataset {dataset!r} can't be a schema: of its characters none would be left. Use letters "
        "from a to z, digits and underscores, such as client_a"
    )


@pytest.mark.parametrize("dataset", ["a\nb", "a\0", os.fsdecode(b"a\xff"), "a\x1b[31m"])
def test_a_dataset_that_can_not_be_printed(dataset: str) -> None:
    with pytest.raises(ConfigError, match="holds characters that can't be printed: use letters"):
        SyncOptions(dataset=dataset)


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        (POSTGRES, "pg_catalog"),
        (POSTGRES, "pg_mine"),
        (POSTGRES, "information_schema"),
        *((DUCKDB, s) for s in ("pg_catalog", "information_schema", "temp", "system", "memory")),
    ],
)
def test_a_schema_that_the_database_keeps_for_itself(kind: str, schema: str) -> None:
    with pytest.raises(ConfigError, match="the database keeps this name for itself"):
        check_schema(schema, kind=kind, create_views=False)


def test_schemas_that_can_be_used() -> None:
    for schema in ("public", "main", "captaindata", "a" * 57):
        for kind in (POSTGRES, DUCKDB):
            check_schema(schema, kind=kind, create_views=True)
    check_schema("a" * 63, kind=POSTGRES, create_views=False)
    with pytest.raises(ConfigError, match="has a name too long for views: "):
        check_schema("a" * 58, kind=DUCKDB, create_views=True)


@pytest.fixture
def harness_of_one(make_harness: MakeHarness) -> Harness:
    return make_harness(jobs_per_day=0.1, mean_results=3, workflows=3)


def command(
    harness: Harness, *arguments: str, dataset: str, **environment: str
) -> processes.Completed:
    """Runs a command on another dataset than the harness does."""
    return processes.run(
        [*arguments, "--destination", harness.database.name, "--dataset", dataset],
        environment={**harness.environment(), **environment},
        folder=harness.folder,
    )


@INTEGRATION
@on_duckdb
def test_one_schema_takes_one_spelling(harness_of_one: Harness) -> None:
    harness = harness_of_one
    schema = harness.database.dataset = f"{harness.database.dataset}_a"
    client, other = schema.replace("_", "-"), schema.replace("_", " ").capitalize()
    done = command(harness, "sync", dataset=client)
    assert done.code == 0, done.stderr
    assert done.stderr == f"WARNING Dataset {client!r} is the schema {schema}\n"
    before = harness.rows("sync_runs")
    for arguments in (["sync"], ["views", "list"], ["views", "create"], ["results", "list"]):
        harness.sandbox.log.clear()
        done = command(harness, *arguments, dataset=other)
        assert done.code == 2
        assert done.stderr.splitlines()[-1] == (
            f"captaindata: The schema {schema} holds the dataset {client!r}, and dataset {other!r} "
            f'would be put into it too: use --dataset "{client}" if they are the same, or a name '
            "that differs in letters or digits"
        )
        assert not harness.sandbox.log.entries
    done = command(harness, "check", dataset=schema)
    assert done.code == 1
    assert f"holds the dataset {client!r}" in done.stdout
    assert harness.rows("sync_runs") == before
    done = command(harness, "sync", dataset=client)
    assert done.code == 0
    assert len(harness.rows("sync_runs")) == 2


@INTEGRATION
@on_duckdb
def test_the_second_of_two_that_begin_at_once_loads_nothing(
    harness_of_one: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It finds a fresh warehouse when it begins, and another's when it loads."""
    harness = harness_of_one
    harness.database.dataset = "client_a"
    assert command(harness, "sync", dataset="client-a").code == 0
    before = harness.rows("sync_runs")
    for name, value in harness.environment().items():
        monkeypatch.setenv(name, value)
    workspace = harness.world.workspaces[0]
    settings = Settings(
        api_key=Secret(workspace.api_key),
        project_uid=workspace.uid,
        base_url=harness.sandbox.base_url,
    )
    [report] = sync_workspaces([settings], SyncOptions(dataset="Client A", create_views=False))
    assert "The schema client_a holds the dataset 'client-a'" in str(report.error)
    assert harness.rows("sync_runs") == before


@INTEGRATION
@ON_POSTGRES
def test_a_warehouse_of_before_takes_the_first_spelling_that_comes(
    harness_of_one: Harness,
) -> None:
    harness = harness_of_one
    schema = harness.database.dataset = f"{harness.database.dataset}_a"
    assert command(harness, "sync", dataset=schema).code == 0
    harness.database.execute("comment on table _dlt_loads is 'Ours''s, \"for\" 100 p. c.'")
    client = schema.replace("_", ".")
    assert command(harness, "sync", dataset=client).code == 0
    assert command(harness, "sync", dataset=schema).code == 2
    assert command(harness, "sync", dataset=client).code == 0


# -- files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "message"),
    [
        (
            "md:my_db",
            "names MotherDuck (md:), which is a destination of its own: use --destination ",
        ),
        ("duckdb:///md:my_db", "names MotherDuck (md:)"),
        ("motherduck:x", "names MotherDuck (motherduck:)"),
        ("MD:my_db", "names MotherDuck (md:)"),
        ("s3://bucket/w.duckdb", "names s3:, where DuckDB can't write a database: name a local fi"),
        ("gs://bucket/w.duckdb", "names gs:"),
        ("az://bucket/w.duckdb", "names az:"),
        ("https://host/w.duckdb", "names https:"),
        ("sftp://host/w.duckdb", "names sftp:"),
        ("ducklake:meta.ducklake", "or use --destination ducklake"),
        ("postgres:dbname=x", "or use --destination postgres"),
        ("file:///data/w.duckdb", "is a file: URL: write the path alone, without file:"),
        ("file:w.duckdb", "is a file: URL"),
        ("duckdb:w.duckdb", "is no path: leave out duckdb:, such as warehouse.duckdb"),
        ("C:\\data\\w.duckdb", "is a path of Windows, and this is none"),
        ("c:/data/w.duckdb", "is a path of Windows"),
        ("\\\\server\\share\\w.duckdb", "is a path of Windows"),
        ("", "is empty: name a file, such as warehouse.duckdb"),
        ("  ", "is empty"),
    ],
)
def test_what_is_no_file(address: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_path(address, what="destination.duckdb.credentials")
    assert str(caught.value).startswith("destination.duckdb.credentials ")
    assert message in str(caught.value)


def test_what_is_a_file() -> None:
    for address in ("w.duckdb", "a/b.duckdb", "/a/b:c.duckdb", "~/w.duckdb", "duckdb:///w.duckdb"):
        check_path(address, what="x")
    check_path("10:30.duckdb", what="x")


@pytest.mark.parametrize(
    ("name", "works"),
    [
        ("captaindata.2026-11-27.duckdb", "db_captaindata.2026-11-27.duckdb"),
        ("Captaindata.duckdb", "db_Captaindata.duckdb"),
        ("CAPTAINDATA", "db_CAPTAINDATA"),
        ("captaindata_VIEWS.db", "db_captaindata_VIEWS.db"),
        ("captaindata_staging_0a1b2c3d.duckdb", "db_captaindata_staging_0a1b2c3d.duckdb"),
        (".captaindata.duckdb", "db_captaindata.duckdb"),
        ("pg_catalog.duckdb", "db_pg_catalog.duckdb"),
        ("Information_Schema.duckdb", "db_Information_Schema.duckdb"),
    ],
)
def test_a_file_that_duckdb_names_as_the_dataset(name: str, works: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_catalog(Path("/data") / name, schema="captaindata", what="The DuckDB file")
    assert str(caught.value).startswith(f"The DuckDB file {name} ")
    assert f"rename the file, to {works} for" in str(caught.value).replace(
        "name it", "name the file"
    )
    check_catalog(Path("/data") / works, schema="captaindata", what="The DuckDB file")


ADDRESS = "DESTINATION__DUCKDB__CREDENTIALS"


@pytest.mark.parametrize(
    ("variable", "address"),
    [
        (ADDRESS, "md:my_db"),
        (ADDRESS, "s3://bucket/w.duckdb"),
        (ADDRESS, '{"database": "md:my_db"}'),
        (ADDRESS, '{"database": "other.duckdb"}'),
        (f"{ADDRESS}__DATABASE", "md:my_db"),
        (ADDRESS, "Captaindata.duckdb"),
        (ADDRESS, "captaindata.2026-11-27.duckdb"),
    ],
)
def test_nothing_is_made_where_no_file_can_be(tmp_path: Path, variable: str, address: str) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "DLT_DATA_DIR": str(tmp_path / "data"),
        "SOURCES__CAPTAINDATA__API_KEY": "key",
        "SOURCES__CAPTAINDATA__PROJECT_UID": "p",
        "SOURCES__CAPTAINDATA__BASE_URL": "http://localhost:9",
        variable: address,
    }
    for arguments in (["sync"], ["views", "list"]):
        done = processes.run(arguments, environment=environment, folder=tmp_path)
        assert done.code == 2, done.stderr
        assert len(done.stderr.splitlines()) == 1
    left = {path.name for path in tmp_path.iterdir()}
    assert left <= {"data", "run.out", "run.err", "run.usage"}


def test_a_question_mark_in_the_path() -> None:
    with pytest.raises(ConfigError, match="has a question mark in its path"):
        check_catalog(Path("/a?b/w.duckdb"), schema="captaindata", what="The DuckDB file")


@INTEGRATION
@on_duckdb
@pytest.mark.parametrize(
    "name", ["temp.duckdb", pytest.param("main.v1.db", marks=pytest.mark.integration)]
)
def test_files_of_odd_names_that_work(harness_of_one: Harness, tmp_path: Path, name: str) -> None:
    environment = {ADDRESS: f"~/{name}", "HOME": str(tmp_path)}
    harness_of_one.extra["SOURCES__CAPTAINDATA__CREATE_VIEWS"] = "true"
    done = command(harness_of_one, "sync", dataset="captaindata", **environment)
    assert done.code == 0, done.stderr + done.stdout
    assert (tmp_path / name).exists()


@on_duckdb
@pytest.mark.parametrize(
    "copy", ["captaindata.bi.duckdb", "s3://bucket/copy.duckdb", "md:copy", " "]
)
def test_copies_that_can_not_be(harness_of_one: Harness, copy: str) -> None:
    harness_of_one.extra["SOURCES__CAPTAINDATA__PUBLISH_COPY"] = copy
    harness_of_one.sandbox.log.clear()
    done = command(harness_of_one, "sync", dataset="captaindata")
    assert done.code == 2
    assert "publish_copy" in done.stderr
    assert not harness_of_one.sandbox.log.entries


ODD_NAME = 'o\'n%e "two" [x]*? 架 %s %(a)s {b} $HOME ;--'


@INTEGRATION
@on_duckdb
def test_working_folders_of_any_name(harness_of_one: Harness, tmp_path: Path) -> None:
    harness = harness_of_one
    folder = tmp_path / ODD_NAME
    folder.mkdir()
    oracle = Oracle(harness.world)
    oracle.look()
    harness.extra |= {
        "SOURCES__CAPTAINDATA__PACKAGE_MAX_RESULTS": "40",
        "SOURCES__CAPTAINDATA__CREATE_VIEWS": "true",
        "HOME": str(folder),
    }
    if isinstance(harness.database, DuckDb):
        folder = tmp_path / ODD_NAME.replace("?", "")  # DuckDB itself can't
        folder.mkdir()
        harness.database.path = folder / "warehouse.duckdb"
        harness.extra["DESTINATION__DUCKDB__CREDENTIALS"] = str(harness.database.path)
        harness.extra["SOURCES__CAPTAINDATA__PUBLISH_COPY"] = str(folder / "copy.duckdb")
    for _ in range(2):
        done = command(
            harness, "sync", dataset=harness.database.dataset, DLT_DATA_DIR=str(tmp_path / ODD_NAME)
        )
        assert done.code == 0, done.stdout + done.stderr
    if isinstance(harness.database, DuckDb):  # for the tests' own connection
        harness.database.path = (folder / "copy.duckdb").rename(tmp_path / "copy.duckdb")
    assert_equal(harness, oracle)


# -- the sandbox's data ----------------------------------------------------------------------------


@POSTGRES_LATER
def test_a_real_account_is_not_loaded_beside_the_sandboxs(
    harness_of_one: Harness, database: Database
) -> None:
    harness = harness_of_one
    harness.sync()
    real = {
        "name": "real",
        "api_key": "key",
        "project_uid": "0b4f2f4e-0000-4000-8000-000000000000",
    }
    runs = harness.rows("sync_runs")
    environment = harness.environment([real])
    done = processes.run(
        ["sync", "--destination", database.name, "--dataset", database.dataset],
        environment=environment,
        folder=harness.folder,
    )
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr == (
        f"captaindata: The dataset {database.dataset} holds data of the sandbox (Acme Growth), "
        "with which a real account must not be mixed: load into another DuckDB file "
        "(destination.duckdb.credentials) or dataset (--dataset), or remove the sandbox's\n"
    )
    assert harness.rows("sync_runs") == runs
    harness.sync()
