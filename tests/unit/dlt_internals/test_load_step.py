"""What the connector relies on within dlt, and what it does about it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dlt
import pytest
from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.storages.load_package import PackageStorage, ParsedLoadJobFileName
from dlt.destinations.impl.duckdb.duck import DuckDbCopyJob
from dlt.load import Load
from dlt.load import load as dlt_load
from dlt.load.configuration import LoaderConfiguration

from captaindata_source.dlt_internals import load_step
from captaindata_source.dlt_internals.load_step import load_packages_as_a_whole
from captaindata_source.dlt_internals.packages import packages, restart_package
from tests.support import mishaps
from tests.support.harness import Harness
from tests.support.oracle import Oracle, assert_equal

pytestmark = pytest.mark.integration

PACKAGES = "dlt.common.storages.load_package:PackageStorage"
STORAGE = "dlt.common.storages.load_storage:LoadStorage"
AFTER_A_JOB = "save_pending_transition"
if not hasattr(PackageStorage, AFTER_A_JOB):  # dlt 1.24 and older
    AFTER_A_JOB = "complete_job"
LOAD_JOB = {
    "duckdb": "dlt.destinations.impl.duckdb.duck:DuckDbCopyJob.run",
    "postgres": "dlt.destinations._adbc_jobs:AdbcParquetCopyJob.run",
}
ANY_WAIT = json.dumps({"captaindata_source.dlt_internals.load_step:WAITS": [0, 0, 0, 0]})


def seen(harness: Harness) -> Oracle:
    oracle = Oracle(harness.world)
    oracle.look()
    return oracle


# -- pipelines of one's own, with dlt's defaults ---------------------------------------------------


def test_connections_that_break_after_their_work_double_nothing(harness: Harness) -> None:
    oracle = seen(harness)
    place = f"{LOAD_JOB[harness.database.name]}:1,2,3,4,5,6,7,8"
    assert harness.run_plainly(**{mishaps.BREAK_AFTER: place, mishaps.CONSTANTS: ANY_WAIT}) == 0
    assert_equal(harness, oracle)


@pytest.mark.parametrize(
    ("database", "place"),
    [
        pytest.param("duckdb", f"{PACKAGES}.{AFTER_A_JOB}:4", id="staged"),
        pytest.param("postgres", f"{STORAGE}.complete_load_package:1", id="committed"),
    ],
    indirect=["database"],
)
def test_a_killed_run_is_ended_by_the_next(harness: Harness, place: str) -> None:
    oracle = seen(harness)
    assert harness.run_plainly(**{mishaps.DIE_IN: place}) == -9
    assert harness.run_plainly() == 0
    assert_equal(harness, oracle)
    assert harness.run_plainly() == 0
    assert_equal(harness, oracle)


# -- one load step, by itself ----------------------------------------------------------------------


def test_tables_of_changes_are_loaded_before_all_others() -> None:
    load_packages_as_a_whole()

    def chosen(*files: str, running: str | None = None) -> list[str]:
        jobs = [SimpleNamespace(job_file_info=lambda: ParsedLoadJobFileName.parse(str(running)))]
        caps = DestinationCapabilitiesContext.generic_capabilities()
        options = LoaderConfiguration()
        return list(
            vars(dlt_load)["filter_new_jobs"](files, caps, options, jobs if running else [], 20)
        )

    jobs, more = "jobs.a1.0.parquet", "workflows.b1.0.parquet"
    changes, merge = "job_changes.c1.0.insert_values", "job_changes.d1.0.sql"
    assert chosen(jobs, changes, more) == [changes]
    assert chosen(jobs, more, running=changes) == []
    assert chosen(jobs, merge, more) == [merge]
    assert chosen(jobs, more) == [jobs, more]
    assert chosen(more, running=jobs) == [more]


def own_pipeline(folder: Path) -> dlt.Pipeline:
    return dlt.pipeline(
        "own",
        pipelines_dir=str(folder / "pipelines"),
        destination=dlt.destinations.duckdb(str(folder / "warehouse.duckdb")),
        dataset_name="d",
    )


def is_loaded_by(loads: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Notes the tables of the jobs that run; the first job of each table fails once it is done."""
    run = DuckDbCopyJob.run

    def run_and_fail(self: Any) -> None:
        run(self)
        table = self.job_file_info().table_name
        loads.append(table)
        if loads.count(table) == 1:
            raise ConnectionResetError

    monkeypatch.setattr(DuckDbCopyJob, "run", run_and_fail)
    monkeypatch.setattr(load_step, "WAITS", (0.0, 0.0, 0.0, 0.0))
    load_packages_as_a_whole()


@pytest.mark.parametrize("name", ["captaindata", "another_name"])
def test_a_package_of_ours_begins_anew_where_a_job_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    loads: list[str] = []
    is_loaded_by(loads, monkeypatch)
    rows = [{"workspace_uid": "w", "job_uid": "j", "data": str(number)} for number in range(3)]
    results = dlt.resource(
        rows,
        name="job_results",
        write_disposition="merge",
        merge_key=("workspace_uid", "job_uid"),
        file_format="parquet",
    )
    pipeline = own_pipeline(tmp_path)
    pipeline.run(dlt.source(lambda: results, name=name)())
    with pipeline.sql_client() as client:
        assert client.execute_sql("select count(*) from job_results") == [(3,)]
    assert loads.count("job_results") == 2


def test_packages_of_others_are_loaded_as_dlt_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[str] = []
    is_loaded_by(loads, monkeypatch)
    begun: list[Path] = []
    monkeypatch.setattr(load_step, "restart_package", lambda folder, **_: begun.append(folder))
    pipeline = own_pipeline(tmp_path)
    pipeline.run([{"a": 1}], table_name="theirs", loader_file_format="parquet")
    assert begun == []
    assert loads.count("theirs") == 2


def test_the_load_step_is_wrapped_once() -> None:
    load_packages_as_a_whole()
    first = Load.load_single_package
    load_packages_as_a_whole()
    assert Load.load_single_package is first


def make_package(folder: Path, jobs: dict[str, str], *, is_applied: bool) -> None:
    for state in ("new_jobs", "started_jobs", "completed_jobs", "failed_jobs"):
        (folder / state).mkdir(parents=True)
    for name, state in jobs.items():
        (folder / state / name).write_text("x", encoding="utf-8")
    if is_applied:
        (folder / PackageStorage.APPLIED_SCHEMA_UPDATES_FILE_NAME).write_text("{}")


def test_what_was_appended_stays_done_and_all_else_is_loaded_again(tmp_path: Path) -> None:
    make_package(
        tmp_path,
        {
            "jobs.1.0.parquet": "completed_jobs",
            "log.2.0.parquet": "completed_jobs",
            "log.3.1.parquet": "started_jobs",
            "jobs.4.0.sql": "completed_jobs",
        },
        is_applied=True,
    )
    restart_package(tmp_path, appended=["log"])
    found = {file.name: file.parent.name for file in tmp_path.glob("*/*")}
    assert found == {
        "jobs.1.0.parquet": "new_jobs",
        "log.2.0.parquet": "completed_jobs",
        "log.3.0.parquet": "new_jobs",
    }
    assert not (tmp_path / PackageStorage.APPLIED_SCHEMA_UPDATES_FILE_NAME).exists()
    assert (tmp_path / PackageStorage.SCHEMA_UPDATES_FILE_NAME).exists()


def test_what_a_job_appended_that_was_not_seen_to_end_is_not_appended_twice(
    tmp_path: Path,
) -> None:
    load_packages_as_a_whole()
    pipeline = own_pipeline(tmp_path)
    jobs = dlt.resource([{"workspace_uid": "w", "uid": "j"}], name="jobs", primary_key="uid")
    log = dlt.resource([{"said": 1}, {"said": 2}], name="log", write_disposition="append")
    pipeline.extract(dlt.source(lambda: [jobs, log], name="captaindata")())
    pipeline.normalize()
    ((load_id, folder),) = packages(pipeline).items()
    kept = tmp_path / "kept"
    shutil.copytree(folder, kept)
    pipeline.load()
    with pipeline.sql_client() as client:
        client.execute_sql("delete from _dlt_loads where load_id = %s", load_id)
    for file in (kept / "new_jobs").glob("*"):
        if file.name.startswith(("log.", "_dlt_pipeline_state.")):
            file.rename(kept / "started_jobs" / file.name)
    shutil.copytree(kept, folder)
    shutil.rmtree(folder.parents[1] / "loaded" / load_id)
    pipeline.load()
    with pipeline.sql_client() as client:
        assert client.execute_sql("select said from log order by said") == [(1,), (2,)]
        assert client.execute_sql("select count(*) from _dlt_pipeline_state") == [(1,)]


def test_a_package_that_was_not_begun_stays_as_it_is(tmp_path: Path) -> None:
    make_package(tmp_path, {"jobs.1.0.parquet": "new_jobs"}, is_applied=False)
    restart_package(tmp_path)
    assert [str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*.*")] == [
        "new_jobs/jobs.1.0.parquet"
    ]
