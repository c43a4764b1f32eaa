"""Session cookies, tokens and passwords of jobs and workflows are nowhere, also not any more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

from captaindata_source import captaindata, refresh_views
from captaindata_source.api.credentials import RULE
from captaindata_source.sandbox import Generation, Workspace
from captaindata_source.sandbox.jobs import Job
from captaindata_source.sandbox.runs import Run
from tests.conftest import MakeHarness
from tests.support import leaks
from tests.support.databases import DuckDb, Postgres
from tests.support.harness import Harness

pytestmark = pytest.mark.integration

MARK = "marked7f3a91"
TABLES = ("workspaces", "workflows", "jobs", "successful_jobs")
ON_ONE_DATABASE = pytest.mark.parametrize("database", ["duckdb"], indirect=True)
Json = dict[str, Any]


def secrets_of(number: int) -> Json:
    """What someone's automation was given, in many spellings and places."""
    value = f"AQED{MARK}-{number}"
    return {
        "li_at": value,
        "LI-A": value,
        "inner": {"sessionCookie": {"value": value}, "steps": [{"X-Api-Key": value, "n": 1.10}]},
        "pairs": [{"name": "JSESSIONID", "value": value}, {"name": "label", "value": "kept"}],
        "text": json.dumps({"accessToken": value, "kept": [1]}),
        "browser": f"lang=fr; li_at={value}; JSESSIONID={value}",
        "request": f"curl -H 'Authorization: Bearer {value}' https://example.com/?api_key={value}",
        "token_count": 7,
        "password_required": "kept",
    }


KEPT = {
    "inner": {"steps": [{"n": 1.10}]},
    "pairs": [{"name": "JSESSIONID"}, {"name": "label", "value": "kept"}],
    "text": '{"kept": [1]}',
    "browser": "lang=fr; li_at=[removed]; JSESSIONID=[removed]",
    "request": ("curl -H 'Authorization: [removed]' https://example.com/?api_key=[removed]"),
    "token_count": 7,
    "password_required": "kept",
}


@pytest.fixture
def harness(make_harness: MakeHarness, monkeypatch: pytest.MonkeyPatch) -> Harness:
    """A harness whose jobs, runs and workflows hold secrets."""
    harness = make_harness(workflows=2)
    world = harness.world
    render, run_render, details, users = Job.render, Run.render, world.details, world.users

    def rendered(job: Job, *arguments: Any, **options: Any) -> Json:
        secrets = secrets_of(int(job.uid[:6], 16))
        more = {"extra": secrets, "cookie": secrets["li_at"]}
        found = render(job, *arguments, **options)
        return {**found, **more, "configuration": {**found["configuration"], **secrets}}

    def run_rendered(run: Run, *arguments: Any) -> Json:
        secrets = secrets_of(int(run.uid[:6], 16))
        found = run_render(run, *arguments)
        error = {"label": "X", "message": secrets["browser"], "params": secrets}
        more = {"parameters": {**found["parameters"], **secrets}, "extra": secrets}
        return {**found, **more, "last_error": found["last_error"] and error}

    def all_details(workspace: Workspace, workflow_uid: str) -> Json:
        return {**details(workspace, workflow_uid), **secrets_of(1)}

    def all_users(workspace: Workspace, **options: Any) -> list[Json]:
        return [{**user, "liAt": f"{MARK}-user"} for user in users(workspace, **options)]

    monkeypatch.setattr(Job, "render", rendered)
    monkeypatch.setattr(Run, "render", run_rendered)
    monkeypatch.setattr(world, "details", all_details)
    monkeypatch.setattr(world, "users", all_users)
    return harness


def assert_nowhere(harness: Harness) -> None:
    assert leaks.in_tables(harness.database, MARK) == []
    assert leaks.in_files(harness.folder, MARK) == []


def uncompressed(path: Path) -> None:
    """Writes all rows of the file again so that their texts can be found in it."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("set force_compression = 'uncompressed'")
        for table in TABLES:
            connection.execute(
                f"begin; create temp table rows_of as select * from captaindata.{table}; "
                f"delete from captaindata.{table}; "
                f"insert into captaindata.{table} select * from rows_of; "
                "drop table rows_of; commit; force checkpoint"
            )


def test_secrets_reach_no_disk(harness: Harness) -> None:
    version: Generation = "v4" if isinstance(harness.database, Postgres) else "v3"
    (workspace,) = harness.world.workspaces
    harness.versions = {workspace.uid: version}
    synced = harness.sync(data_dir=str(harness.folder / "kept"))
    assert synced.stderr == ""
    jobs = harness.rows("jobs")
    assert len(jobs) > 5
    for row in jobs:
        assert {name: row["configuration"].get(name) for name in KEPT} == KEPT
        assert "li_at" not in row["configuration"]
        assert row["extra"] == KEPT
        assert row.get("cookie") is None
    assert_nowhere(harness)
    if isinstance(harness.database, Postgres):
        assert leaks.in_files(harness.database.socket_folder, MARK) == [], "nor in its WAL"


def test_rows_that_were_loaded_with_secrets_are_cleaned_without_a_call(harness: Harness) -> None:
    harness.sync(configs=[harness.config(harness.world.workspaces[0], keep_secrets=True)])
    before = {row["uid"]: row for row in harness.rows("jobs")}
    assert all(MARK in row["configuration"]["li_at"] for row in before.values())
    assert leaks.in_tables(harness.database, MARK)
    results = harness.rows("job_results_ledger")
    # as an earlier version left it, which had another name for its pipeline
    harness.database.execute("alter table sync_runs drop column secrets_rule")
    harness.database.execute("delete from _dlt_pipeline_state")
    if isinstance(harness.database, DuckDb):
        uncompressed(harness.database.path)
        assert leaks.in_files(harness.folder, MARK)
        harness.extra["SOURCES__CAPTAINDATA__PUBLISH_COPY"] = str(harness.folder / "copy.duckdb")

    synced = harness.sync(data_dir=str(harness.folder / "kept"))
    assert synced.total["jobs"] == len(before)
    assert f"removed from {len(before)} rows of jobs" in synced.stderr
    assert_nowhere(harness)
    assert harness.rows("job_results_ledger") == results
    for row in harness.rows("jobs"):
        old = before[row["uid"]]
        assert row["extra"] == KEPT
        assert {name: row["configuration"].get(name) for name in KEPT} == KEPT
        same = set(row) - {
            "configuration",
            "extra",
            "cookie",
            "loaded_at",
            "_dlt_load_id",
            "_dlt_id",
        }
        assert {name: row[name] for name in same} == {name: old[name] for name in same}
    assert harness.rows("successful_jobs")

    again = harness.sync()
    assert sorted(synced.paths("")) == sorted(again.paths("")), "the calls of any sync"
    assert not again.total["jobs"]
    assert not again.total["successful_jobs"]
    assert again.stderr == ""
    assert harness.rows("sync_runs", where=f"secrets_rule = {RULE}")
    if isinstance(harness.database, DuckDb):
        found = harness.database.execute("select table_name as name from duckdb_tables()")
        assert not {"secrets_to_overwrite", "free_space_filler"} & {row["name"] for row in found}


@ON_ONE_DATABASE
def test_what_a_killed_sync_left_in_the_file_is_overwritten_by_the_next(harness: Harness) -> None:
    database = harness.database
    assert isinstance(database, DuckDb)
    configs = [harness.config(harness.world.workspaces[0], keep_secrets=True)]
    harness.sync(configs=configs)
    uncompressed(database.path)
    # as a sync that was killed when its rows were loaded: they are clean, the file is not
    with duckdb.connect(str(database.path)) as connection:
        for table in TABLES:
            texts = ["members"] if table == "workspaces" else ["details"]
            texts = ["configuration", "extra", "cookie"] if "jobs" in table else texts
            cleaned = ", ".join(f"{name} = null" for name in texts)
            connection.execute(f"update captaindata.{table} set {cleaned}")
        connection.execute("create table captaindata.secrets_to_overwrite (noted_at timestamptz)")
    assert leaks.in_tables(database, MARK) == []
    assert leaks.in_files(harness.folder, MARK)
    harness.extra["SOURCES__CAPTAINDATA__CREATE_VIEWS"] = "true"
    synced = harness.sync()
    assert not synced.total["jobs"]
    assert_nowhere(harness)


@ON_ONE_DATABASE
def test_a_pipeline_of_ones_own_cleans_too(harness: Harness) -> None:
    database = harness.database
    assert isinstance(database, DuckDb)
    workspace = harness.world.workspaces[0]
    pipeline = dlt.pipeline(
        "own",
        destination=dlt.destinations.duckdb(str(database.path)),
        dataset_name=database.dataset,
        pipelines_dir=str(harness.folder / "dlt"),
    )

    def run(**options: Any) -> None:
        pipeline.run(
            captaindata(
                api_key=workspace.api_key,
                project_uid=workspace.uid,
                base_url=harness.sandbox.base_url_of("v3"),
                **options,
            )
        )

    run(keep_secrets=True)
    assert leaks.in_tables(database, MARK)
    run()
    assert leaks.in_tables(database, MARK) == []
    tables = ("workspaces", "workflows", "jobs", "successful_jobs")
    before = {table: harness.rows(table) for table in tables}
    run()
    assert {table: harness.rows(table) for table in tables} == before, "once"
    assert database.execute("select 1 as n from secrets_to_overwrite") == []
    refresh_views(pipeline)
    found = database.execute("select table_name as name from duckdb_tables()")
    assert "secrets_to_overwrite" not in {row["name"] for row in found}


@ON_ONE_DATABASE
def test_a_sync_of_some_tables_leaves_the_search_to_the_next(harness: Harness) -> None:
    harness.versions = {workspace.uid: "v4" for workspace in harness.world.workspaces}
    (workspace,) = harness.world.workspaces
    harness.sync(configs=[harness.config(workspace, keep_secrets=True)])
    harness.sync("--table", "workflows")
    assert leaks.in_tables(harness.database, MARK)
    assert not harness.rows("sync_runs", where="secrets_rule is not null")
    harness.sync()
    assert leaks.in_tables(harness.database, MARK) == []
    # what another version loads since is found too
    harness.database.execute(
        "update jobs set loaded_at = loaded_at + interval '1' day, configuration = %s",
        (f'{{"a": "li_at={MARK}"}}',),
    )
    harness.sync()
    assert leaks.in_tables(harness.database, MARK) == []
