"""Marked keys are planted; nothing that a sync leaves behind may hold them."""

from __future__ import annotations

import json
import time

import pytest

from tests.conftest import MakeHarness
from tests.support import leaks, processes
from tests.support.faults import Fault
from tests.support.harness import Harness
from tests.support.marks import INTEGRATION, ON_DUCKDB, POSTGRES_LATER

MARK = "marked-key-7f3a91"
SALT = "marked-salt-c4d210"


@pytest.fixture
def harness(make_harness: MakeHarness) -> Harness:
    """A harness that says all there is to say."""
    harness = make_harness(workspaces=2, workflows=3)
    harness.extra |= {
        "RUNTIME__LOG_LEVEL": "DEBUG",
        processes.LOG_LEVEL: "DEBUG",
        "SOURCES__CAPTAINDATA__CREATE_VIEWS": "true",
        "SOURCES__CAPTAINDATA__HASH_SALT": SALT,
        "SOURCES__CAPTAINDATA__HASH_FIELDS": '["headline"]',
    }
    return harness


def assert_no_trace(harness: Harness, *keys: str) -> None:
    assert len(leaks.files(harness.folder)) > 10
    assert leaks.in_files(harness.folder, *keys) == []
    assert leaks.in_tables(harness.database, *keys) == []


@POSTGRES_LATER
def test_no_key_in_logs_errors_traces_files_or_tables(harness: Harness) -> None:
    first, second = harness.world.workspaces
    configs = [
        harness.config(first),
        harness.config(second, api_key=MARK),  # is refused: the path of errors
    ]
    environment = harness.environment(configs, data_dir=str(harness.folder / "kept"))
    assert MARK in environment["SOURCES__CAPTAINDATA__WORKSPACES"]
    where = ["--destination", harness.database.name, "--dataset", harness.database.dataset]
    done = processes.run(
        ["sync", "--progress", "log", *where], environment=environment, folder=harness.folder
    )
    assert done.code == 1
    assert "API key is not accepted" in done.stdout
    assert "captaindata_source.http.connections:GET /" in done.stderr
    assert "dlt" in done.stderr
    assert len(done.stderr) > 50_000, "DEBUG logs were written"
    assert (harness.folder / "kept").is_dir()
    assert_no_trace(harness, MARK, SALT, first.api_key)
    assert harness.rows("job_results"), "the accepted key was used"


@INTEGRATION
@ON_DUCKDB
def test_no_key_in_what_a_killed_sync_leaves_behind(harness: Harness) -> None:
    harness.sync("--workspace", "acme")
    harness.sandbox.log.clear()
    harness.sandbox.faults.add(Fault(match="/results$", kind="drip", seconds=5.0, size=1))
    kept = harness.folder / "kept"
    process, _ = harness.start("--full-refresh", "--workspace", "acme", data_dir=str(kept))
    while not any(each.path.endswith("/results") for each in harness.sandbox.log.entries):
        assert process.exitcode is None
        time.sleep(0.005)
    process.kill()
    process.join()
    assert list(kept.rglob("result_files")), "it was in the middle of it"
    assert_no_trace(harness, SALT, *(each.api_key for each in harness.world.workspaces))


@ON_DUCKDB
def test_nothing_that_was_loaded_stays_in_the_working_folder(make_harness: MakeHarness) -> None:
    harness = make_harness()
    kept = harness.folder / "kept"
    harness.extra["SOURCES__CAPTAINDATA__PACKAGE_MAX_RESULTS"] = "100"
    assert harness.sync(data_dir=str(kept)).summary["workspaces"][0]["load_packages"] > 1
    mail = harness.rows("workspaces")[0]["email"]
    texts = [json.dumps(row["data"])[:40].encode() for row in harness.rows("job_results")]
    files = [path for path in kept.rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        assert path.suffix not in (".parquet", ".jsonl", ".gz"), path
        assert mail.encode() not in content, path
        assert not any(text in content for text in texts), path
