"""`captaindata export` and `results export` as commands: what they print, and how they fail."""

from __future__ import annotations

import csv
import json
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb
import pytest

from tests.support import mishaps, processes
from tests.support.databases import Database, DuckDb, Postgres
from tests.support.exports import filled, read
from tests.support.marks import INTEGRATION, POSTGRES_LATER
from tests.support.results import Warehouse
from tests.support.waiting import wait_for


class Command:
    """The command, on a warehouse that is filled.

    Args:
        warehouse: The warehouse.
        folder: Where it runs.
    """

    def __init__(self, warehouse: Warehouse, folder: Path) -> None:
        self.where = warehouse.where
        self.schema = warehouse.schema
        self.folder = folder
        self.environment = {
            **self.where.environment(),
            "DLT_DATA_DIR": str(folder / "dlt"),
            "RUNTIME__DLTHUB_TELEMETRY": "false",
        }
        self.arguments = ["--destination", self.where.name, "--dataset", self.where.dataset]

    def run(
        self, *arguments: str, expect: int = 0, environment: Mapping[str, str] | None = None
    ) -> processes.Completed:
        done = processes.run(
            [*arguments, *self.arguments],
            environment=self.environment | dict(environment or {}),
            folder=self.folder,
        )
        assert done.code == expect, done.stderr + done.stdout
        assert "Traceback" not in done.stderr
        assert [path.name for path in self.folder.rglob("*.part")] == []
        return done


@pytest.fixture
def command(database: Database, tmp_path: Path) -> Iterator[Command]:
    warehouse = filled(database)
    database.release()
    yield Command(warehouse, tmp_path)


@POSTGRES_LATER
def test_what_the_command_writes_and_says(command: Command) -> None:
    done = command.run("export", "jobs")
    assert done.stdout == "         4 rows  exports/jobs.csv\n"
    assert len(read(command.folder / "exports" / "jobs.csv")) == 4
    assert (command.folder / "exports" / "jobs.csv").stat().st_mode & 0o077 == 0
    done = command.run("export", "jobs", "--output", "deep/x.xlsx", "--since", "2026-01-01T15:00Z")
    assert done.stdout == "         2 rows  deep/x.xlsx\n"
    assert len(read(command.folder / "deep" / "x.xlsx")) == 2
    done = command.run("export", "job_results", "--output", "-", "--format", "jsonl")
    assert len([json.loads(line) for line in done.stdout.splitlines()]) == 10
    done = command.run(
        *("export", "successful_jobs", "--output", "-", "--excel", "--since", "7d"),
    )
    (headings,) = csv.reader(done.stdout.removeprefix("\ufeff").splitlines())
    assert headings[0] == "workspace_id"
    assert done.stderr == "captaindata: successful_jobs: 4 rows without finished_at left out\n"
    first = command.run("results", "export", "--workspace", "acme", "--workspace", "b", "--new")
    lines = [
        "         3 rows  exports/acme/people-000001.csv",
        "         3 rows  exports/acme/posts-000001.csv",
        "         4 rows  exports/bolt/people_bolt-000001.csv",
    ]
    assert first.stdout.splitlines() == lines
    again = command.run("results", "export", "People", "--new", "--format", "xlsx")
    assert again.stdout.splitlines() == [
        "         0 rows  nothing new: results of acme",
        "         0 rows  nothing new: results of bolt",
    ]


@POSTGRES_LATER
def test_wrong_usage_is_said_in_a_line(command: Command) -> None:
    for arguments, said in (
        (["export", "jobs", "--since", "soon"], "such as 2026-01-31"),
        (["export", "jobs", "--since", "2999-01-01"], "--since 2999-01-01 is in the future"),
        (["export", "jobz"], "Unknown view 'jobz'; there are jobs"),
        (["export", "jobs", "--output", "."], ". is a folder: name a file"),
        (["export", "jobs", "--name", "x"], "--name names the bookmark of --new"),
        (["export", "jobs", "--output", "-", "--new"], "--new needs a file"),
        (["export", "jobs", "--output", "-", "--format", "xlsx"], "xlsx needs a file"),
        (["export", "jobs", "--excel", "--format", "jsonl"], "leave it out with --format jsonl"),
        (["export", "jobs", "--workspace", "nobody"], "Unknown workspace 'nobody'"),
        (["export", "people_conflicts", "--since", "7d"], "View people_conflicts is not in"),
        (["export", "workspaces", "--since", "7d"], "export it without --since"),
        (["results", "export", "--since", "7d"], "Name a WORKFLOW"),
        (["results", "export", "Nothing"], "Unknown workflow 'Nothing'"),
    ):
        assert said in command.run(*arguments, expect=2).stderr, arguments
    (command.folder / "file").write_text("in the way", encoding="utf-8")
    done = command.run("export", "jobs", "--output", "file/x.csv", expect=1)
    assert "file" in done.stderr
    command.where.execute(f"create view {command.schema}.broken as select 1 / 0 as x")
    command.run("export", "broken", expect=command.where.name == "postgres")


@INTEGRATION
@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl", "xlsx"])
@pytest.mark.parametrize("database", ["duckdb", "postgres"], indirect=True)
def test_a_full_disk_leaves_the_earlier_file(command: Command, kind: str) -> None:
    target = command.folder / f"x.{kind}"
    target.write_text("earlier", encoding="utf-8")
    number = "range(200000)" if command.where.name == "duckdb" else "generate_series(1, 200000)"
    command.where.execute(f"create view {command.schema}.many as select i from {number} as t(i)")
    full = {mishaps.MAX_FILE_BYTES: "50000"}
    done = command.run("export", "many", "--output", target.name, expect=1, environment=full)
    assert f"x.{kind}" in done.stderr
    assert target.read_text(encoding="utf-8") == "earlier"


@INTEGRATION
@pytest.mark.parametrize("signal_name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("database", ["duckdb", "postgres"], indirect=True)
def test_a_signal_ends_it_and_leaves_nothing(command: Command, signal_name: str) -> None:
    many = "range(100000000000)"
    if command.where.name == "postgres":
        many = "generate_series(1, 100000000000)"
    command.where.execute(f"create view {command.schema}.endless as select i from {many} as t(i)")
    process = processes.start(
        ["export", "endless", *command.arguments],
        environment=command.environment,
        folder=command.folder,
        name="endless",
    )
    wait_for(lambda: any((command.folder / "exports").glob(".endless*")))
    assert process.pid is not None
    os.kill(process.pid, getattr(signal, signal_name))
    done = processes.finish(process, folder=command.folder, name="endless")
    assert done.code == 1
    assert "interrupted" in done.stderr
    assert "Traceback" not in done.stderr
    assert [*(command.folder / "exports").iterdir()] == []


@INTEGRATION
@pytest.mark.parametrize("database", ["duckdb", "postgres"], indirect=True)
def test_a_kill_loses_and_doubles_nothing(command: Command) -> None:
    """At each step between the file and the bookmark."""
    folder = command.folder / "exports"
    for place in ("run:take_place", "bookmark:Bookmark.begin", "bookmark:Bookmark.finish"):
        killed = {mishaps.DIE_IN: f"captaindata_source.export.{place}:1"}
        processes.run(
            ["export", "job_results", "--new", *command.arguments],
            environment=command.environment | killed,
            folder=command.folder,
        )
    for path in folder.glob(".*"):
        (path / "rows.part").unlink(missing_ok=True)
        (path / "keys-0").unlink(missing_ok=True)
        path.rmdir()
    done = command.run("export", "job_results", "--new")
    assert done.stdout == "        10 rows  exports/job_results-000001.csv\n"
    assert [path.name for path in folder.iterdir()] == ["job_results-000001.csv"]
    assert len(read(folder / "job_results-000001.csv")) == 10
    assert "nothing new" in command.run("export", "job_results", "--new").stdout


@pytest.mark.parametrize("database", ["duckdb"], indirect=True)
def test_a_file_that_is_held_or_missing(command: Command, database: DuckDb) -> None:
    with duckdb.connect(str(database.path)):
        assert "lock" in command.run("export", "jobs", expect=1).stderr
    database.path.unlink()
    done = command.run("export", "jobs", expect=2)
    assert "run `captaindata sync` first" in done.stderr


@INTEGRATION
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_role_that_may_only_read_exports_without_a_bookmark(
    command: Command, database: Postgres
) -> None:
    for statement in (
        "create role export_reader login",
        f"grant usage on schema {database.dataset}, {command.schema} to export_reader",
        f"grant select on all tables in schema {database.dataset} to export_reader",
        f"grant select on all tables in schema {command.schema} to export_reader",
    ):
        database.execute(statement)
    try:
        uri = database.uri.replace("postgres:x@", "export_reader:x@")
        reader = {"DESTINATION__POSTGRES__CREDENTIALS": uri}
        assert "4 rows" in command.run("export", "jobs", environment=reader).stdout
        done = command.run("export", "jobs", "--new", expect=1, environment=reader)
        assert "--new keeps its bookmark in the tables exports and exported_rows" in done.stderr
        assert "permission denied" in done.stderr
    finally:
        database.execute("drop owned by export_reader; drop role export_reader")


def test_another_destination_is_refused(tmp_path: Path) -> None:
    done = processes.run(
        ["export", "jobs", "--destination", "filesystem"],
        environment={
            "DESTINATION__FILESYSTEM__BUCKET_URL": str(tmp_path / "bucket"),
            "DLT_DATA_DIR": str(tmp_path / "dlt"),
        },
        folder=tmp_path,
    )
    assert done.code == 2
    assert "from DuckDB and Postgres alone" in done.stderr
