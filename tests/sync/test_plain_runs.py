"""What a plain `pipeline.run(captaindata())` keeps of what the command promises."""

from __future__ import annotations

import gc
import json
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.pipeline.exceptions import PipelineStepFailed

from captaindata_source import captaindata
from captaindata_source.errors import AuthError, CallRefusedError, ConfigError
from captaindata_source.extract import extraction
from captaindata_source.sandbox import World
from tests.support.databases import DuckDb
from tests.support.faults import Fault
from tests.support.faulty_sandbox import FaultySandbox
from tests.support.harness import Harness
from tests.support.marks import INTEGRATION
from tests.support.oracle import Oracle, assert_equal
from tests.support.plain_runs import make_pipeline, make_source, root_of

MOST_TABLES = ("workspaces", "workflows", "successful_jobs")


@pytest.fixture
def sandbox() -> Iterator[FaultySandbox]:
    world = World(6, workspaces=2, jobs_per_day=0.1, mean_results=6, workflows=3)
    with FaultySandbox(world) as sandbox:
        yield sandbox


@pytest.fixture
def harness(sandbox: FaultySandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Harness:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    return Harness(sandbox, DuckDb(tmp_path), tmp_path)


def forget_configuration() -> None:
    """As in a new process: dlt reads files with the first option that it is asked for."""
    if PluggableRunContext in Container():
        del Container()[PluggableRunContext]


@pytest.fixture(autouse=True)
def own_configuration(harness: Harness) -> Iterator[None]:
    yield
    forget_configuration()


@pytest.fixture(autouse=True)
def no_threads_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    gc.collect()
    new = set(threading.enumerate()) - before
    assert [each.name for each in new if "extract_" in each.name] == []


def calls_for_results(harness: Harness) -> int:
    found = sum(entry.path.endswith("/results") for entry in harness.sandbox.log.entries)
    harness.sandbox.log.clear()
    return found


def only(harness: Harness, oracle: Oracle) -> None:
    oracle.look(harness.world.workspaces[0])


def test_each_run_adds_a_row_to_sync_runs(harness: Harness) -> None:
    pipeline = make_pipeline(harness)
    for _ in range(2):
        pipeline.run(make_source(harness))
    first, second = sorted(harness.rows("sync_runs"), key=lambda row: row["started_at"])
    assert (first["outcome"], second["outcome"]) == ("loaded", "loaded")
    assert first["api_version"] == "v3"
    rows = first["rows_by_table"]
    rows = json.loads(rows) if isinstance(rows, str) else rows
    assert rows["job_results"] == len(harness.rows("job_results"))
    assert rows["jobs"] == len(harness.rows("jobs"))
    assert second["results_fetched"] == 0
    loads = {row["load_id"] for row in harness.rows("_dlt_loads")}
    assert {first["_dlt_load_id"], second["_dlt_load_id"]} <= loads


@INTEGRATION
def test_a_run_writes_what_changed(harness: Harness) -> None:
    pipeline = make_pipeline(harness)
    pipeline.run(make_source(harness))
    assert harness.rows("job_changes") == harness.rows("results_changes") == []
    before = {row["uid"]: row["status"] for row in harness.rows("jobs")}
    harness.world.advance(days=3)
    (load_id,) = pipeline.run(make_source(harness)).loads_ids
    changes = harness.rows("job_changes")
    assert {row["_dlt_load_id"] for row in changes} == {load_id}
    after = {row["uid"]: row["status"] for row in harness.rows("jobs")}
    assert (
        {
            row["job_uid"]: (row["old_value"], row["new_value"])
            for row in changes
            if row["field"] == "status"
        }
        == {uid: (was, after[uid]) for uid, was in before.items() if was != after[uid]}
        != {}
    )


def test_a_job_that_fails_is_set_aside_and_comes_with_the_next_run(harness: Harness) -> None:
    oracle = Oracle(harness.world)
    only(harness, oracle)
    pipeline = make_pipeline(harness)
    job = next(uid for (_, uid), results in oracle.results.items() if results)
    harness.sandbox.faults.add(Fault(match=f"/{job}/results", kind="status", status=403))
    pipeline.run(make_source(harness))
    (run,) = harness.rows("sync_runs")
    assert (run["outcome"], run["results_set_aside"]) == ("partly_loaded", 1)
    (issue,) = harness.rows("sync_issues", where="action = 'set_aside'")
    assert (issue["job_uid"], issue["sync_uid"]) == (job, run["uid"])
    assert harness.rows("job_results", where=f"job_uid = '{job}'") == []
    harness.sandbox.faults.clear()
    calls_for_results(harness)
    pipeline.run(make_source(harness))
    assert calls_for_results(harness) >= 1
    assert_equal(harness, oracle)


def test_a_strict_run_raises_at_the_first_failure(harness: Harness) -> None:
    harness.sandbox.faults.add(Fault(match="/results", kind="status", status=403))
    with pytest.raises(PipelineStepFailed) as failed:
        make_pipeline(harness).run(make_source(harness, strict=True))
    assert isinstance(root_of(failed.value), (AuthError, CallRefusedError))


@pytest.mark.integration
def test_runs_with_a_limit_get_on(harness: Harness) -> None:
    oracle = Oracle(harness.world)
    only(harness, oracle)
    pipeline = make_pipeline(harness)
    left: list[int] = []
    while not left or left[-1]:
        assert len(left) < 30, left
        source = make_source(harness, max_results=40, max_parallel_requests=1)
        pipeline.run(source)
        newest = max(harness.rows("sync_runs"), key=lambda row: row["started_at"])
        left.append(newest["results_left"])
        assert newest["outcome"] == ("stopped_early" if left[-1] else "loaded")
    assert len(left) > 2
    assert left == sorted(left, reverse=True)
    assert_equal(harness, oracle)


def test_a_run_without_time_loads_what_it_has(harness: Harness) -> None:
    pipeline = make_pipeline(harness)
    pipeline.run(make_source(harness, max_minutes=1e-9, max_parallel_requests=1))
    (run,) = harness.rows("sync_runs")
    assert run["outcome"] == "stopped_early"
    assert run["results_fetched"] == 1


@INTEGRATION
def test_another_version_of_the_api_is_refused_before_anything_is_loaded(harness: Harness) -> None:
    pipeline = make_pipeline(harness)
    pipeline.run(make_source(harness).with_resources("workspaces"))
    before = harness.rows("workspaces")
    url = harness.sandbox.base_url_of("v4")
    for name in ("own", "another"):
        with pytest.raises(PipelineStepFailed) as failed:
            make_pipeline(harness, name).run(make_source(harness, api_version="v4", base_url=url))
        error = root_of(failed.value)
        assert isinstance(error, ConfigError)
        assert "was loaded through API v3" in str(error)
    assert harness.rows("workspaces") == before


@INTEGRATION
def test_several_workspaces_of_an_argument(harness: Harness) -> None:
    oracle = Oracle(harness.world)
    oracle.look()
    tables = [harness.config(workspace) for workspace in harness.world.workspaces]
    pipeline = make_pipeline(harness)
    pipeline.run(captaindata(workspaces=tables))
    assert_equal(harness, oracle)
    assert {row["workspace_name"] for row in harness.rows("sync_runs")} == {
        table["name"] for table in tables
    }
    calls_for_results(harness)
    pipeline.run(captaindata(workspaces=tables))
    assert calls_for_results(harness) == 0


@INTEGRATION
@pytest.mark.parametrize("where", ["environment", "file"])
def test_several_workspaces_of_the_configuration(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    tables = [harness.config(workspace) for workspace in harness.world.workspaces]
    if where == "environment":
        monkeypatch.setenv("SOURCES__CAPTAINDATA__WORKSPACES", json.dumps(tables))
    else:
        lines = []
        for table in tables:
            lines.append("[[sources.captaindata.workspaces]]")
            lines += [f"{name} = {json.dumps(value)}" for name, value in table.items()]
        text = "\n".join(lines)
        assert tomllib.loads(text)
        (harness.folder / ".dlt").mkdir()
        (harness.folder / ".dlt" / "secrets.toml").write_text(text, encoding="utf-8")
        forget_configuration()
    make_pipeline(harness).run(captaindata().with_resources("workspaces"))
    with pytest.raises(ConfigError, match="keep one of the two forms"):
        monkeypatch.setenv("SOURCES__CAPTAINDATA__API_KEY", "k")
        captaindata()
    found = {(row["uid"], row["configured_name"]) for row in harness.rows("workspaces")}
    assert found == {(table["project_uid"], table["name"]) for table in tables}


@INTEGRATION
def test_an_extra_table_comes_from_the_workspaces_that_name_it(harness: Harness) -> None:
    first, second = harness.world.workspaces
    tables = [harness.config(first, extra_tables=["accounts"]), harness.config(second)]
    source = captaindata(workspaces=tables)
    assert "accounts" in source.selected_resources
    make_pipeline(harness).run(source)
    assert {row["workspace_uid"] for row in harness.rows("accounts")} == {first.uid}


def test_rows_can_be_iterated_without_a_pipeline(harness: Harness) -> None:
    oracle = Oracle(harness.world)
    only(harness, oracle)
    assert next(iter(make_source(harness)))
    jobs = list(make_source(harness).resources["jobs"])
    assert {job["uid"] for job in jobs} == {uid for _, uid in oracle.jobs}
    assert len(jobs) == len(oracle.jobs)
    source = make_source(harness)
    for _ in range(2):
        tables = list(source.resources["job_results"])
        assert all(isinstance(table, pa.Table) for table in tables)
        assert sum(map(len, tables)) == sum(map(len, oracle.results.values()))


@INTEGRATION
def test_results_of_a_limited_run_are_of_jobs_that_are_loaded(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "ROWS_PER_BATCH", 3)
    monkeypatch.setattr("captaindata_source.extract.plain_run.ROWS_PER_BATCH", 3)
    oracle = Oracle(harness.world)
    only(harness, oracle)
    pipeline = make_pipeline(harness)
    source = make_source(harness)
    source.resources["jobs"].add_limit(2)
    pipeline.run(source)
    jobs = {row["uid"] for row in harness.rows("jobs")}
    assert len(jobs) == 6
    assert {row["job_uid"] for row in harness.rows("job_results")} <= jobs
    assert {row["uid"] for row in harness.rows("successful_jobs")} <= jobs
    (run,) = harness.rows("sync_runs")
    assert run["outcome"] == "stopped_early"
    calls_for_results(harness)
    limited = make_source(harness, max_parallel_requests=1).add_limit(2)
    pipeline.run(limited)
    assert calls_for_results(harness) <= 4  # of two jobs
    pipeline.run(make_source(harness))
    assert_equal(harness, oracle)


def test_a_limit_in_time_is_refused(harness: Harness) -> None:
    with pytest.raises(PipelineStepFailed) as failed:
        make_pipeline(harness).run(make_source(harness).add_limit(max_time=3.0))
    assert "max_minutes" in str(root_of(failed.value))


@pytest.mark.parametrize(
    ("mode", "limited"),
    [
        pytest.param("round_robin", (), marks=pytest.mark.integration),
        pytest.param("fifo", ("jobs",), marks=pytest.mark.integration),
        pytest.param("fifo", MOST_TABLES, marks=pytest.mark.integration),
    ],
)
def test_no_order_of_resources_waits_for_ever(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, mode: str, limited: tuple[str, ...]
) -> None:
    """With room for one row and one file, and whatever order dlt takes."""
    monkeypatch.setenv("EXTRACT__NEXT_ITEM_MODE", mode)
    for name in ("MOST_ROWS", "MOST_FILES", "ROWS_PER_BATCH"):
        monkeypatch.setattr(extraction, name, 1)
    monkeypatch.setattr("captaindata_source.extract.results.files.FILE_BYTES", 1)
    monkeypatch.setattr("captaindata_source.extract.results.files.ROW_GROUP_BYTES", 1)
    oracle = Oracle(harness.world)
    only(harness, oracle)
    pipeline = make_pipeline(harness)
    source = make_source(harness, max_parallel_requests=2)
    for name in limited:
        source.resources[name].add_limit(1)
    pipeline.run(source)
    pipeline.run(make_source(harness))
    assert_equal(harness, oracle)


def test_an_error_of_someone_else_ends_the_threads(harness: Harness) -> None:
    source = make_source(harness)

    def fail(_row: Any) -> Any:
        raise ZeroDivisionError

    source.resources["workspaces"].add_map(fail)
    with pytest.raises(PipelineStepFailed):
        make_pipeline(harness).run(source)
    pipeline = dlt.attach("own", pipelines_dir=str(harness.folder / "pipelines"))
    assert not list(Path(pipeline.working_dir).glob("result_files/*/"))
