"""`captaindata sync` with views, `views`, `results` and `publish_copy`, as commands."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from captaindata_source.people_fields import PEOPLE_TABLES
from captaindata_source.views.shipped import load_views
from tests.conftest import MakeHarness
from tests.support import processes
from tests.support.databases import DuckDb
from tests.support.harness import Harness
from tests.support.marks import INTEGRATION, ON_DUCKDB, ON_POSTGRES
from tests.support.oracle import Oracle

VIEWS = "SOURCES__CAPTAINDATA__CREATE_VIEWS"
DEFAULT_VIEWS = [view.name for view in load_views() if not view.is_optional]
OF_PEOPLE = [view.name for view in load_views() if view.tables & {*PEOPLE_TABLES}]


@pytest.fixture
def harness(make_harness: MakeHarness) -> Harness:
    """A harness whose syncs create views."""
    harness = make_harness(workspaces=2, mean_results=4, workflows=3)
    harness.extra[VIEWS] = "true"
    return harness


def run(harness: Harness, *arguments: str, expect: int = 0) -> processes.Completed:
    where = ["--destination", harness.database.name, "--dataset", harness.database.dataset]
    done = processes.run(
        [*arguments, *where], environment=harness.environment(), folder=harness.folder
    )
    assert done.code == expect, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return done


def results_of(harness: Harness, workflow_uid: str) -> list[dict[str, Any]]:
    oracle = Oracle(harness.world)
    oracle.look()
    return [
        result
        for key, results in oracle.results.items()
        for result in results
        if oracle.jobs[key]["workflow_uid"] == workflow_uid
    ]


def has_arrays(harness: Harness, workflow_uid: str) -> bool:
    results = results_of(harness, workflow_uid)
    return any(isinstance(value, list) for result in results for value in result.values())


@ON_DUCKDB
def test_a_sync_brings_views_and_results_can_be_listed_shown_and_exported(
    harness: Harness,
) -> None:
    first = harness.sync()
    created = first.summary["views"]["created"]
    assert set(DEFAULT_VIEWS) <= set(created)
    again = harness.sync("--workspace", "acme")
    assert again.summary["views"] == {}
    assert again.summary["views_error"] is None

    acme, _ = harness.world.workspaces
    flow = next(f for f in harness.world.workflows(acme) if has_arrays(harness, f["uid"]))
    listed = run(harness, "results", "list", "--workspace", "acme").stdout
    assert flow["name"] in listed
    assert "northwind" not in listed

    rows = results_of(harness, flow["uid"])
    assert rows
    shown = run(harness, "results", "preview", flow["uid"], "--limit", "2").stdout
    title, headings, *_ = shown.splitlines()
    assert title.startswith(f"acme: {flow['name']} (results_")
    assert headings.split()[0] not in ("job_id", "result_id", "created_at", "started_at")
    assert next(iter(rows[0])) in headings, "keys come first"
    upright = run(harness, "results", "preview", flow["uid"], "--limit", "1", "--vertical").stdout
    title, number, *fields = upright.splitlines()
    assert number == "row 1"
    names = [field.split()[0] for field in fields]
    assert names[-4:] == ["created_at", "started_at", "job_id", "result_id"]
    assert set(rows[0]) & set(names)

    for kind in ("csv", "parquet", "jsonl"):
        done = run(harness, "results", "export", "--workspace", "acme", "--format", kind)
        files = sorted((harness.folder / "exports" / "acme").glob(f"*.{kind}"))
        assert len(files) == len(harness.world.workflows(acme))
        assert len(done.stdout.splitlines()) == len(files)
    assert not (harness.folder / "exports" / "northwind").exists()
    assert not list((harness.folder / "exports").rglob("*.part"))
    assert_exports_hold(harness, flow["uid"], rows)
    one = run(harness, "results", "export", flow["uid"], "--output", "other")
    assert len(one.stdout.splitlines()) == 1

    unknown = run(harness, "results", "preview", "Nobody's workflow", expect=2)
    assert 'Unknown workflow "Nobody\'s workflow"' in unknown.stderr
    run(harness, "results", "export", expect=2)
    run(harness, "results", "list", "--workspace", "nobody", expect=2)


def assert_exports_hold(harness: Harness, uid: str, rows: list[dict[str, Any]]) -> None:
    """All three files hold the same rows, with times in UTC."""
    folder = harness.folder / "exports" / "acme"
    found = harness.database.execute(
        f"select view_name from {harness.database.dataset}_views.job_result_fields "
        "where workflow_id = %s",
        (uid,),
    )
    (view,) = {row["view_name"] for row in found}
    stem = view.removeprefix("results_")
    text = (folder / f"{stem}.jsonl").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    table = pq.read_table(folder / f"{stem}.parquet").to_pylist()
    with (folder / f"{stem}.csv").open(encoding="utf-8", newline="") as file:
        texts = list(csv.DictReader(file))
    assert len(lines) == len(table) == len(texts) == len(rows)
    uids = [{str(row["result_id"]) for row in each} for each in (lines, table, texts)]
    assert uids[0] == uids[1] == uids[2]
    assert len(uids[0]) == len(rows)
    by_uid = {row["result_id"]: row for row in table}
    for line in lines:
        created = datetime.fromisoformat(line["created_at"])
        assert created == by_uid[line["result_id"]]["created_at"]
        assert line["created_at"].endswith("Z")
    nested = [value for line in lines for value in line.values() if isinstance(value, list)]
    assert nested, "arrays are nested in jsonl"


@INTEGRATION
@ON_POSTGRES
def test_views_by_hand(make_harness: MakeHarness) -> None:
    harness = make_harness(workflows=3)
    assert harness.sync().summary["views"] == {}
    assert "missing" in run(harness, "views", "list").stdout
    run(harness, "results", "list", expect=2)
    created = run(harness, "views", "create").stdout
    assert created.count("created ") >= len(DEFAULT_VIEWS)
    listed = run(harness, "views", "list").stdout
    assert listed.count("current ") == len(DEFAULT_VIEWS) + len(OF_PEOPLE)
    headings, *lines = listed.splitlines()
    assert headings.split() == ["view", "state", "shows"]
    names = [line.split()[0] for line in lines]
    assert names == sorted(names)
    dropped = run(harness, "views", "drop").stdout.splitlines()
    assert len(dropped) == created.count("created ")
    assert "missing" in run(harness, "views", "list").stdout


@INTEGRATION
@ON_DUCKDB
def test_views_of_tables_that_are_not_loaded_are_skipped(make_harness: MakeHarness) -> None:
    harness = make_harness(workflows=2)
    harness.extra[VIEWS] = "true"
    synced = harness.sync("--table", "jobs", "--table", "workflows", "--table", "workspaces")
    assert "workflow_performance" in synced.summary["views"]["created"]
    assert "jobs_with_results" in synced.summary["views"]["skipped"]
    assert synced.summary["views_error"] is None


@INTEGRATION
@ON_DUCKDB
def test_workspaces_of_odd_names_have_folders_of_their_own(make_harness: MakeHarness) -> None:
    harness = make_harness(workspaces=2, workflows=1, mean_results=2)
    harness.extra[VIEWS] = "true"
    first, second = harness.world.workspaces
    configs = [harness.config(first, name="../日本"), harness.config(second, name="中国")]
    harness.sync(configs=configs)
    run(harness, "results", "export", "--workspace", "../日本")
    run(harness, "results", "export", "--workspace", "中国")
    folders = {path.parent for path in harness.folder.rglob("*.csv")}
    assert len(folders) == 2
    assert {folder.parent for folder in folders} == {harness.folder / "exports"}


@pytest.mark.parametrize("database", ["duckdb"], indirect=True)
def test_a_warehouse_that_is_missing_or_held(make_harness: MakeHarness, database: DuckDb) -> None:
    harness = make_harness(workflows=1)
    for command in (["views", "list"], ["views", "drop"], ["results", "list"]):
        missing = run(harness, *command, expect=2)
        assert "run `captaindata sync` first" in missing.stderr
        assert not database.path.exists()
    with duckdb.connect(str(database.path)):
        # `views create` waits for a minute, as a sync does
        for command in (["views", "list"], ["views", "drop"], ["results", "list"]):
            held = run(harness, *command, expect=1)
            assert "lock" in held.stderr + held.stdout


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_server_that_is_down(make_harness: MakeHarness) -> None:
    harness = make_harness(workflows=1)
    down_there = "postgresql://u:s3cret@127.0.0.1:1/db"
    for command in (["views", "list"], ["views", "create"], ["results", "list"]):
        environment = harness.environment() | {"DESTINATION__POSTGRES__CREDENTIALS": down_there}
        where = ["--destination", "postgres"]
        down = processes.run([*command, *where], environment=environment, folder=harness.folder)
        assert down.code == 1
        assert "refused" in down.stderr + down.stdout
        assert "s3cret" not in down.stderr + down.stdout
        assert "Traceback" not in down.stderr


@pytest.fixture
def duck(make_harness: MakeHarness, database: DuckDb) -> Harness:
    return make_harness(workflows=2)


@pytest.mark.integration
@pytest.mark.parametrize("database", ["duckdb"], indirect=True)
def test_a_copy_for_readers_that_hold_it(duck: Harness, database: DuckDb) -> None:
    copy = duck.folder / "bi" / "for_bi.duckdb"
    duck.extra |= {VIEWS: "true", "SOURCES__CAPTAINDATA__PUBLISH_COPY": str(copy)}
    first = duck.sync()
    assert first.summary["published"] == str(copy)
    assert copy.stat().st_mode & 0o222 == 0, "read-only"
    jobs = len(duck.rows("jobs"))
    with duckdb.connect(str(copy), read_only=True) as reader:
        count = "select count(*) from captaindata_views.jobs"
        assert reader.execute(count).fetchall() == [(jobs,)]
        duck.world.advance(days=2)
        duck.sync()
        assert reader.execute(count).fetchall() == [(jobs,)], "it keeps what it holds"
    more = len(duck.rows("jobs"))
    assert more > jobs
    with duckdb.connect(str(copy), read_only=True) as reader:
        assert reader.execute(count).fetchall() == [(more,)]
    assert [path.name for path in copy.parent.iterdir()] == [copy.name], "nothing else is left"


@pytest.mark.parametrize("database", ["duckdb"], indirect=True)
def test_a_copy_that_can_not_be_written_is_named(duck: Harness, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    duck.extra["SOURCES__CAPTAINDATA__PUBLISH_COPY"] = str(tmp_path / "file" / "copy.duckdb")
    synced = duck.sync(expect=1)
    assert "file" in synced.summary["publish_error"]
    assert synced.summary["ok"] is False
    assert synced.workspaces["acme"]["outcome"] == "loaded"


@pytest.mark.parametrize("database", ["duckdb"], indirect=True)
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("warehouse.duckdb", "is the warehouse itself"),
        ("bi/captaindata.duckdb", "have the same name"),
        (".", "is a folder"),
        ("", "must be a path"),
    ],
)
def test_copies_that_make_no_sense(duck: Harness, path: str, message: str) -> None:
    duck.extra["SOURCES__CAPTAINDATA__PUBLISH_COPY"] = path
    done = run(duck, "sync", expect=2)
    assert message in done.stderr
    assert duck.sandbox.log.entries == []


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_there_is_no_copy_of_postgres(make_harness: MakeHarness) -> None:
    harness = make_harness(workflows=1)
    harness.extra["SOURCES__CAPTAINDATA__PUBLISH_COPY"] = "copy.duckdb"
    assert harness.sync().summary["published"] is None


@INTEGRATION
@pytest.mark.parametrize("database", ["duckdb"], indirect=True)
def test_results_as_tables_by_config(duck: Harness) -> None:
    duck.extra |= {VIEWS: "true", "SOURCES__CAPTAINDATA__MATERIALIZE_RESULTS": "true"}
    duck.sync()
    tables = duck.database.execute(
        "select table_name from duckdb_tables() where schema_name = 'captaindata_views'"
    )
    assert len(tables) == len(duck.world.workflows(duck.world.workspaces[0]))
    assert "table" in run(duck, "views", "list").stdout
    dropped = run(duck, "views", "drop").stdout
    assert all(row["table_name"] in dropped for row in tables)
