"""What a killed sync leaves in dlt's working folder never blocks the next one, loses or doubles."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import dlt
import duckdb
import pytest

from captaindata_source.engine import leftovers
from captaindata_source.sandbox import World
from tests.conftest import SMALL_WORLD
from tests.support import mishaps
from tests.support.databases import DuckDb, Postgres
from tests.support.faults import Fault
from tests.support.faulty_sandbox import FaultySandbox
from tests.support.harness import Harness, Synced
from tests.support.oracle import Oracle, assert_equal
from tests.support.statements import run_on

pytestmark = pytest.mark.integration

PACKAGES = "dlt.common.storages.load_package:PackageStorage"
STORAGE = "dlt.common.storages.load_storage:LoadStorage"
CLIENT = "dlt.destinations.job_client_impl:SqlJobClientBase"
FILES = ("warehouse.duckdb", "warehouse.duckdb.wal")
FRESH = "can't be loaded and is dropped"
"""In the log where leftovers were of no use."""


def killed(harness: Harness, place: str) -> str:
    """A folder of dlt's in which a sync was killed."""
    folder = str(harness.folder / "kept")
    harness.extra[mishaps.DIE_IN] = place
    process, _ = harness.start(data_dir=folder)
    process.join()
    assert process.exitcode == -9, "it is there that it was killed"
    harness.extra.clear()
    return folder


def assert_loads_once(harness: Harness) -> None:
    loads = [row["load_id"] for row in harness.rows("_dlt_loads")]
    assert len(set(loads)) == len(loads)


@pytest.mark.parametrize(
    ("database", "place", "fetches"),
    [
        pytest.param(name, place, fetches, id=f"{moment} {name}")
        for moment, place, fetches, names in (
            ("extracted", "dlt.extract.extract:Extract.commit_packages:1", True, ["duckdb"]),
            ("normalized", f"{STORAGE}.commit_new_load_package:1", False, ["duckdb"]),
            # rows are in staging, and dlt does not know
            ("staged", f"{PACKAGES}.save_pending_transition:3", False, ["postgres"]),
            ("merged", f"{PACKAGES}.save_pending_transition:12", False, ["postgres"]),
            ("all merged", f"{CLIENT}.complete_load:1", False, ["duckdb"]),
            ("committed", f"{STORAGE}.complete_load_package:1", False, ["postgres"]),
        )
        for name in names
    ],
    indirect=["database"],
)
def test_a_kill(harness: Harness, place: str, fetches: bool) -> None:
    oracle = Oracle(harness.world)
    oracle.look()
    folder = killed(harness, place)
    synced = harness.sync(data_dir=folder)
    assert_equal(harness, oracle)
    assert_loads_once(harness)
    assert bool(synced.paths("/results")) == fetches
    assert FRESH not in synced.stderr


def test_a_package_never_gets_into_another_database(harness: Harness) -> None:
    """The folders of dlt and of the sync are the same; the credentials are others."""
    oracle = Oracle(harness.world)
    oracle.look()
    folder = killed(harness, f"{PACKAGES}.start_job:1")
    (package,) = Path(folder).glob("captaindata/*/load/normalized/*/")
    if isinstance(harness.database, DuckDb):
        other = harness.folder / "other"
        other.mkdir()
        harness.database = DuckDb(other)
        synced = harness.sync(data_dir=folder)
        assert_equal(harness, oracle)
        assert package.name not in {row["load_id"] for row in harness.rows("_dlt_loads")}
        assert synced.paths("/results")
    else:
        assert isinstance(harness.database, Postgres)
        run_on(harness.database, "create database another")
        try:
            uri = harness.database.uri.replace("/postgres?", "/another?")
            harness.extra["DESTINATION__POSTGRES__CREDENTIALS"] = uri
            assert harness.sync(data_dir=folder).paths("/results")
        finally:
            run_on(harness.database, "drop database another with (force)")
    assert package.exists(), "it waits for its own database"


@pytest.mark.parametrize("database", ["duckdb"], indirect=True)
def test_older_rows_never_replace_newer_ones(harness: Harness) -> None:
    (workspace,) = harness.world.workspaces
    flow, job = next(
        (flow["uid"], job)
        for flow in harness.world.workflows(workspace)
        for job in harness.world.listed_jobs(workspace, flow["uid"])
        if job["status"] == "finished"
    )
    faults = harness.sandbox.faults
    path = f"/workflows/{flow}/jobs"
    running = {**job, "status": "running", "finish_time": None, "row_count": None}
    faults.add(Fault(match=path, kind="replace", body=json.dumps([running]).encode()))
    folder = killed(harness, f"{PACKAGES}.start_job:1")
    faults.clear()
    harness.sync()
    condition = f"uid = '{job['uid']}'"
    (known,) = harness.rows("jobs", where=condition)
    assert known["status"] == "finished"
    faults.add(Fault(match=path, kind="replace", body=b"[]"))
    faults.add(Fault(match=f"/jobs/{job['uid']}", kind="status", status=404))
    synced = harness.sync(data_dir=folder)
    faults.clear()
    assert FRESH in synced.stderr
    assert "the workspace was synced since, from another folder" in synced.stderr
    (row,) = harness.rows("jobs", where=condition)
    assert row["status"] == "finished"


@pytest.mark.parametrize(
    "error",
    [
        duckdb.IOException('IO Error: Could not set lock on file "x"'),
        duckdb.IOException('IO Error: Could not write file "x": No space left on device'),
    ],
    ids=["passing", "lasting"],
)
def test_what_is_left_outlives_a_destination_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    pipeline = dlt.pipeline(
        "left",
        destination=dlt.destinations.duckdb(str(tmp_path / "warehouse.duckdb")),
        dataset_name="x",
        pipelines_dir=str(tmp_path / "pipelines"),
    )
    pipeline.extract([{"a": 1}], table_name="t")
    with monkeypatch.context() as patch:
        patch.setattr(dlt.Pipeline, "load", lambda _: (_ for _ in ()).throw(error))
        with pytest.raises(duckdb.IOException):
            leftovers.settle(pipeline, None, workspace="w", workspace_uid="u")
    leftovers.settle(pipeline, None, workspace="w", workspace_uid="u")
    with pipeline.sql_client() as client:
        assert client.execute_sql("select a from t") == [(1,)]


# -- a folder that was damaged ---------------------------------------------------------------------


class Damaged:
    """Copies of a warehouse and of dlt's folder, in which a package waits for its load."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.oracle = Oracle(harness.world)
        self.oracle.look()
        killed(harness, f"{PACKAGES}.start_job:1")
        for name in ("kept", *FILES):
            (harness.folder / name).rename(harness.folder / f"{name}.saved")

    @property
    def working_folder(self) -> Path:
        """Of the workspace's pipeline, in the copy."""
        (folder,) = (self.harness.folder / "kept" / "captaindata").glob("captaindata_*")
        return folder

    @property
    def package(self) -> Path:
        (package,) = (self.working_folder / "load" / "normalized").iterdir()
        return package

    def renew(self) -> None:
        folder = self.harness.folder
        shutil.rmtree(folder / "kept", ignore_errors=True)
        shutil.copytree(folder / "kept.saved", folder / "kept")
        for name in FILES:
            shutil.copyfile(folder / f"{name}.saved", folder / name)

    def sync(self) -> Synced:
        return self.harness.sync(data_dir=str(self.harness.folder / "kept"))


@pytest.fixture(scope="module")
def damaged_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Damaged]:
    folder = tmp_path_factory.mktemp("damaged")
    with FaultySandbox(World(1, **SMALL_WORLD)) as sandbox:  # type: ignore[arg-type]
        yield Damaged(Harness(sandbox, DuckDb(folder), folder))


@pytest.fixture
def damaged(damaged_once: Damaged) -> Damaged:
    damaged_once.renew()
    return damaged_once


def truncated(*names: str) -> Callable[[Damaged], None]:
    """Cuts files in half, as a crash of the machine may."""

    def damage(damaged: Damaged) -> None:
        for name in names:
            (path,) = damaged.working_folder.glob(name)
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return damage


def written(name: str, text: str) -> Callable[[Damaged], None]:
    def damage(damaged: Damaged) -> None:
        path = damaged.working_folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    return damage


def corrupt_results(damaged: Damaged) -> None:
    for path in damaged.package.glob("new_jobs/job_results.*.parquet"):
        path.write_bytes(b"PAR1 but no more")


def lost_table(damaged: Damaged) -> None:
    """dlt is sure that it is there."""
    damaged.harness.database.execute("drop table job_results")


def other_type(damaged: Damaged) -> None:
    """Values of one table that another table's columns can't hold."""
    (path,) = damaged.package.glob("new_jobs/workspaces.*.parquet")
    (other,) = damaged.package.glob("new_jobs/workflows.*.parquet")
    path.write_bytes(other.read_bytes())


def file_for_folder(damaged: Damaged) -> None:
    shutil.rmtree(damaged.working_folder / "load")
    (damaged.working_folder / "load").touch()


def all_states(damaged: Damaged) -> None:
    written("state.json", "{")(damaged)


def harmless(damaged: Damaged) -> None:
    for name in ("load/new/x/garbage", "trace.pickle", "garbage", "normalize/x/garbage"):
        written(name, "x")(damaged)
    written("load/.version", "0.1.0")(damaged)


IS_DROPPED = "dropped"
IS_MADE_ANEW = "made anew"
IS_USED = ""


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(corrupt_results, IS_DROPPED, id="corrupt results"),
        pytest.param(other_type, IS_DROPPED, id="other types"),
        pytest.param(lost_table, IS_DROPPED, id="lost table"),
        pytest.param(truncated("schemas/captaindata.schema.json"), IS_MADE_ANEW, id="schema"),
        pytest.param(truncated("load/normalized/*/schema.json"), IS_DROPPED, id="its schema"),
        pytest.param(truncated("load/normalized/*/load_*.json"), IS_DROPPED, id="its state"),
        pytest.param(all_states, IS_MADE_ANEW, id="states"),
        pytest.param(written("state.json", "{}"), IS_MADE_ANEW, id="no state"),
        pytest.param(written("normalize/.version", "99.0.0"), IS_DROPPED, id="newer dlt"),
        pytest.param(written("load/normalized/x/garbage", "x"), IS_DROPPED, id="garbage"),
        pytest.param(written("schemas/x.schema.json", "x"), IS_DROPPED, id="a schema of garbage"),
        pytest.param(file_for_folder, IS_DROPPED, id="a file for a folder"),
        pytest.param(written("leftovers.tried", ""), IS_DROPPED, id="tried before"),
        pytest.param(harmless, IS_USED, id="harmless"),
    ],
)
def test_a_damaged_folder(damaged: Damaged, damage: Callable[[Damaged], None], said: str) -> None:
    damage(damaged)
    synced = damaged.sync()
    assert_equal(damaged.harness, damaged.oracle)
    assert_loads_once(damaged.harness)
    assert said in synced.stderr
    assert "Traceback" not in synced.stderr
    if said == IS_USED:
        assert not synced.paths("/results")


def test_dropped_tables_are_made_again(damaged: Damaged) -> None:
    damaged.sync()
    for table, keeps_folder in (("job_results", True), ("_dlt_loads", False)):
        damaged.harness.database.execute(f"drop table {table}")
        if not keeps_folder:
            shutil.rmtree(damaged.harness.folder / "kept")
        synced = damaged.sync()
        assert synced.paths("/results")
        assert_equal(damaged.harness, damaged.oracle)
