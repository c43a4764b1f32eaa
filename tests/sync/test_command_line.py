"""The command line as a user meets it: exit codes, messages, options."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from captaindata_source.sandbox import Sandbox, World, example_secrets
from captaindata_source.tables import TABLES
from tests.conftest import MakeHarness
from tests.support import processes
from tests.support.databases import DuckDb
from tests.support.faults import Fault
from tests.support.harness import Harness
from tests.support.marks import INTEGRATION
from tests.support.oracle import Oracle, assert_equal


@pytest.fixture
def harness(make_harness: MakeHarness) -> Harness:
    """The command line is for several workspaces."""
    return make_harness(workspaces=2, workflows=3)


@pytest.fixture
def harness_of_one(make_harness: MakeHarness) -> Harness:
    """For what the number of workspaces can't matter to."""
    return make_harness(workflows=3)


@pytest.fixture
def database(tmp_path: Path) -> DuckDb:
    """These tests need one database only."""
    return DuckDb(tmp_path)


def run(harness: Harness, *arguments: str, **environment: Any) -> processes.Completed:
    harness.sandbox.log.clear()
    return processes.run(
        arguments, environment=harness.environment(**environment), folder=harness.folder
    )


def assert_usage_error(harness: Harness, done: processes.Completed, *messages: str) -> None:
    """Exit 2, a clear message, no traceback, no key, and not one call."""
    assert done.code == 2, done.stderr
    for message in messages:
        assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert harness.world.workspaces[0].api_key not in done.stderr + done.stdout
    assert harness.sandbox.log.entries == []


def test_same_project_twice(harness: Harness) -> None:
    first = harness.world.workspaces[0]
    twins = [harness.config(first), harness.config(first, name="twin")]
    done = run(harness, "sync", configs=twins)
    assert_usage_error(harness, done, f"project_uid '{first.uid}'", "more than one workspace")


@pytest.mark.parametrize("key", ["", None, "two words"])
def test_missing_or_unusable_key(harness: Harness, key: str | None) -> None:
    config = harness.config(harness.world.workspaces[0], api_key=key)
    done = run(harness, "sync", configs=[config])
    assert_usage_error(harness, done, "Workspace 'acme': api_key is missing or empty")


def test_unknown_workspace_name(harness: Harness) -> None:
    done = run(harness, "sync", "--workspace", "nobody")
    assert_usage_error(harness, done, "Unknown workspace 'nobody'", "'acme', 'northwind'")


def test_no_workspace_configured(harness: Harness) -> None:
    environment = harness.environment()
    del environment["SOURCES__CAPTAINDATA__WORKSPACES"]
    done = processes.run(["sync"], environment=environment, folder=harness.folder)
    assert_usage_error(harness, done, "No workspace is configured", "secrets.toml")


def test_plain_http_to_another_machine(harness: Harness) -> None:
    config = harness.config(harness.world.workspaces[0], base_url="http://api.example.com/v3")
    done = run(harness, "sync", configs=[config])
    assert_usage_error(harness, done, "must start with https://")


def test_unknown_destination(harness: Harness) -> None:
    done = run(harness, "sync", "--destination", "nowhere")
    assert_usage_error(harness, done, "Destination 'nowhere' can't be used")


def test_a_dataset_named_like_the_file(harness: Harness) -> None:
    done = run(harness, "sync", "--dataset", "warehouse")
    assert_usage_error(harness, done, "warehouse.duckdb", "dataset 'warehouse'")


@pytest.mark.parametrize(
    "arguments", [[], ["nonsense"], ["sync", "--table", "nonsense"], ["sync", "--nonsense"]]
)
def test_wrong_usage(harness: Harness, arguments: list[str]) -> None:
    assert run(harness, *arguments).code == 2


def test_one_workspace_configured_without_a_list(harness: Harness) -> None:
    workspace = harness.world.workspaces[0]
    oracle = Oracle(harness.world)
    oracle.look(workspace)
    environment = harness.environment()
    del environment["SOURCES__CAPTAINDATA__WORKSPACES"]
    environment |= {
        "SOURCES__CAPTAINDATA__API_KEY": workspace.api_key,
        "SOURCES__CAPTAINDATA__PROJECT_UID": workspace.uid,
        "SOURCES__CAPTAINDATA__BASE_URL": harness.sandbox.base_url,
    }
    done = processes.run(["sync"], environment=environment, folder=harness.folder)
    assert done.code == 0, done.stderr
    assert_equal(harness, oracle)
    assert {row["configured_name"] for row in harness.rows("workspaces")} == {"default"}


def test_configuration_from_toml_files(harness: Harness) -> None:
    folder = harness.folder / ".dlt"
    folder.mkdir()
    secrets = example_secrets(harness.world, harness.sandbox.base_url)
    (folder / "secrets.toml").write_text(secrets, encoding="utf-8")
    (folder / "config.toml").write_text(
        '[sources.captaindata]\nresult_statuses = ["warning"]\n', encoding="utf-8"
    )
    environment = harness.environment()
    del environment["SOURCES__CAPTAINDATA__WORKSPACES"]
    oracle = Oracle(harness.world)
    oracle.look()
    warned = {uid for (_, uid), job in oracle.jobs.items() if job["status"] == "warning"}
    done = processes.run(["sync"], environment=environment, folder=harness.folder)
    assert done.code == 0, done.stderr
    assert warned
    assert {row["job_uid"] for row in harness.rows("job_results_ledger")} == warned


@INTEGRATION
def test_selected_tables_and_workspaces(harness: Harness) -> None:
    synced = harness.sync("--table", "jobs", "--table", "workflows", "--workspace", "northwind")
    assert list(synced.workspaces) == ["northwind"]
    assert not synced.paths("/results")
    assert not synced.paths("/workspace")
    tables = {
        row["table_name"]
        for row in harness.database.execute(
            "select table_name from duckdb_tables() where schema_name = 'captaindata'"
        )
    }
    assert {name for name in tables if not name.startswith("_dlt")} == {
        "job_changes",
        "jobs",
        "listing_checkpoints",
        "workflow_changes",
        "workflows",
        "sync_issues",
        "sync_runs",
    }
    oracle = Oracle(harness.world)
    oracle.look()
    harness.sync()
    assert_equal(harness, oracle)


@pytest.mark.integration
def test_results_alone_then_the_rest(harness_of_one: Harness) -> None:
    harness = harness_of_one
    oracle = Oracle(harness.world)
    oracle.look()
    only = harness.sync("--table", "job_results")
    assert only.total.keys() == {"job_results"}
    rest = harness.sync()
    assert not rest.paths("/results")
    assert_equal(harness, oracle)


def test_summary_for_people(harness: Harness) -> None:
    harness.extra["SOURCES__CAPTAINDATA__CREATE_VIEWS"] = "true"
    done = run(harness, "sync")
    heading, written, *shown, views, place = done.stdout.splitlines()
    assert re.fullmatch(r"views: \d+ created", views)
    file = harness.folder / "warehouse.duckdb"
    assert place == f"in {file}: schema captaindata, views in captaindata_views"
    assert written == "rows written to"
    lines = {line.rsplit(maxsplit=2)[0]: line.split()[-2:] for line in shown}
    assert heading.split() == ["acme", "northwind"]
    assert [*lines] == [
        *(f"  {table.name}" for table in TABLES),
        "API calls",
        "results fetched (jobs)",
        "results skipped (jobs)",
        "issues",
        "seconds",
        "outcome",
    ]
    jobs = [
        sum(len(harness.world.listed_jobs(w, f["uid"])) for f in harness.world.workflows(w))
        for w in harness.world.workspaces
    ]
    assert lines["  jobs"] == [str(count) for count in jobs]
    assert lines["outcome"] == ["loaded", "loaded"]


def test_progress_in_plain_lines_leaves_stdout_to_json(harness_of_one: Harness) -> None:
    harness = harness_of_one
    done = run(harness, "sync", "--json", "--progress")
    assert done.code == 0
    assert json.loads(done.stdout)["ok"] is True
    assert "Jobs with results" in done.stderr


def test_nothing_is_printed_but_the_summary(harness_of_one: Harness) -> None:
    harness = harness_of_one
    done = run(harness, "sync", "--json")
    assert json.loads(done.stdout)["destination"] == "duckdb"
    assert done.stderr == ""


@INTEGRATION
def test_a_job_that_fails_is_named_and_tried_again(harness_of_one: Harness) -> None:
    harness = harness_of_one
    oracle = Oracle(harness.world)
    oracle.look()
    uid = next(u for (_, u), rows in oracle.results.items() if rows)
    harness.sandbox.faults.add(Fault(match=f"/jobs/{uid}/results", kind="loop_next"))
    done = run(harness, "sync")
    assert done.code == 1
    assert f"set aside, next sync tries again: Results of job {uid}: " in done.stdout
    assert "loop" in done.stdout
    assert "partly_loaded" in done.stdout
    assert not harness.rows("job_results", where=f"job_uid = '{uid}'")
    harness.sandbox.faults.clear()
    assert run(harness, "sync").code == 0
    assert_equal(harness, oracle)


@pytest.mark.parametrize(("option", "said"), [("--help", "sync"), ("--version", "captaindata 0")])
def test_help_and_version_import_nothing_that_is_slow(option: str, said: str) -> None:
    code = (
        "import sys; from captaindata_source.cli.main import main\n"
        f"try: main([{option!r}])\n"
        "except SystemExit as e: assert e.code == 0\n"
        "slow = {'dlt', 'duckdb', 'pyarrow', 'httpx', 'msgspec', 'tomlkit', 'starlette'}\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert said in done.stdout


# -- check -----------------------------------------------------------------------------------------


def test_check_says_ok_for_each_and_loads_nothing(harness: Harness) -> None:
    done = run(harness, "check")
    assert done.code == 0, done.stdout
    verdicts = [line.split("  ")[-1].strip() for line in done.stdout.splitlines()[1:]]
    assert set(verdicts) == {"ok"}
    for what in (
        "key accepted",
        "project known",
        *(
            f"endpoint {name}"
            for name in ("workspace", "users", "workflows", "workflow details", "jobs", "job")
        ),
        "endpoint job results",
        "destination duckdb",
    ):
        assert done.stdout.count(what) >= 2, what
    with duckdb.connect(str(harness.folder / "warehouse.duckdb")) as connection:
        assert connection.execute("select * from duckdb_tables()").fetchall() == []


def test_check_tells_a_bad_key_from_a_bad_project_and_a_bad_endpoint(harness: Harness) -> None:
    first, second = harness.world.workspaces
    harness.sandbox.faults.add(Fault(match="/users$", kind="status", status=403))
    configs = [
        harness.config(first),
        harness.config(second, name="key", api_key="wrong"),
        harness.config(first, name="project", project_uid="wrong"),
    ]
    done = run(harness, "check", configs=configs)
    assert done.code == 1
    failed = [line.split(maxsplit=1) for line in done.stdout.splitlines() if " failed " in line]
    assert [name for name, _ in failed] == ["acme", "key", "project"]
    assert "endpoint users" in failed[0][1]
    assert "key accepted" in failed[1][1]
    assert "copy it again" in failed[1][1]
    assert "project known" in failed[2][1]
    assert "check that project_uid" in failed[2][1]


def test_check_names_an_unreachable_destination(harness: Harness) -> None:
    harness.extra["DESTINATION__DUCKDB__CREDENTIALS"] = str(harness.folder / "no" / "such.duckdb")
    done = run(harness, "check")
    assert done.code == 1
    assert "destination duckdb" in done.stdout
    assert "Check destination.duckdb.credentials" in done.stdout


# -- sandbox ---------------------------------------------------------------------------------------


def test_the_sandbox_command_serves_and_says_how_to_use_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "captaindata_source.cli", "sandbox", "--port", "0"]
    with subprocess.Popen(
        [*command, "--days-per-minute", "60000", "--seed", "4"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        text = ""
        while "BASE_URL=" not in text:
            line = process.stdout.readline()
            assert line, text
            text += line
        base_url = text.rsplit("BASE_URL=", 1)[1].strip()
        acme = World(4).workspaces[0]
        headers = {"x-api-key": acme.api_key, "x-project-id": acme.uid}
        served = httpx.get(f"{base_url}/workspace", headers=headers)
        process.terminate()
    assert served.json()["name"] == acme.name
    assert "[[sources.captaindata.workspaces]]" in text
    assert 'name = "acme"' in text


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with Sandbox(World(0)) as sandbox:
        port = sandbox.base_url.split(":")[2].split("/")[0]
        done = processes.run(
            ["sandbox", "--port", port], environment={"HOME": str(tmp_path)}, folder=tmp_path
        )
    assert done.code == 2
    assert f"Port {port} can't be served on" in done.stderr


@INTEGRATION
def test_rate_limited_sandbox_is_still_loaded_whole(make_harness: MakeHarness) -> None:
    harness = make_harness(0, jobs_per_day=0.0, workflows=3)
    harness.extra[processes.SHORT_WAITS] = "50"
    harness.sandbox.faults.add(
        Fault(match="/jobs", kind="status", status=429, headers={"Retry-After": "0"}, times=5),
        Fault(match="/results", kind="cut", times=3),
        Fault(match="/results", kind="reset", times=3),
    )
    oracle = Oracle(harness.world)
    oracle.look()
    harness.sync()
    assert_equal(harness, oracle)


def test_a_file_configured_in_parts_is_used(harness: Harness, tmp_path: Path) -> None:
    environment = harness.environment()
    del environment["DESTINATION__DUCKDB__CREDENTIALS"]
    environment["DESTINATION__DUCKDB__CREDENTIALS__DATABASE"] = str(tmp_path / "other.duckdb")
    done = processes.run(
        ["sync", "--table", "workspaces"], environment=environment, folder=harness.folder
    )
    assert done.code == 0, done.stderr
    assert [path.name for path in tmp_path.glob("*.duckdb")] == ["other.duckdb"]


def test_without_a_configured_file_all_workspaces_share_the_default(harness: Harness) -> None:
    environment = harness.environment()
    del environment["DESTINATION__DUCKDB__CREDENTIALS"]
    done = processes.run(
        ["sync", "--table", "workspaces"], environment=environment, folder=harness.folder
    )
    assert done.code == 0, done.stderr
    assert [path.name for path in harness.folder.glob("*.duckdb")] == ["warehouse.duckdb"]
    assert len(harness.rows("workspaces")) == 2


@INTEGRATION
def test_the_committed_configuration_works_as_it_is(harness: Harness) -> None:
    committed = Path(__file__).parents[2] / ".dlt" / "config.toml"
    folder = harness.folder / ".dlt"
    folder.mkdir()
    text = committed.read_text(encoding="utf-8")
    (folder / "config.toml").write_text(text, encoding="utf-8")
    secrets = example_secrets(harness.world, harness.sandbox.base_url)
    (folder / "secrets.toml").write_text(secrets, encoding="utf-8")
    environment = harness.environment()
    for name in ("SOURCES__CAPTAINDATA__WORKSPACES", "DESTINATION__DUCKDB__CREDENTIALS"):
        del environment[name]
    oracle = Oracle(harness.world)
    oracle.look()
    for command in ("check", "sync"):
        done = processes.run([command], environment=environment, folder=harness.folder)
        assert done.code == 0, done.stderr
    assert_equal(harness, oracle)


@pytest.mark.integration
def test_two_folders_never_share_a_warehouse(harness_of_one: Harness) -> None:
    harness = harness_of_one
    environment = harness.environment(data_dir=str(harness.folder / "shared"))
    del environment["DESTINATION__DUCKDB__CREDENTIALS"]
    for name in ("first", "second"):
        folder = harness.folder / name
        folder.mkdir()
        command = ["sync", "--table", "workspaces"]
        done = processes.run(command, environment=environment, folder=folder)
        assert done.code == 0, done.stderr
        assert (folder / "warehouse.duckdb").exists()
    assert not (harness.folder / "warehouse.duckdb").exists()


def test_a_misspelt_option_is_refused(harness: Harness) -> None:
    folder = harness.folder / ".dlt"
    folder.mkdir()
    (folder / "config.toml").write_text(
        "[sources.captaindata]\nrequest_per_minute = 60\n", encoding="utf-8"
    )
    done = run(harness, "sync")
    assert_usage_error(harness, done, "Unknown option 'request_per_minute'", "requests_per_minute")


def test_a_destination_without_credentials(harness: Harness) -> None:
    done = run(harness, "sync", "--destination", "postgres")
    assert_usage_error(harness, done, "'postgres' is not configured", "destination.postgres")


def test_check_names_a_postgres_that_is_down(harness: Harness) -> None:
    uri = "postgresql://loader:hidden-word@127.0.0.1:9/none"
    harness.extra["DESTINATION__POSTGRES__CREDENTIALS"] = uri
    done = run(harness, "check", "--destination", "postgres")
    assert done.code == 1
    assert "endpoint workspace" in done.stdout
    assert "Check destination.postgres.credentials" in done.stdout
    assert "hidden-word" not in done.stdout + done.stderr


@INTEGRATION
def test_tables_that_a_version_of_the_api_lacks(harness: Harness) -> None:
    _acme, northwind = harness.world.workspaces
    harness.versions[northwind.uid] = "v4"
    some = run(harness, "sync", "--table", "identities", "--table", "workspaces")
    assert some.code == 0
    assert re.search(r"^  identities +- +[1-9]", some.stdout, re.MULTILINE)
    assert "\nacme: API v3 has no identities\n" in some.stdout
    assert "northwind: API" not in some.stdout
    none = run(harness, "sync", "--table", "accounts", "--workspace", "northwind")
    assert_usage_error(harness, none, "API v4 has no accounts: choose another --table")
    harness.extra["SOURCES__CAPTAINDATA__EXTRA_TABLES"] = '["integrations"]'
    alone = run(harness, "sync", "--workspace", "acme")
    assert alone.code == 0
    assert "acme: API v3 has no integrations" in alone.stdout
    assert "  integrations" not in alone.stdout, "a table that no workspace can have"
