"""The source in pipelines of one's own: dlt's conventions hold without our command line."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import dlt
import pyarrow.parquet as pq
import pytest
from dlt.common.configuration.exceptions import ConfigFieldMissingException
from dlt.pipeline.exceptions import PipelineStepFailed

from captaindata_source import captaindata, refresh_views
from captaindata_source.errors import AuthError, ConfigError, PaginationError
from captaindata_source.sandbox import World
from captaindata_source.tables import TABLES
from tests.support import leaks
from tests.support.databases import DuckDb
from tests.support.faults import Fault
from tests.support.faulty_sandbox import FaultySandbox
from tests.support.harness import Harness
from tests.support.marks import INTEGRATION
from tests.support.oracle import Oracle, assert_equal
from tests.support.plain_runs import make_pipeline, make_source


@pytest.fixture
def sandbox() -> Iterator[FaultySandbox]:
    with FaultySandbox(World(6, jobs_per_day=0.1, mean_results=6, workflows=3)) as sandbox:
        yield sandbox


@pytest.fixture
def harness(sandbox: FaultySandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Harness:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    return Harness(sandbox, DuckDb(tmp_path), tmp_path)


def requests(harness: Harness, ending: str) -> int:
    found = sum(entry.path.endswith(ending) for entry in harness.sandbox.log.entries)
    harness.sandbox.log.clear()
    return found


def test_a_run_loads_everything_a_second_nothing_and_one_source_object_runs_twice(
    harness: Harness,
) -> None:
    oracle = Oracle(harness.world)
    oracle.look(harness.world.workspaces[0])
    pipeline, source = make_pipeline(harness), make_source(harness)
    pipeline.run(source)
    assert_equal(harness, oracle)
    assert requests(harness, "/results") > 0
    pipeline.run(make_source(harness))
    assert requests(harness, "/results") == 0
    assert pipeline.last_trace is not None
    assert pipeline.last_trace.last_normalize_info is not None
    written = pipeline.last_trace.last_normalize_info.row_counts
    assert {name for name in written if not name.startswith("_dlt")} == {"sync_runs"}
    assert_equal(harness, oracle)
    results = pipeline.dataset()["job_results"]
    table = results.arrow()
    assert table is not None
    assert table.num_rows == len(harness.rows("job_results"))
    assert sum(part.num_rows for part in results.iter_arrow(10)) == table.num_rows
    harness.world.advance(days=1)
    oracle.look(harness.world.workspaces[0])
    pipeline.run(source)
    assert_equal(harness, oracle)


@INTEGRATION
def test_keys_are_dropped_and_hashed_with_a_salt_from_the_configuration(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    oracle = Oracle(harness.world)
    oracle.look(harness.world.workspaces[0])
    values = [value for results in oracle.results.values() for value in results]
    dropped, hashed = Counter(key for value in values for key in value).most_common(2)
    monkeypatch.setenv("SOURCES__CAPTAINDATA__HASH_SALT", "marked-salt")
    pipeline = make_pipeline(harness)
    pipeline.run(make_source(harness, exclude_fields=[dropped[0]], hash_fields=[hashed[0]]))
    rows = [row["data"] for row in harness.rows("job_results")]
    assert len(rows) == len(values)
    assert not any(dropped[0] in row for row in rows)
    found = {row[hashed[0]] for row in rows if row.get(hashed[0]) is not None}
    assert found
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in found)
    assert leaks.in_files(harness.folder, "marked-salt") == []


def test_what_was_mended_is_in_sync_issues(harness: Harness) -> None:
    job = next(
        job
        for flow in harness.world.workflows(harness.world.workspaces[0])
        for job in harness.world.listed_jobs(harness.world.workspaces[0], flow["uid"])
        if job["status"] in ("finished", "completed")
    )
    harness.sandbox.faults.add(
        Fault(match=f"/jobs/{job['uid']}/results", kind="replace", body='{"results":[{"a":NaN}]}'),
        Fault(match="/details$", kind="status", status=503, times=1),
    )
    make_pipeline(harness).run(make_source(harness))
    issues = {(row["kind"], row["action"], row["job_uid"]) for row in harness.rows("sync_issues")}
    assert issues >= {("not_a_number", "mended", job["uid"]), ("server_error", "retried", None)}
    (row,) = harness.rows("job_results", where=f"job_uid = '{job['uid']}'")
    assert row["data"] == {"a": "NaN"}


@INTEGRATION
def test_issues_of_the_listing_are_loaded_with_results_alone(harness: Harness) -> None:
    make_pipeline(harness).run(make_source(harness))
    harness.sandbox.faults.add(Fault(match="/jobs$", kind="status", status=503, times=1))
    make_pipeline(harness).run(make_source(harness).with_resources("job_results"))
    assert [row["kind"] for row in harness.rows("sync_issues")] == ["server_error"]


def test_building_the_source_sends_nothing(harness: Harness) -> None:
    source = make_source(harness)
    assert list(source.resources.selected) == [table.name for table in TABLES]
    assert harness.sandbox.log.entries == []


def test_selected_resources_call_nothing_else(harness: Harness) -> None:
    make_pipeline(harness).run(make_source(harness).with_resources("workspaces"))
    paths = {entry.path for entry in harness.sandbox.log.entries}
    assert paths == {"/v3/workspace", "/v3/users"}


@INTEGRATION
def test_results_alone_and_later_the_jobs(harness: Harness) -> None:
    oracle = Oracle(harness.world)
    oracle.look(harness.world.workspaces[0])
    pipeline = make_pipeline(harness)
    pipeline.run(make_source(harness).with_resources("job_results"))
    assert requests(harness, "/results") > 0
    pipeline.run(make_source(harness))
    assert requests(harness, "/results") == 0
    assert_equal(harness, oracle)


@INTEGRATION
def test_a_limited_resource_is_completed_by_the_next_run(harness: Harness) -> None:
    oracle = Oracle(harness.world)
    oracle.look(harness.world.workspaces[0])
    pipeline = make_pipeline(harness)
    source = make_source(harness, max_parallel_requests=2)
    source.resources["job_results"].add_limit(1)
    source.resources["jobs"].add_limit(1)
    pipeline.run(source)
    pipeline.run(make_source(harness))
    assert_equal(harness, oracle)


@INTEGRATION
def test_hints_can_be_changed(harness: Harness) -> None:
    source = make_source(harness)
    source.resources["jobs"].apply_hints(columns={"tag": {"data_type": "text"}})
    source.resources["jobs"].add_map(lambda job: {**job, "tag": job["status"].upper()})
    make_pipeline(harness).run(source)
    rows = harness.rows("jobs")
    assert rows
    assert all(row["tag"] == row["status"].upper() for row in rows)


@INTEGRATION
def test_tables_that_start_anew_are_filled_anew(harness: Harness) -> None:
    oracle = Oracle(harness.world)
    oracle.look(harness.world.workspaces[0])
    pipeline = make_pipeline(harness)
    pipeline.run(make_source(harness))
    pipeline.run(make_source(harness), refresh="drop_resources")
    assert_equal(harness, oracle)
    assert requests(harness, "/results") > 0
    pipeline.run(make_source(harness), write_disposition="replace")
    assert_equal(harness, oracle)
    assert requests(harness, "/results") > 0
    for table in ("jobs", "successful_jobs", "workflows", "job_results"):
        harness.database.execute(f"delete from {table}")
    pipeline.run(make_source(harness))
    assert_equal(harness, oracle)


def test_keys_come_from_dlts_configuration(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = harness.world.workspaces[0]
    with pytest.raises(ConfigFieldMissingException) as missing:
        captaindata()
    assert "sources.captaindata.api_key" in str(missing.value).lower().replace("__", ".")
    monkeypatch.setenv("SOURCES__CAPTAINDATA__API_KEY", workspace.api_key)
    monkeypatch.setenv("SOURCES__CAPTAINDATA__PROJECT_UID", workspace.uid)
    monkeypatch.setenv("SOURCES__CAPTAINDATA__BASE_URL", harness.sandbox.base_url)
    make_pipeline(harness).run(captaindata().with_resources("workspaces"))
    assert [row["uid"] for row in harness.rows("workspaces")] == [workspace.uid]


def test_what_goes_wrong_raises(harness: Harness) -> None:
    with pytest.raises(ConfigError, match="api_key is missing or empty"):
        make_source(harness, api_key="")
    with pytest.raises(PipelineStepFailed) as failed:
        make_pipeline(harness).run(make_source(harness, api_key="wrong"))
    assert isinstance(_root(failed.value), AuthError)
    harness.sandbox.faults.add(Fault(match="/results", kind="loop_next"))
    with pytest.raises(PipelineStepFailed) as failed:
        make_pipeline(harness).run(make_source(harness, strict=True))
    root = _root(failed.value)
    assert isinstance(root, PaginationError)
    assert "results of job" in str(root)


def _root(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


@INTEGRATION
def test_values_that_do_not_fit_become_null_and_are_named(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    flow = harness.world.workflows(harness.world.workspaces[0])[0]["uid"]
    body = """[{"uid": 77, "status": "odd \\u0000 one", "row_count": "n/a", "number_inputs": "12",
        "start_time": "yesterday", "finish_time": "2026-01-02T03:04:05+02:00",
        "scheduled_time": "2026-01-02T03:04:05", "accounts": 3, "configuration": {"b": 1, "a": [2]},
        "is_new": true, "new_number": 3, "new_object": {"x": {"y": 1}}, "new_list": [{"a": 1}],
        "_dlt_id": "mine", "total_row_count": 12345678901234567890123}]"""
    harness.sandbox.faults.add(Fault(match=f"/{flow}/jobs$", kind="replace", body=body))
    pipeline = make_pipeline(harness)
    with caplog.at_level(logging.WARNING, logger="captaindata_source"):
        pipeline.run(make_source(harness).with_resources("jobs"))
    (row,) = harness.rows("jobs", where="uid = '77'")
    nulls = ("row_count", "start_time", "accounts", "total_row_count")
    assert [row[name] for name in nulls] == [None] * 4
    for name in nulls:
        assert f"jobs 77: the value of '{name}'" in caplog.text
    assert row["status"] == "odd \ufffd one"
    assert row["number_inputs"] == 12
    assert row["finish_time"].isoformat() == "2026-01-02T01:04:05+00:00"
    assert row["scheduled_time"].isoformat() == "2026-01-02T03:04:05+00:00"
    assert row["configuration"] == {"b": 1, "a": [2]}
    assert (row["is_new"], row["new_number"]) == ("true", "3")
    assert (row["new_object"], row["new_list"]) == ({"x": {"y": 1}}, [{"a": 1}])
    assert row["api_dlt_id"] == "mine"
    tables = harness.database.execute(
        "select table_name from duckdb_tables() where schema_name = 'captaindata'"
    )
    assert not [t for t in tables if "__" in t["table_name"]], "no child tables"


@INTEGRATION
def test_filesystem_with_parquet_gets_the_raw_tables(harness: Harness, tmp_path: Path) -> None:
    oracle = Oracle(harness.world)
    oracle.look(harness.world.workspaces[0])
    pipeline = dlt.pipeline(
        "files",
        pipelines_dir=str(tmp_path / "pipelines"),
        destination=dlt.destinations.filesystem(f"file://{tmp_path / 'lake'}"),
        dataset_name="captaindata",
    )
    pipeline.run(make_source(harness))
    assert requests(harness, "/results") > 0
    pipeline.run(make_source(harness))
    assert requests(harness, "/results") == 0
    lake = tmp_path / "lake" / "captaindata"
    files = sorted((lake / "job_results").glob("*.parquet"))
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    found = {(row["job_uid"], row["position"]) for row in rows if not row["_deleted"]}
    expected = {(row["job_uid"], row["position"]) for row in oracle.expected_results()}
    assert found == expected
    files = sorted((lake / "job_results_ledger").glob("*.parquet"))
    ledger = [row for file in files for row in pq.read_table(file).to_pylist()]
    asked_in_vain = sum(not row["result_rows"] and not row["is_skipped"] for row in ledger)
    assert len(rows) == len(found) + asked_in_vain


@INTEGRATION
def test_no_key_in_what_a_pipeline_of_ones_own_leaves_behind(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = harness.world.workspaces[0]
    monkeypatch.setenv("SOURCES__CAPTAINDATA__API_KEY", workspace.api_key)
    monkeypatch.setenv("SOURCES__CAPTAINDATA__PROJECT_UID", workspace.uid)
    monkeypatch.setenv("SOURCES__CAPTAINDATA__BASE_URL", harness.sandbox.base_url)
    pipeline = make_pipeline(harness)
    pipeline.run(captaindata())
    harness.world.revoke(workspace)
    with pytest.raises(PipelineStepFailed) as failed:
        pipeline.run(captaindata())
    assert pipeline.last_trace is not None
    trace = str(pipeline.last_trace.asdict()) + pipeline.last_trace.asstr(2)
    assert "api_key" in trace
    assert workspace.api_key not in trace + str(failed.value) + repr(captaindata())
    files = [path for path in harness.folder.rglob("*") if path.is_file()]
    assert any(path.name.startswith("trace") for path in files)
    assert not [path for path in files if workspace.api_key.encode() in path.read_bytes()]


def test_what_would_lose_results_in_silence_is_refused(harness: Harness) -> None:
    mapped, renamed = make_source(harness), make_source(harness)
    mapped.resources["job_results"].add_map(lambda row: row)
    renamed.resources["jobs"].apply_hints(table_name="runs")
    for source, message in ((mapped, "can't be mapped or filtered"), (renamed, "can't be renamed")):
        with pytest.raises(PipelineStepFailed) as failed:
            make_pipeline(harness).run(source)
        root = _root(failed.value)
        assert isinstance(root, ConfigError)
        assert message in str(root)


@INTEGRATION
def test_views_of_a_pipeline_of_ones_own(harness: Harness) -> None:
    pipeline = dlt.pipeline(
        "own",
        pipelines_dir=str(harness.folder / "pipelines"),
        destination=dlt.destinations.duckdb(str(harness.folder / "warehouse.duckdb")),
        dataset_name="Captain-Data",
    )
    pipeline.run(make_source(harness))
    states = {change.view: str(change.state) for change in refresh_views(pipeline)}
    assert states["workflow_performance"] == "created"
    assert states["sync_freshness"] == "created"
    harness.database.dataset = "captain_data"
    jobs = len(harness.rows("jobs"))
    assert len(harness.database.execute("select * from captain_data_views.jobs")) == jobs
    again = {str(change.state) for change in refresh_views(pipeline)}
    assert "unchanged" in again
    assert again <= {"unchanged", "skipped"}
